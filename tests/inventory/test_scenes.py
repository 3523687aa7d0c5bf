"""What an outline was mapped from, counted off made records."""

from __future__ import annotations

import json

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from affine import Affine
from shapely.geometry import box

from lobate.errors import Mistake
from lobate.inventory.describe import describe
from lobate.inventory.scenes import mapped_from
from lobate.vectors import read_polygons, write_layers

from .conftest import frame

CRS = "EPSG:32644"
WEST, NORTH = 500_000.0, 4_000_000.0


def recorded(folder, name, numbers, dates, west=WEST):
    """A record of 10 m pixels and its facts; scene n is called <name>_<n>."""
    values = np.array(numbers, dtype=np.uint8)
    grid = {"height": len(values), "width": len(values[0]), "transform": Affine(10, 0, west, 0, -10, NORTH)}
    with rasterio.open(
        folder / f"{name}_scene.tif", "w", "GTiff", count=1, dtype="uint8", crs=CRS, nodata=0, **grid
    ) as out:
        out.write(values, 1)
    scenes = [{"name": f"{name}_{n}", "date": date, "number": n} for n, date in enumerate(dates, 1)]
    (folder / f"{name}.json").write_text(json.dumps({"scenes": scenes}))
    return folder / f"{name}_scene.tif", folder / f"{name}.json"


def outline(left, top, right, bottom, west=WEST):
    """Columns and rows of 10 m, as an outline in degrees."""
    return box(west + 10 * left, NORTH - 10 * bottom, west + 10 * right, NORTH - 10 * top)


def told(outlines, *pairs):
    there = gpd.GeoSeries(outlines, crs=CRS).to_crs(4326)
    return mapped_from(there, [one for one, _ in pairs], [other for _, other in pairs])


def test_shares_and_the_date_of_the_greatest(tmp_path):
    pair = recorded(tmp_path, "A", [[1, 1, 1, 2]] * 4, ["2018-07-11T05:16:51.000Z", "2018-08-02"])
    first, second, half = told([outline(0, 0, 4, 4), outline(3, 0, 4, 2), outline(2.5, 0, 3.5, 4)], pair)
    assert first == {"mapping_date": "2018-07-11", "scenes": "A_1:0.750;A_2:0.250", "scenes_note": None}
    assert (second["mapping_date"], second["scenes"]) == ("2018-08-02", "A_2:1.000")
    assert (half["mapping_date"], half["scenes"]) == ("2018-08-02", "A_2:0.500;A_1:0.500")  # the later of equals


def test_pixels_that_no_scene_shows_do_not_count(tmp_path):
    pair = recorded(tmp_path, "A", [[0, 0, 0, 1]] * 4, ["2018-07-11"])
    partly, nowhere, beyond = told([outline(0, 0, 4, 4), outline(0, 0, 2, 2), outline(900, 0, 910, 9)], pair)
    assert partly["scenes"] == "A_1:1.000"
    for one in (nowhere, beyond):
        assert one == {"mapping_date": None, "scenes": None, "scenes_note": "no image covers it"}


def test_across_two_tiles(tmp_path):
    left = recorded(tmp_path, "A", [[1] * 4] * 4, ["2018-07-11"])
    right = recorded(tmp_path, "B", [[1] * 4] * 4, ["2018-08-02"], west=WEST + 40)
    (one,) = told([outline(3, 0, 8, 4)], left, right)
    assert one["scenes"] == "B_1:0.800;A_1:0.200"
    assert one["mapping_date"] == "2018-08-02"


def test_undated_scenes_and_no_records_have_a_reason(tmp_path):
    (one,) = told([outline(0, 0, 4, 4)], recorded(tmp_path, "A", [[1] * 4] * 4, [None]))
    assert (one["mapping_date"], one["scenes_note"]) == (None, "the scene's date is not known")
    assert told([outline(0, 0, 1, 1)])[0]["scenes_note"] == "no record of scenes"
    assert told([], recorded(tmp_path, "A", [[1]], ["2018-07-11"])) == []


@pytest.mark.parametrize("text", ["", "[1]", '{"scenes": 3}', '{"scenes": [{"name": "A"}]}'])
def test_facts_that_are_none(tmp_path, text):
    record, facts = recorded(tmp_path, "A", [[1]], ["2018-07-11"])
    facts.write_text(text)
    with pytest.raises(Mistake, match="does not tell the scenes"):
        told([outline(0, 0, 1, 1)], (record, facts))


def test_records_and_facts_that_do_not_fit(tmp_path):
    record, facts = recorded(tmp_path, "A", [[3]], ["2018-07-11"])
    with pytest.raises(Mistake, match="scene number 3"):
        told([outline(0, 0, 1, 1)], (record, facts))
    with pytest.raises(Mistake, match="one for each image"):
        mapped_from(gpd.GeoSeries([outline(0, 0, 1, 1)], crs=CRS), [record], [])


def test_described_detections_say_what_they_were_mapped_from(tmp_path):
    there = gpd.GeoSeries([outline(0, 0, 4, 4)], crs=CRS).to_crs(4326)
    reviewed = frame(list(there), detection=["d1"], status=["pending"], confidence=[0.9])
    write_layers(tmp_path / "r.gpkg", {"reviewed": reviewed, "rejected": reviewed.iloc[:0]})
    record, facts = recorded(tmp_path, "A", [[1, 1, 1, 2]] * 4, ["2018-07-11", "2018-08-02"])
    describe(tmp_path / "r.gpkg", tmp_path / "d.gpkg", None, [record], [facts], source="reviewed", others_settings={})
    (one,) = read_polygons(tmp_path / "d.gpkg", "described").to_dict("records")
    assert (one["mapping_date"], one["scenes"]) == ("2018-07-11", "A_1:0.750;A_2:0.250")
