from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from affine import Affine
from shapely.geometry import Polygon, box

from lobate.cli.check import check_region
from lobate.cli.estimate import estimate_run, format_estimate
from lobate.errors import UserError
from lobate.imagery.reading.scene import SceneRequest
from lobate.imagery.scene_stack import open_tile_scenes
from lobate.settings.imagery import Clouds
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
    estimate = estimate_run(region())
    assert (estimate.tiles, estimate.fetches, estimate.outlines, estimate.rounds) == (3, 6, 10, 3)
    # 0.26 km2, three times as long as wide: 6 patches, as the docstring of patches.windows has it
    assert estimate.patches == 60
    assert estimate.windows == 3 * 35**2
    assert estimate.jobs == 3 * 5 + 6 + 3 * 3 + 1 + 35


def test_removed_outlines_and_filtered_ones_do_not_count(outlines, tmp_path):
    (tmp_path / "removed.csv").write_text("id,reason\np1,cloud\np2,cloud\n")
    estimate = estimate_run(
        region(labels={"positives": [{"path": "p.gpkg", "id_field": "id"}], "removed": "removed.csv"})
    )
    assert (estimate.outlines, estimate.patches) == (8, 48)
    estimate = estimate_run(region(labels={"positives": [{"path": "p.gpkg", "where": {"id": "p3"}}]}))
    assert estimate.outlines == 1


def test_patches_of_a_ready_image_are_counted_in_its_own_pixels(outlines):
    """Thirty metres a pixel: an outline with its buffer, 4.4 x 3.5 km, fits into one patch."""
    grid = {"height": 20, "width": 30, "count": 3, "crs": "EPSG:32644", "transform": Affine(30, 0, 5e5, 0, -30, 4e6)}
    with rasterio.open("ready.tif", "w", driver="GTiff", dtype="uint8", **grid) as image:
        image.write(np.ones((3, 20, 30), np.uint8))
    estimate = estimate_run(region(imagery={"tiles": {"T": ["ready.tif"]}}))
    assert (estimate.outlines, estimate.patches) == (10, 10)


def test_the_papers_network_takes_more_disk_than_a_small_one(outlines):
    small = estimate_run(region(training={"network": {"backbone": "mobilenetv2_100"}}))
    large = estimate_run(region())
    assert small.disk_bytes < large.disk_bytes


def test_disk_holds_scenes_images_patches_and_models(outlines):
    pixels, patch_bytes = 10_980**2, 480**2 * 4
    expected = 6 * 3 * 2 * pixels + 3 * pixels * 3.5 + 60 * patch_bytes + 4 * 170e6
    assert estimate_run(region()).disk_bytes == pytest.approx(expected)


def test_passes_of_a_window_count_symmetries_scales_and_models(outlines):
    def passes(**predict):
        return estimate_run(region(mapping={"predict": predict})).passes

    assert passes() == 1
    assert passes(tta={"symmetries": True}) == 8
    assert passes(tta={"scales": [0.5, 1, 1.5]}) == 3
    assert passes(tta={"symmetries": True}, ensemble=["a.safetensors"]) == 16


def test_trainings_are_rounds_the_other_protocol_and_folds(outlines):
    estimate = estimate_run(region(training={"max_rounds": 2, "schedule": {"iterations": 500}}))
    assert (estimate.rounds, estimate.iterations, estimate.trainings) == (2, 500, 1)
    alone = estimate_run(region(training={"both_protocols": False}))
    folds = estimate_run(region(patches={"split": {"folds": 5}}))
    assert (alone.trainings, folds.trainings) == (0, 6)
    assert folds.jobs - alone.jobs == 6


def test_outlines_that_are_still_to_be_drawn_are_not_counted_as_none(outlines, tmp_path):
    (tmp_path / "p.gpkg").unlink()
    assert "patches are counted once the outlines are there" in format_estimate(estimate_run(region()), region())


def test_a_region_without_scenes_is_told_so(outlines):
    begun = region(imagery={"find": {"area": "a.gpkg", "years": [2018], "months": [7]}})
    assert (
        format_estimate(estimate_run(begun), begun) == "The size of a run can be estimated once its scenes are found.\n"
    )


def test_the_text_names_every_count_and_where_times_are_measured(outlines):
    text = format_estimate(estimate_run(region()), region())
    for part in (
        "tiles     3, from 6 scenes to fetch; 362 million pixels in all",
        "outlines  10, cut into about 60 patches",
        "6.3 GB in results/",
        "at most 3 rounds of 30,000 iterations of 8 patches; 1 training more",
        "3,675 windows of 480 px, 1 forward pass each",
        "results/r/logs/train/round_1.log",
        "results/r/benchmarks",
    ):
        assert part in text


def sparse(path, side):
    """Write an image without pixels: a few thousand bytes, whatever its size."""
    grid = {
        "height": side,
        "width": side,
        "count": 3,
        "crs": "EPSG:32644",
        "transform": Affine(10, 0, 5e5, 0, -10, 4e6),
    }
    profile = {"tiled": True, "blockxsize": 4096, "blockysize": 4096, "sparse_ok": True, "bigtiff": "YES", **grid}
    with rasterio.open(path, "w", driver="GTiff", dtype="uint8", **profile):
        pass


@pytest.mark.parametrize(("side", "is_large"), [(10_980, False), (20_000, False), (30_000, True), (100_000, True)])
def test_the_cost_of_an_image_larger_than_tiles_usually_are_is_said(side, is_large, outlines):
    sparse("sparse.tif", side)
    chosen = region(imagery={"tiles": {"T": ["sparse.tif"]}})
    check_region(chosen)
    estimate = estimate_run(chosen)
    text = format_estimate(estimate, chosen)
    assert estimate.large == ({"T": side**2} if is_large else {})
    assert ("Warning: tile T has" in text) == is_large
    assert f"{side**2 / 1e6:,.0f} million pixels" in text
    assert f"as many as {side**2 / 10_980**2:.0f} tiles of Sentinel-2" in text or not is_large


def test_an_image_that_would_take_for_ever_is_refused_by_check_and_by_the_verb(outlines, tmp_path):
    sparse("sparse.tif", 300_000)
    chosen = region(imagery={"tiles": {"T": ["sparse.tif"]}})
    refusal = r"sparse\.tif has 300,000 x 300,000 pixels, as many as 747 tiles"
    with pytest.raises(UserError, match=f"Setting imagery.tiles.T: {refusal}"):
        check_region(chosen)
    wanted = SceneRequest(("B04", "B03", "B02"), "none", needs_classes=False)
    with pytest.raises(UserError, match=refusal), open_tile_scenes([tmp_path / "sparse.tif"], wanted, (), Clouds()):
        pass


def test_outlines_of_noise_are_refused_by_the_estimate(outlines):
    noise = Polygon(np.random.default_rng(0).uniform([500_000, 4_000_000], [505_000, 4_005_000], (4_000, 2)))
    gpd.GeoDataFrame({"id": ["n"]}, geometry=[noise], crs="EPSG:32644").to_file("p.gpkg")
    with pytest.raises(UserError, match="feature 1 crosses itself more than"):
        estimate_run(region())
