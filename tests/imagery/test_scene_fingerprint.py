"""The fingerprint of a scene changes with whatever its reader opens, and with nothing else."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from lobate.imagery.reading.fingerprint import scene_fingerprint
from lobate.io.digest import quick_fingerprint

BANDS = ["B04", "B03", "B02"]
GRANULE = "GRANULE/L2A_T44SPC_A1"
PRODUCT = {
    "MTD_MSIL2A.xml": True,
    f"{GRANULE}/IMG_DATA/R10m/T_B04_10m.jp2": True,
    f"{GRANULE}/IMG_DATA/R10m/T_B02_10m.jp2": True,
    f"{GRANULE}/IMG_DATA/R10m/T_B03_10m.jp2": True,
    f"{GRANULE}/IMG_DATA/R20m/T_SCL_20m.jp2": True,
    f"{GRANULE}/IMG_DATA/R20m/T_B04_20m.jp2": False,
    f"{GRANULE}/IMG_DATA/R10m/T_TCI_10m.jp2": False,
    f"{GRANULE}/MTD_TL.xml": False,
    f"{GRANULE}/QI_DATA/T_PVI.jp2": False,
    "HTML/UserProduct_index.html": False,
    "preview.jpg": False,
}
ITEM = {"type": "Feature", "properties": {}, "assets": {"red": {"href": "./pixels/first.tif"}}}
SCENES = {
    "a.SAFE": PRODUCT,
    "unpacked": {f"a.SAFE/{name}": read for name, read in PRODUCT.items()},
    "item": {
        "item.json": True,
        "granule_metadata.xml": True,
        "pixels/first.tif": True,
        "B03.tif": True,
        "green.txt": False,
        "B08.tif": False,
        "thumbnail.png": False,
    },
    "bands": {
        "MTD_MSIL2A.xml": True,
        "T_B04_10m.tif": True,
        "B02.tif": True,
        "SCL.tif": True,
        "B8A.tif": False,
        "a.html": False,
    },
}
FILES = [(scene, file, read) for scene, files in SCENES.items() for file, read in files.items()]


@pytest.fixture(params=["brought", "linked", "fetched"])
def make(request, tmp_path):
    """A function that makes a scene; returns its folder and the path that the plan knows."""

    def make(scene: str) -> tuple[Path, Path]:
        folder = tmp_path / "kept" / scene
        for name in SCENES[scene]:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(b"12345678")
        if scene == "item":
            (folder / "item.json").write_text(json.dumps(ITEM))
        if request.param == "brought":
            return folder, folder
        if request.param == "fetched":
            (folder / "checksums.json").write_text("{}")
            return folder, folder / "checksums.json"
        (tmp_path / f"linked_{scene}").symlink_to(folder)
        return folder, tmp_path / f"linked_{scene}"

    return make


def rewrite(file: Path) -> None:
    """Replace the bytes in place by as many others, and give the file its old time."""
    status = file.stat()
    file.write_bytes(bytes(byte ^ 1 for byte in file.read_bytes()))
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def make_older(file: Path) -> None:
    os.utime(file, (1_000_000_000, 1_000_000_000))


def swap_in(file: Path) -> None:
    """Let another file of the same size and time take its place."""
    other = file.with_name("other")
    shutil.copy2(file, other)
    other.replace(file)


def rename(file: Path) -> None:
    file.rename(file.with_name(f"other_{file.name}"))


CHANGES: dict[str, Callable[[Path], None]] = {
    "other bytes": rewrite,
    "an older time": make_older,
    "another file": swap_in,
    "another name": rename,
    "no file": Path.unlink,
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(("scene", "file", "read"), FILES)
def test_a_change_is_seen_where_the_reader_looks(make, scene, file, read, change):
    folder, path = make(scene)
    before = scene_fingerprint(path, BANDS)
    assert scene_fingerprint(path, BANDS) == before
    CHANGES[change](folder / file)
    assert (scene_fingerprint(path, BANDS) != before) == read


ADDED = {
    "a.SAFE": [
        f"{GRANULE}/IMG_DATA/R10m/T_B04_10m.jp2.aux.xml",
        f"{GRANULE}/IMG_DATA/R10m/T_B04_10m.ovr",
        f"{GRANULE}_2/IMG_DATA/R10m/T_B04_10m.jp2",
    ],
    "item": ["other.json", "pixels/first.tif.msk", "SCL.tif", "blue.tif"],
    "bands": ["B03.tif", "B04.tif", "other.xml", "B02.tfw"],
}


@pytest.mark.parametrize(("scene", "file"), [(scene, file) for scene, files in ADDED.items() for file in files])
def test_what_is_added_is_seen_where_it_counts(make, scene, file):
    folder, path = make(scene)
    before = scene_fingerprint(path, BANDS)
    (folder / file).parent.mkdir(parents=True, exist_ok=True)
    (folder / file).write_text(json.dumps(ITEM))
    assert scene_fingerprint(path, BANDS) != before


@pytest.mark.parametrize("scene", SCENES)
def test_other_bands_are_other_files(make, scene):
    _, path = make(scene)
    assert scene_fingerprint(path, BANDS) != scene_fingerprint(path, ["B02"])


def test_a_scene_that_is_not_there_has_no_fingerprint(tmp_path):
    assert (
        scene_fingerprint(tmp_path / "a.SAFE", BANDS) == scene_fingerprint(tmp_path / "s/checksums.json", BANDS) == ""
    )


def test_a_zip_counts_as_a_file(tmp_path):
    path = tmp_path / "a.SAFE.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.SAFE/MTD_MSIL2A.xml", bytes(5 << 20))
    before = scene_fingerprint(path, BANDS)
    for change in (rewrite, make_older, swap_in):
        change(path)
        assert scene_fingerprint(path, BANDS) != before
        before = scene_fingerprint(path, BANDS)


@pytest.mark.parametrize("change", CHANGES)
def test_any_file_of_another_folder_counts(tmp_path, change):
    folder = tmp_path / "outlines.gdb"
    (folder / "inner").mkdir(parents=True)
    for name in ("a00000001.gdbtable", "inner/b"):
        (folder / name).write_bytes(b"12345678")
    for name in ("a00000001.gdbtable", "inner/b"):
        before = quick_fingerprint(folder)
        CHANGES[change](folder / name)
        assert quick_fingerprint(folder) != before
