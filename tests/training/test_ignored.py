"""Runs of ignored pixels: they give back the mask, and files of several rounds join to one."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from rasterio.crs import CRS

from lobate.errors import UserError
from lobate.io.grid import Grid
from lobate.training.ignored import NONE, IgnoredPixels, join_mined_files, read_runs, runs_in_patches, runs_of_mask

GRID = Grid(200, 200, Affine(10, 0, 500_000, 0, -10, 4_000_000), CRS.from_epsg(32644))


def placed(runs, file, patch):
    return np.concatenate([np.broadcast_to(np.array([file, patch], np.int32), runs.shape), runs], axis=1)


@given(st.lists(arrays(bool, (7, 7)), min_size=1, max_size=4))
def test_the_mask_comes_back_in_its_own_patch_only(masks):
    runs = np.concatenate([placed(runs_of_mask(mask), 2, patch) for patch, mask in enumerate(masks)])
    pixels = IgnoredPixels(runs)
    for patch, mask in enumerate(masks):
        assert np.array_equal(pixels.apply(2, patch, np.zeros((7, 7), np.uint8)) == 255, mask)
    assert not pixels.apply(1, 0, np.zeros((7, 7), np.uint8)).any()
    assert not pixels.apply(2, len(masks), np.zeros((7, 7), np.uint8)).any()


def test_the_landform_stays(tmp_path):
    label = np.array([[0, 1], [255, 0]], np.uint8)
    pixels = IgnoredPixels(np.array([[0, 0, 0, 4]], np.int32))
    assert pixels.apply(0, 0, label).tolist() == [[255, 1], [255, 255]]
    assert label.tolist() == [[0, 1], [255, 0]], "the patch itself is not changed"


def test_shapes_are_found_in_each_patch_that_shows_them():
    shape = gpd.GeoSeries([GRID.crop(30, 30, 10, 10).footprint.buffer(-1)], crs=GRID.crs)
    runs = runs_in_patches(shape, GRID, [(0, 0), (35, 35), (100, 100)], 40, 1)
    pixels = IgnoredPixels(runs)
    masks = [pixels.apply(1, patch, np.zeros((40, 40), np.uint8)) == 255 for patch in range(3)]
    assert [int(mask.sum()) for mask in masks] == [100, 25, 0]
    assert masks[0][30:, 30:].all()
    assert masks[1][:5, :5].all()


def test_rounds_are_sorted_and_join(tmp_path):
    np.save(tmp_path / "1.npy", np.array([[0, 3, 5, 2]], np.int32))
    np.save(tmp_path / "2.npy", np.array([[2, 1, 0, 1], [3, 0, 0, 1], [0, 1, 9, 1]], np.int32))
    runs = read_runs([tmp_path / "1.npy", tmp_path / "2.npy"])
    assert runs.tolist() == [[0, 1, 9, 1], [0, 3, 5, 2], [2, 1, 0, 1], [3, 0, 0, 1]]
    assert join_mined_files(runs, 2, [4, 7]).tolist() == [[0, 1, 9, 1], [0, 3, 5, 2], [2, 1, 0, 1], [2, 4, 0, 1]]
    assert read_runs([]).tolist() == NONE.tolist()


@pytest.mark.parametrize("content", [b"", b"no array", None])
def test_other_content_is_refused(tmp_path, content):
    path = tmp_path / "runs.npy"
    np.save(path, np.zeros((2, 3))) if content is None else path.write_bytes(content)
    with pytest.raises(UserError, match=r"runs\.npy"):
        read_runs([path])
