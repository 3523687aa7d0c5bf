"""The range of an area: half a pixel along the outline, or the areas that several people drew."""

from __future__ import annotations

import json

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import box

from lobate.inventory.apply_review import apply_review
from lobate.inventory.area_range import with_area_range
from lobate.inventory.describe import describe
from lobate.io.vector import geodesic_area_m2, geodesic_perimeter_m

from .conftest import STEP, frame, probability_map, square
from .test_compile_inventory import compiled, described


def measured(*shapes, **columns):
    table = gpd.GeoDataFrame(geometry=list(shapes), crs=4326)
    nothing = {"area_low_km2": np.nan, "area_high_km2": np.nan, "area_range": None, **columns}
    return table.assign(area_km2=geodesic_area_m2(table) / 1e6, perimeter_m=geodesic_perimeter_m(table), **nothing)


def ground(*parts):
    return gpd.GeoDataFrame({"pixel_m": [pixel for _, pixel in parts]}, geometry=[part for part, _ in parts], crs=4326)


def test_half_a_pixel_along_a_compact_outline_is_what_a_buffer_gives():
    """A disc of 300 m: moved by 5 m in and out."""
    disc = gpd.GeoSeries([shapely.Point(500_000, 4_000_000).buffer(300, 64)], crs=32644)
    areas = [disc.buffer(by, 64).area.iloc[0] / 1e6 for by in (-5, 5)]
    outline = disc.to_crs(4326).iloc[0]
    (row,) = with_area_range(measured(outline), ground((outline, 10.0))).to_dict("records")
    assert [row["area_low_km2"], row["area_high_km2"]] == pytest.approx(areas, abs=2e-4)
    assert row["area_range"] == "half a pixel of 10 m along the outline"


@given(st.floats(0.01, 3), st.sampled_from([3.0, 10.0, 500.0]))
def test_the_range_holds_the_area_and_is_never_negative(side, pixel):
    (row,) = with_area_range(measured(square(0, side=side)), ground((square(0, side=9), pixel))).to_dict("records")
    assert 0 <= row["area_low_km2"] < row["area_km2"] + 1e-6 < row["area_high_km2"] + 2e-6


def test_the_pixel_is_that_of_the_map_under_the_outline():
    maps = ground((box(79, 35, 80 + 2 * STEP, 37), 10.0), (box(80 + 2 * STEP, 35, 80 + 5 * STEP, 37), 20.0))
    names = with_area_range(measured(square(0), square(1.5), square(3), square(50)), maps)["area_range"]
    assert [name.split()[4] for name in names] == ["10", "20", "20", "20"]


def test_without_a_map_there_is_no_range_and_what_people_drew_stands():
    records = measured(square(0), square(1), area_low_km2=[np.nan, 0.05])
    assert with_area_range(records, ground())["area_low_km2"].tolist() == pytest.approx([np.nan, 0.05], nan_ok=True)
    kept = with_area_range(records, ground((box(79, 35, 81, 37), 10.0)))
    assert kept["area_low_km2"].iloc[1] == 0.05
    assert kept["area_low_km2"].iloc[0] < kept["area_km2"].iloc[0]


def test_the_outlines_of_several_people_give_the_range_in_the_inventory(detections, tmp_path):
    shapes = [square(0), square(1), square(2)]
    drawn = [square(0, side=0.85), square(1, side=0.88), square(2)]
    words = {"one": ["edited", "edited", "accepted"], "two": ["edited", "accepted", "accepted"]}
    files = []
    for name, outlines in (("one", [square(0, side=0.95), square(1, side=0.88), square(2)]), ("two", drawn)):
        files.append(tmp_path / f"{name}.geojson")
        frame(outlines, status=words[name], detection=[None] * 3, reviewer=[name] * 3).to_file(files[-1])
    apply_review(detections(shapes), tmp_path / "reviewed.gpkg", files)
    describe(tmp_path / "reviewed.gpkg", tmp_path / "described.gpkg", source="reviewed", others_settings={})
    result = compiled(tmp_path, tmp_path / "described.gpkg").sort_values("longitude").reset_index(drop=True)
    areas = geodesic_area_m2(gpd.GeoSeries([square(0, side=0.85), square(0, side=0.95)], crs=4326)) / 1e6
    assert result.loc[0, ["area_low_km2", "area_high_km2"]].tolist() == pytest.approx(areas.tolist(), abs=1e-6)
    assert result.loc[0, "area_range"] == "the outlines of 2 people"
    assert result.loc[1:, "area_range"].str.startswith("half a pixel of").all()
    assert ((result["area_low_km2"] < result["area_km2"]) & (result["area_km2"] < result["area_high_km2"]))[1:].all()


def test_no_total_of_the_region_sums_ranges(tmp_path):
    shapes = [square(0), square(1)]
    maps = [probability_map(tmp_path / "map.tif")]
    areas = geodesic_area_m2(gpd.GeoSeries(shapes, crs=4326)) / 1e6
    lengths = geodesic_perimeter_m(gpd.GeoSeries(shapes, crs=4326))
    reviewed = described(tmp_path / "r.gpkg", shapes, "reviewed", area_km2=areas, perimeter_m=lengths)
    result = compiled(tmp_path, reviewed, maps=maps)
    summary = json.loads((tmp_path / "summary.json").read_text())["inventory"]
    assert set(summary["area_km2"]) == {"total", "mean", "median"}
    table = pd.read_csv(tmp_path / "inventory.csv")
    assert (table["area_low_km2"] < table["area_km2"]).all()
    assert (result["area_low_km2"] < result["area_high_km2"]).all()
