"""Bad files of outlines, through the verb and through `lobate check`: one paragraph, or a logged repair."""

from __future__ import annotations

import json
import zipfile

import geopandas as gpd
import numpy as np
import pytest
import shapely

from lobate.cli.main import main


class Desk:
    """A project folder with one image and one good file of outlines, where verbs and checks run as a user runs them."""

    def __init__(self, folder, outlines, capfd):
        self.folder, self.outlines, self._capfd = folder, outlines, capfd
        outlines.write_image(folder / "image.tif")
        self.good = [outlines.square(5, 5), outlines.square(30, 5)]
        outlines.write(folder / "good.gpkg", self.good, name=["a", "b"])

    def frame(self, shapes=None):
        return gpd.GeoDataFrame({"name": ["a", "b"]}, geometry=shapes or self.good, crs="EPSG:32644")

    def run(self, *files, removed=None):
        """Return exit status and words of the check, then of the verb; ``files``: of positives, as settings."""
        settings = {
            "region": "desk",
            "imagery": {"tiles": {"T1": ["image.tif"]}},
            "labels": {"positives": list(files), "removed": removed},
        }
        (self.folder / "region.json").write_text(json.dumps(settings))
        words = [
            "clean-labels",
            "--positives",
            *[file["path"] for file in files],
            "--images",
            "image.tif",
            "--tiles",
            "T1",
        ]
        words += ["--removed", removed] if removed else []
        output = []
        for command in (["check", "region.json"], [*words, "--polygons", "polygons.gpkg", "--settings", "region.json"]):
            status = main(command)
            out, err = self._capfd.readouterr()
            output.append((status, (out + err).strip()))
        return output

    @property
    def kept(self):
        return gpd.read_file(self.folder / "polygons.gpkg", layer="kept")


