from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from affine import Affine
from shapely.geometry import box

from lobate.cli.estimate import cost_text, estimate_cost
from lobate.settings.load import parse

TABLE = "scene\ttile\tdate\tcloud_cover\tbaseline\tsource\tchecksums\n"


@pytest.fixture
def outlines(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    squares = [box(500_000 + 5_000 * n, 4_000_000, 500_510 + 5_000 * n, 4_000_510) for n in range(10)]
    gpd.GeoDataFrame({"id": [f"p{n}" for n in range(10)]}, geometry=squares, crs="EPSG:32644").to_file("p.gpkg")
    names = [f"S{n}\tT{n // 2}\t2018-07-11\t1.0\t02.08\thttps://stac.example/S{n}\t\n" for n in range(6)]
    (tmp_path / "scenes.tsv").write_text(TABLE + "".join(names))


def region(**changed):
    base = {
        "region": "r",
        "imagery": {"scenes": "scenes.tsv"},
        "labels": {"positives": [{"path": "p.gpkg", "id_field": "id"}]},
    }
    return parse({**base, **changed})


def test_counts_come_from_table_and_outlines(outlines):
    found = estimate_cost(region())
    assert (found.tiles, found.fetches, found.outlines, found.rounds) == (3, 6, 10, 3)
    # 0.26 km2, three times as long as wide: 6 patches, as patches.cores reckons
    assert found.patches == 60
    assert found.windows == 3 * 35**2
    assert found.jobs > 3 * 5 + 6


def test_removed_outlines_and_filtered_ones_do_not_count(outlines, tmp_path):
    (tmp_path / "removed.csv").write_text("id,reason\np1,cloud\np2,cloud\n")
    found = estimate_cost(
        region(labels={"positives": [{"path": "p.gpkg", "id_field": "id"}], "removed": "removed.csv"})
    )
    assert (found.outlines, found.patches) == (8, 48)
    found = estimate_cost(region(labels={"positives": [{"path": "p.gpkg", "where": {"id": "p3"}}]}))
    assert found.outlines == 1


def test_patches_of_a_ready_image_are_counted_in_its_own_pixels(outlines):
    """Thirty metres a pixel: an outline with its buffer, 4.4 x 3.5 km, fits into one patch."""
    grid = {"height": 20, "width": 30, "count": 3, "crs": "EPSG:32644", "transform": Affine(30, 0, 5e5, 0, -30, 4e6)}
    with rasterio.open("ready.tif", "w", driver="GTiff", dtype="uint8", **grid) as image:
        image.write(np.ones((3, 20, 30), np.uint8))
    found = estimate_cost(region(imagery={"tiles": {"T": ["ready.tif"]}}))
    assert (found.outlines, found.patches) == (10, 10)


def test_the_papers_network_costs_more_than_a_small_one(outlines):
    small = estimate_cost(region(training={"network": {"backbone": "mobilenetv2_100"}}))
    large = estimate_cost(region())
    finer = estimate_cost(region(mapping={"predict": {"output_stride": 8}}))
    assert small.map_hours < large.map_hours < finer.map_hours
    assert small.round_hours < large.round_hours
    assert small.disk_bytes < large.disk_bytes


def test_more_looks_at_a_window_take_their_time(outlines):
    once, eight = estimate_cost(region()), estimate_cost(region(mapping={"predict": {"tta": {"symmetries": True}}}))
    assert eight.map_hours == pytest.approx(8 * once.map_hours)


def test_outlines_that_are_still_to_be_drawn_are_not_counted_as_none(outlines, tmp_path):
    (tmp_path / "p.gpkg").unlink()
    assert "not known before the outlines are there" in cost_text(estimate_cost(region()), region())


def test_a_region_without_scenes_is_told_so(outlines):
    begun = region(imagery={"find": {"area": "a.gpkg", "years": [2018], "months": [7]}})
    assert cost_text(estimate_cost(begun), begun) == "What a run will cost can be said when its scenes are found.\n"


def test_told_in_words_with_where_the_rates_come_from(outlines):
    text = cost_text(estimate_cost(region()), region())
    for part in (
        "tiles    3, from 6 scenes",
        "about 60, of 10 outlines",
        "GB in results/",
        "two processor cores",
        "days",
    ):
        assert part in text
