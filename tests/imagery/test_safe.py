"""Zips are read in place; entries outside the zip and zip bombs are refused before anything is read."""

from __future__ import annotations

import zipfile

import pytest

from lobate.errors import UserError
from lobate.imagery.reading import safe
from lobate.imagery.reading.safe import FolderArchive, ZipArchive
from lobate.imagery.reading.scene import SceneRequest


def packed(path, entries: dict[str, bytes], **options):
    with zipfile.ZipFile(path, "w", **options) as file:
        for name, content in entries.items():
            file.writestr(name, content)
    return path


@pytest.mark.parametrize(
    "name",
    ["../out.jp2", "a/../../out.jp2", "/etc/out.jp2", "C:/out.jp2", "..\\out.jp2", "a\\..\\..\\out", ".", "./.."],
)
def test_an_entry_that_would_leave_the_archive_is_refused(tmp_path, name):
    with pytest.raises(UserError, match="leaves the archive"):
        ZipArchive(packed(tmp_path / "a.zip", {"fine.xml": b"x", name: b"x"})).names()


def test_an_archive_that_explodes_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(safe, "MAX_UNPACKED_BYTES", 1 << 20)
    bomb = packed(tmp_path / "a.zip", {"B04.jp2": bytes(2 << 20)}, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(UserError, match="more than 100 times its own size"):
        ZipArchive(bomb).names()
    plain = packed(tmp_path / "b.zip", {"B04.jp2": bytes(2 << 20)})
    assert ZipArchive(plain).names() == ["B04.jp2"]


def test_an_archive_that_claims_to_hold_much_is_refused(tmp_path):
    path = packed(tmp_path / "a.zip", {"B04.jp2": b"x" * 1000})
    content = bytearray(path.read_bytes())
    listed = content.rindex(b"PK\x01\x02")
    content[listed + 24 : listed + 28] = (0xFFFFFFF0).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"unpack to 4\.3 GB"):
        ZipArchive(path).names()


def test_metadata_that_unpack_to_too_much_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(safe, "MAX_METADATA_BYTES", 1000)
    path = packed(tmp_path / "a.zip", {"MTD_MSIL2A.xml": bytes(2000)}, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(UserError, match="far too large"):
        ZipArchive(path).read("MTD_MSIL2A.xml")


def test_a_damaged_or_encrypted_entry_is_a_mistake(tmp_path):
    path = packed(tmp_path / "a.zip", {"MTD_MSIL2A.xml": b"<a/>" * 999}, compression=zipfile.ZIP_DEFLATED)
    whole = path.read_bytes()
    listed = whole.rindex(b"PK\x01\x02")
    for place, change in ((60, b"\xff\xff\xff"), (listed + 8, b"\x01"), (listed + 10, b"\x63")):
        path.write_bytes(whole[:place] + change + whole[place + len(change) :])
        with pytest.raises(UserError, match=r"MTD_MSIL2A\.xml cannot be read"):
            ZipArchive(path).read("MTD_MSIL2A.xml")


def with_method(path, method):
    """Give the last entry of a zip another compression method, in the directory and in its own header."""
    content = bytearray(path.read_bytes())
    for place in (content.rindex(b"PK\x03\x04") + 8, content.rindex(b"PK\x01\x02") + 10):
        content[place : place + 2] = method.to_bytes(2, "little")
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("method", [1, 6, 9, 10, 12, 14, 93, 95, 98, 99, 65535])
def test_an_entry_neither_stored_nor_deflated_is_refused(tmp_path, method):
    """Deflate64 (9) overflows a buffer in older versions of GDAL; bzip2, LZMA, zstd and others no product has."""
    path = packed(tmp_path / "a.zip", {"MTD_MSIL2A.xml": b"x", "GRANULE/B04.jp2": b"x" * 99})
    with pytest.raises(UserError, match=rf"a\.zip .*neither stored nor deflated .*B04\.jp2.* method {method}\b"):
        ZipArchive(with_method(path, method)).names()
    with pytest.raises(UserError, match="neither stored nor deflated"):
        safe.read(path, SceneRequest(("B04",), "metadata", False))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_sound_entry_of_another_compression_is_refused(tmp_path, method):
    path = packed(tmp_path / "a.zip", {"MTD_MSIL2A.xml": b"x" * 99}, compression=method)
    with pytest.raises(UserError, match="neither stored nor deflated"):
        ZipArchive(path).names()


def test_stored_and_deflated_entries_are_read(tmp_path):
    for method in safe.COMPRESSIONS:
        path = packed(tmp_path / "a.zip", {"MTD_MSIL2A.xml": b"x" * 99}, compression=method)
        assert ZipArchive(path).names() == ["MTD_MSIL2A.xml"]


def test_nothing_is_unpacked(products, tmp_path):
    safe = products.write_safe(tmp_path / "product", products.ground() + 1000)
    path = products.zip_safe(safe).rename(tmp_path / safe.with_suffix(".SAFE.zip").name)
    before = sorted(tmp_path.rglob("*"))
    products.compose(path, tmp_path / "made" / "image.tif")
    assert sorted(file for file in tmp_path.rglob("*") if "made" not in file.parts) == before


def test_a_folder_lists_and_reads_its_files(tmp_path):
    (tmp_path / "GRANULE").mkdir()
    (tmp_path / "GRANULE" / "a.xml").write_bytes(b"x")
    folder = FolderArchive(tmp_path)
    assert folder.names() == ["GRANULE/a.xml"]
    assert folder.read("GRANULE/a.xml") == b"x"