@pytest.fixture
def desk(outlines, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOBATE_STORE", str(tmp_path / "store"))
    return Desk(tmp_path, outlines, capfd)


def paragraphs(output):
    return [line for line in output.splitlines() if "Error" in line]


def bare(desk):
    desk.frame().to_file("bad.shp")
    (desk.folder / "bad.prj").unlink()
    return {"path": "bad.shp"}


def empty(desk):
    desk.frame()[:0].to_file("bad.gpkg")
    return {"path": "bad.gpkg"}


def points(desk):
    desk.frame().set_geometry(desk.frame().centroid).to_file("bad.gpkg")
    return {"path": "bad.gpkg"}


def lines(desk):
    desk.frame().set_geometry(desk.frame().boundary).to_file("bad.shp")
    return {"path": "bad.shp"}


def unknown_field(desk):
    return {"path": "good.gpkg", "id_field": "nmae"}


def unknown_filter(desk):
    return {"path": "good.gpkg", "where": {"Out.Type": "Extended"}}


def filter_of_nothing(desk):
    return {"path": "good.gpkg", "where": {"name": "c"}}


def no_layer(desk):
    return {"path": "good.gpkg", "layer": "outlines"}


def two_layers(desk):
    for layer in ("one", "two"):
        desk.frame().to_file("bad.gpkg", layer=layer)
    return {"path": "bad.gpkg"}


def truncated(desk):
    (desk.folder / "bad.gpkg").write_bytes((desk.folder / "good.gpkg").read_bytes()[:3000])
    return {"path": "bad.gpkg"}


def far_away(desk):
    desk.frame([desk.outlines.square(9000, 5), desk.outlines.square(9030, 5)]).to_file("bad.gpkg")
    return {"path": "bad.gpkg"}


def zip_that_climbs(desk):
    desk.frame().to_crs(4326).to_file("inside.geojson")
    with zipfile.ZipFile("bad.zip", "w") as archive:
        archive.write("inside.geojson", "../../outside.geojson")
    return {"path": "bad.zip"}


def zip_that_explodes(desk):
    with zipfile.ZipFile("bad.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.geojson", b" " * (70 * 2**20))
    return {"path": "bad.zip"}


def zip_of_nothing(desk):
    with zipfile.ZipFile("bad.zip", "w") as archive:
        archive.writestr("readme.txt", "nothing here")
    return {"path": "bad.zip"}


def zip_cut_short(desk):
    with zipfile.ZipFile("whole.zip", "w") as archive:
        archive.write("good.gpkg")
    (desk.folder / "bad.zip").write_bytes((desk.folder / "whole.zip").read_bytes()[:-40])
    return {"path": "bad.zip"}


BAD = {
    bare: "has no coordinate reference system",
    empty: "holds no feature",
    points: "must hold polygons",
    lines: "must hold polygons",
    unknown_field: "has no field nmae",
    unknown_filter: "has no field Out.Type",
    filter_of_nothing: "no feature has name = c",
    no_layer: "has no layer outlines; it has good",
    two_layers: "has several layers (one, two)",
    truncated: "cannot be read",
    far_away: "lies on",
    zip_that_climbs: "would write outside its folder",
    zip_that_explodes: "more than outlines need",
    zip_of_nothing: "holds no file of outlines",
    zip_cut_short: "cannot be unpacked",
}


@pytest.mark.parametrize("make", BAD, ids=lambda one: one.__name__)
def test_bad_outlines_end_in_one_paragraph_before_and_in_the_run(desk, make):
    file = make(desk)
    there = sorted(desk.folder.parent.rglob("*outside*"))
    for status, output in desk.run(file):
        assert status == 2
        assert len(paragraphs(output)) == 1, output
        assert BAD[make] in output
        assert (file["path"] in output) or make is far_away
        assert "/tmp/tmp" not in output
        assert "Traceback" not in output
    assert not (desk.folder / "polygons.gpkg").exists()
    assert sorted(desk.folder.parent.rglob("*outside*")) == there


def test_a_list_of_removed_outlines_without_reasons_is_told_by_both(desk):
    (desk.folder / "removed.csv").write_text("id,reason\na,\n")
    for status, output in desk.run({"path": "good.gpkg"}, removed="removed.csv"):
        assert status == 2
        assert "removed.csv: a has no reason" in output


def test_a_crs_of_no_place_is_told(desk):
    desk.frame().set_crs('LOCAL_CS["site",UNIT["metre",1]]', allow_override=True).to_file("bad.gpkg")
    for status, output in desk.run({"path": "bad.gpkg"}):
        assert status == 2, output
        assert len(paragraphs(output)) == 1
        assert "Traceback" not in output


def lost_index(desk):
    desk.frame().to_file("odd.shp")
    (desk.folder / "odd.shx").unlink()
    return [{"path": "odd.shp"}]


def zipped_without_index(desk):
    desk.frame().to_file("odd.shp")
    with zipfile.ZipFile("odd.zip", "w") as archive:
        for suffix in ("shp", "dbf", "prj"):
            archive.write(f"odd.{suffix}", f"survey 2018/odd.{suffix}")
    return [{"path": "odd.zip"}]


def not_numbers(desk):
    broken = shapely.Polygon([(500_000, 3_999_000), (500_100, np.nan), (500_100, 3_999_000)])
    desk.frame([desk.good[0], broken]).to_file("odd.gpkg")
    return [{"path": "odd.gpkg"}]


def whole_world(desk):
    frame = desk.frame().to_crs(4326)
    frame.loc[1, "geometry"] = shapely.box(-180, -90, 180, 90)
    frame.to_file("odd.geojson")
    return [{"path": "odd.geojson"}]


def same_ids(desk):
    desk.frame([desk.outlines.square(60, 5), desk.outlines.square(90, 5)]).to_file("odd.gpkg")
    return [{"path": "good.gpkg", "id_field": "name"}, {"path": "odd.gpkg", "id_field": "name"}]


def crossed(desk):
    x, y = 500_500.0, 3_999_500.0
    desk.frame([desk.good[0], shapely.Polygon([(x, y), (x + 99, y + 99), (x + 99, y), (x, y + 99)])]).to_file(
        "odd.gpkg"
    )
    return [{"path": "odd.gpkg"}]


MENDED = {
    lost_index: ("the index is restored", 2),
    zipped_without_index: ("the index is restored", 2),
    not_numbers: ("1 has coordinates that are not numbers", 1),
    whole_world: ("1 reaches over more degrees than any landform", 1),
    same_ids: ("2 ids were taken already and renamed: a to a@odd, b to b@odd", 4),
    crossed: ("1 invalid outlines were repaired", 3),
}


@pytest.mark.parametrize("make", MENDED, ids=lambda one: one.__name__)
def test_what_can_be_mended_is_mended_and_told(desk, make):
    (checked, _), (ran, output) = desk.run(*make(desk))
    words, count = MENDED[make]
    assert (checked, ran) == (0, 0), output
    assert words in output
    assert len(desk.kept) == count
