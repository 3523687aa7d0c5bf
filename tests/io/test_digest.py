"""The digest covers names and bytes of a family of files, and nothing else."""

from __future__ import annotations

import pytest

from lobate.errors import UserError
from lobate.io.digest import canonical_json, content_digest, file_in, files_of


def test_folder_counts_names_and_contents_but_not_times(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name / "deep").mkdir(parents=True)
        (tmp_path / name / "deep" / "a").write_text("a")
        (tmp_path / name / "b").write_text("b")
    (tmp_path / "one" / ".snakemake_timestamp").touch()
    digest = content_digest(tmp_path / "one")
    assert content_digest(tmp_path / "two") == digest
    (tmp_path / "two" / "b").rename(tmp_path / "two" / "c")
    assert content_digest(tmp_path / "two") != digest


def test_shapefile_counts_its_side_files_and_no_others(tmp_path):
    for suffix in ("shp", "dbf", "shx", "qix", "PRJ"):
        (tmp_path / f"a[1].{suffix}").write_text(suffix)
    (tmp_path / "a[1]_other.shp").write_text("x")
    path = tmp_path / "a[1].shp"
    assert sorted(files_of(path)) == [".dbf", ".prj", ".shp", ".shx"]
    digest = content_digest(path)
    (tmp_path / "a[1].qix").write_text("changed")
    assert content_digest(path) == digest
    (tmp_path / "a[1].PRJ").write_text("changed")
    assert content_digest(path) != digest


def test_a_raster_counts_what_beside_it_says_where_it_lies(tmp_path):
    path, side = tmp_path / "dem.tif", tmp_path / "dem.tif.aux.xml"
    path.write_text("pixels")
    digest = content_digest(path)
    side.write_text("<PAMDataset><PAMRasterBand band='1'><Metadata/></PAMRasterBand></PAMDataset>")
    assert content_digest(path) == digest, "statistics that a viewer left are no content"
    side.write_text("<PAMDataset><SRS>EPSG:32644</SRS></PAMDataset>")
    placed = content_digest(path)
    side.write_text("<PAMDataset><SRS>EPSG:32645</SRS></PAMDataset>")
    assert len({digest, placed, content_digest(path)}) == 3
    (tmp_path / "dem.tfw").write_text("10")
    assert files_of(path) == {"": path, "*.aux.xml": side, "*.tfw": tmp_path / "dem.tfw"}


def test_the_manifest_of_a_fetched_scene_stands_for_its_folder(tmp_path):
    for name in ("B04.tif", "checksums.json"):
        (tmp_path / name).write_text(name)
    assert content_digest(tmp_path / "checksums.json") == content_digest(tmp_path)
    digest = content_digest(tmp_path / "checksums.json")
    (tmp_path / "B04.tif").write_text("damaged")
    assert content_digest(tmp_path / "checksums.json") != digest
    (tmp_path / "checksums.json").unlink()
    with pytest.raises(UserError, match="does not exist"):
        content_digest(tmp_path / "checksums.json")


def test_members_stand_where_the_family_put_them(tmp_path):
    assert file_in(tmp_path / "a.tif", "") == tmp_path / "a.tif"
    assert file_in(tmp_path / "a.shp", ".dbf") == tmp_path / "a.dbf"
    assert file_in(tmp_path / "a.SAFE", "x/y.jp2") == tmp_path / "a.SAFE/x/y.jp2"


def test_missing_is_a_mistake(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        content_digest(tmp_path / "no")


def test_canonical_text_is_the_same_for_the_same_value():
    assert canonical_json({"b": [1, 2.5], "a": None}) == '{"a":null,"b":[1,2.5]}'
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json(float("nan"))
