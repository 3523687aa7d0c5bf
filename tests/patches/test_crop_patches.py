"""Patches, their footprints and their quality; image and label rasters that do not fit."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shapely import box

from lobate.errors import UserError
from lobate.io.vector import read_layer, write_layers
from lobate.patches.crop_patches import Quality, crop_patches, grey_counts, inspect_window, polygons_of_tile, quality
from lobate.patches.windows import Window
from lobate.settings.patches import Crop

from .conftest import Tile, grid, make_tile, write_raster

SMALL = Crop(core=16, margin=16, buffer_m=100)


def cropped(tile: Tile, crop: Crop = SMALL, name: str = "t1"):
    npy, gpkg = tile.image.with_name(f"{name}.npy"), tile.image.with_name(f"{name}.gpkg")
    crop_patches(tile.image, tile.label, tile.polygons, npy, gpkg, tile=name, crop=crop)
    return np.load(npy, mmap_mode="r"), read_layer(gpkg, "patches"), read_layer(gpkg, "removed")


def test_patches_hold_image_and_label_of_their_window(two_outlines):
    patches, rows, removed = cropped(two_outlines)
    with rasterio.open(two_outlines.image) as image, rasterio.open(two_outlines.label) as label:
        pixels, labels = np.moveaxis(image.read(), 0, -1), label.read(1)
    assert patches.shape == (len(rows), 48, 48, 4)
    assert patches.dtype == np.uint8
    assert removed.empty
    for row, one in rows.iterrows():
        height, width = one["height"], one["width"]
        part = (
            slice(one["window_row"], one["window_row"] + height),
            slice(one["window_col"], one["window_col"] + width),
        )
        assert (patches[row][:height, :width, :3] == pixels[part]).all()
        assert (patches[row][:height, :width, 3] == labels[part]).all()
        rest = np.ones((48, 48), bool)
        rest[:height, :width] = False
        assert (patches[row][rest] == [0, 0, 0, 255]).all()
        assert one["positive"] == pytest.approx((labels[part] == 1).mean(), abs=1e-6)
        assert one["ignored"] == pytest.approx((labels[part] == 255).mean(), abs=1e-6)
        assert one["digest"] == hashlib.sha256(patches[row].tobytes()).hexdigest()


def test_footprints_say_which_ground(two_outlines):
    _, rows, _ = cropped(two_outlines)
    assert rows.crs == two_outlines.grid.crs
    assert rows["patch"].tolist() == [f"t1_{n:05d}" for n in range(len(rows))]
    assert rows["row"].tolist() == [*range(len(rows))]
    assert rows["polygon"].tolist() == sorted(rows["polygon"])
    first = rows.iloc[0]
    window = two_outlines.grid.crop(*first[["window_row", "window_col", "height", "width"]].astype(int))
    assert first.geometry.equals(window.footprint)


def test_neighbours_are_burned_round_a_negative_too(two_outlines):
    patches, rows, _ = cropped(two_outlines)
    negative = rows[rows["class"] == "negative"]
    assert negative["positive"].max() > 0
    assert any((patches[row][..., 3] == 1).any() for row in negative["row"])


def test_the_same_bytes_on_every_run(tmp_path):
    outlines = [("n1", "negative", box(80, 60, 95, 75)), ("p1", "positive", box(50, 50, 72, 66))]
    (tmp_path / "one").mkdir(), (tmp_path / "two").mkdir()
    for folder, drawn in (("one", outlines), ("two", outlines[::-1])):
        cropped(make_tile(tmp_path / folder, drawn))
    for name in ("t1.npy", "t1.gpkg"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_what_can_hardly_be_seen_is_left_out_and_said(tmp_path, caplog):
    def paint(pixels):
        pixels[:, :, :40] = 0
        pixels[:, :, 100:] = 50

    outlines = [
        ("dark", "positive", box(12, 50, 20, 60)),
        ("flat", "positive", box(120, 50, 125, 60)),
        ("good", "positive", box(60, 50, 72, 66)),
        ("gone", "positive", box(600, 50, 610, 60)),
    ]
    _, rows, removed = cropped(make_tile(tmp_path, outlines, paint=paint))
    assert set(rows["polygon"]) == {"good"}
    reasons = dict(zip(removed["polygon"], removed["reason"], strict=True))
    assert reasons["gone"] == "off the image"
    assert reasons["dark"].startswith("valid share")
    assert reasons["flat"].startswith("entropy")
    assert removed["tile"].unique().tolist() == ["t1"]
    assert sum("is left out" in message for message in caplog.messages) == 3


def test_a_positive_outline_without_a_positive_pixel_is_told(tmp_path, caplog):
    tile = make_tile(tmp_path, [("tiny", "positive", box(60.1, 60.1, 60.3, 60.3))])
    cropped(tile)
    assert "1 positive outlines have no positive pixel in their patches: tiny." in caplog.messages


def test_clipped_sub_images_are_counted(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    outlines = [("edge", "positive", box(2, 2, 60, 60)), ("inside", "positive", box(60, 60, 70, 70))]
    _, rows, _ = cropped(make_tile(tmp_path, outlines))
    at_edge = (rows["window_row"] == 0) | (rows["window_col"] == 0)
    assert rows["clipped"].tolist() == at_edge.tolist()
    assert (
        f"1 sub-images are clipped by the image's edge, which cuts {at_edge.sum()} of their patches." in caplog.messages
    )
    assert not rows["clipped"][rows["polygon"] == "edge"].all()


def test_a_tile_without_outlines_gives_empty_files(tmp_path, caplog):
    patches, rows, removed = cropped(make_tile(tmp_path, []))
    assert patches.shape == (0, 48, 48, 4)
    assert rows.empty and removed.empty
    assert "digest" in rows and "reason" in removed
    assert rows.crs == grid().crs
    assert "no outlines" in caplog.text


def test_all_left_out_gives_empty_patches(tmp_path):
    def paint(pixels):
        pixels[:] = 0

    patches, rows, removed = cropped(make_tile(tmp_path, [("p1", "positive", box(50, 50, 72, 66))], paint=paint))
    assert len(patches) == len(rows) == 0
    assert len(removed) == 1


def test_only_outlines_of_the_tile_count(two_outlines):
    _, rows, _ = cropped(two_outlines, name="another")
    assert rows.empty


def test_the_lens_shows_no_more_than_the_tile_s_outlines(tmp_path, two_outlines):
    frame = two_outlines.outlines.assign(tile=["t1", "t2"])
    for name, table in (("a", frame), ("b", frame.iloc[::-1].assign(source="renamed.shp"))):
        write_layers(tmp_path / f"{name}.gpkg", {"kept": table.to_crs(4326)})
        polygons_of_tile(tmp_path / f"{name}.gpkg", tmp_path / f"{name}_seen.gpkg", "t1")
    seen = read_layer(tmp_path / "a_seen.gpkg", "kept")
    assert seen["polygon"].tolist() == ["n1"]
    assert [*seen.columns] == ["polygon", "class", "tile", "geometry"]
    assert (tmp_path / "a_seen.gpkg").read_bytes() == (tmp_path / "b_seen.gpkg").read_bytes()


def test_an_outline_redrawn_in_one_tile_is_seen_by_that_tile_alone(tmp_path, two_outlines):
    frame = two_outlines.outlines.assign(tile=["t1", "t2"]).to_crs(4326)
    redrawn = frame.set_geometry([frame.geometry[0], frame.geometry[1].buffer(0.001)], crs=4326)
    for name, table in (("before", frame), ("after", redrawn)):
        write_layers(tmp_path / f"{name}.gpkg", {"kept": table})
        for tile in ("t1", "t2"):
            polygons_of_tile(tmp_path / f"{name}.gpkg", tmp_path / f"{name}_{tile}.gpkg", tile)
    same = [(tmp_path / f"before_{tile}.gpkg").read_bytes() == (tmp_path / f"after_{tile}.gpkg").read_bytes()
            for tile in ("t1", "t2")]  # fmt: skip
    assert same == [True, False]


def test_the_lens_of_a_tile_without_outlines_is_an_empty_layer(tmp_path, two_outlines):
    polygons_of_tile(two_outlines.polygons, tmp_path / "seen.gpkg", "elsewhere")
    assert read_layer(tmp_path / "seen.gpkg", "kept").empty


def test_an_image_with_a_mask_is_composed_first(two_outlines):
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(two_outlines.image, "r+") as image:
        image.nodata = None
        image.write_mask(image.read(1) > 9)
    with pytest.raises(UserError, match=r"has a mask or an alpha band.*imagery\.tiles"):
        cropped(two_outlines)


def test_label_raster_on_another_grid(two_outlines):
    write_raster(two_outlines.label, np.zeros((1, 60, 140), np.uint8), grid((60, 140)))
    with pytest.raises(UserError, match="not on the grid of the image"):
        cropped(two_outlines)


def test_an_image_that_is_not_8_bit(two_outlines):
    write_raster(two_outlines.image, np.ones((3, 120, 140), np.uint16), grid())
    with pytest.raises(UserError, match="uint16"):
        cropped(two_outlines)


def test_a_label_that_is_none(two_outlines):
    write_raster(two_outlines.label, np.full((1, 120, 140), 7, np.uint8), grid(), nodata=None)
    with pytest.raises(UserError, match="holds the value 7"):
        cropped(two_outlines)


def test_a_label_raster_of_several_bands(two_outlines):
    write_raster(two_outlines.label, np.zeros((2, 120, 140), np.uint8), grid(), nodata=None)
    with pytest.raises(UserError, match="one band"):
        cropped(two_outlines)


def test_another_number_of_bands(tmp_path):
    tile = make_tile(tmp_path, [("p1", "positive", box(50, 50, 72, 66))])
    write_raster(tile.image, np.random.default_rng(0).integers(1, 255, (5, 120, 140), dtype=np.uint8), grid())
    patches, _, _ = cropped(tile)
    assert patches.shape[1:] == (48, 48, 6)


corner = st.floats(-5, 130, allow_nan=False)
side = st.floats(0.5, 60, allow_nan=False)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(corner, corner, side, side), min_size=1, max_size=4), st.integers(0, 20), st.integers(0, 200))
def test_every_label_pixel_of_every_kept_outline_is_in_some_patch(tmp_path: Path, boxes, margin, buffer_m):
    outlines = [(f"p{n}", "positive", box(x, y, x + w, y + h)) for n, (x, y, w, h) in enumerate(boxes)]
    tile = make_tile(tmp_path, outlines)
    _, rows, removed = cropped(tile, Crop(core=16, margin=margin, buffer_m=buffer_m, min_entropy=0))
    assert set(removed["reason"]) <= {"off the image"}
    with rasterio.open(tile.label) as label:
        left = label.read(1) == 1
    for row in rows.itertuples():
        assert max(row.height, row.width) <= 16 + 2 * margin
        left[row.window_row : row.window_row + row.height, row.window_col : row.window_col + row.width] = False
    assert not left.any()


def test_valid_share_counts_pixels_with_any_band():
    pixels = np.zeros((3, 2, 2), np.uint8)
    pixels[1, 0, 0] = 9
    assert quality(grey_counts(pixels, 0), 4).valid == 0.25


def test_entropy_is_that_of_equally_frequent_grey_levels():
    pixels = np.repeat(np.arange(1, 101, dtype=np.uint8).reshape(1, 10, 10), 3, axis=0)
    assert quality(grey_counts(pixels, 0), 100).entropy == pytest.approx(2.0)


def test_entropy_of_one_grey_level_and_of_nothing_is_0():
    assert quality(grey_counts(np.full((3, 4, 4), 7, np.uint8), 0), 16) == Quality(1.0, 0.0)
    assert quality(grey_counts(np.zeros((3, 4, 4), np.uint8), 0), 16) == Quality(0.0, 0.0)


def test_any_number_of_bands_will_do():
    pixels = np.full((5, 2, 2), 255, np.uint8)
    assert grey_counts(pixels, None)[255] == 4


def test_the_limits_are_more_than_60_per_cent_and_at_least_half():
    crop = Crop()
    assert Quality(0.6, 2).exclusion_reason(crop) == "valid share 0.600 is not greater than 0.6"
    assert Quality(0.61, 0.49).exclusion_reason(crop) == "entropy 0.490 is less than 0.5"
    assert Quality(0.61, 0.5).exclusion_reason(crop) is None


def test_a_window_read_in_bands_is_judged_as_in_one_go(tmp_path, monkeypatch):
    pixels = np.random.default_rng(0).integers(0, 4, (3, 120, 140), dtype=np.uint8)
    write_raster(tmp_path / "image.tif", pixels, grid())
    window = Window(11, 7, 83, 60)
    whole = quality(grey_counts(pixels[:, 11:94, 7:67], 0), 83 * 60)
    monkeypatch.setattr("lobate.patches.crop_patches.PIXELS_AT_ONCE", 500)
    with rasterio.open(tmp_path / "image.tif") as image:
        assert inspect_window(image, window) == whole
