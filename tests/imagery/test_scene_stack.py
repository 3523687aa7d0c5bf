"""The scenes of a tile on one grid, in bands of rows."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from lobate.errors import UserError
from lobate.imagery.reading.scene import SceneRequest
from lobate.imagery.scene_stack import open_tile_scenes
from lobate.imagery.stretch import Range
from lobate.settings.imagery import Clouds

WANTED = SceneRequest(("B04", "B03", "B02"), "metadata", needs_classes=True)
RANGES = (Range(0.0, 0.3),) * 3


def bands_of(scene):
    with open_tile_scenes([scene], WANTED, RANGES, Clouds()) as tile:
        return list(tile.row_bands())


@pytest.mark.parametrize(("rows", "pixels", "expected"), [(1024, 1 << 24, 1), (16, 1 << 24, 3), (1024, 60 * 7, 6)])
def test_bands_cover_the_tile_and_are_low_where_it_is_wide(products, tmp_path, monkeypatch, rows, pixels, expected):
    monkeypatch.setattr("lobate.imagery.scene_stack.MAX_ROWS", rows)
    monkeypatch.setattr("lobate.imagery.scene_stack.MAX_PIXELS", pixels)
    bands = bands_of(products.write_safe(tmp_path, products.ground() + 1000))
    assert len(bands) == expected
    assert (bands[0][0], bands[-1][1]) == (0, 40)
    assert all(stop == start for (_, stop), (start, _) in itertools.pairwise(bands))


def test_bands_are_whole_blocks(products, tmp_path):
    numbers = np.ones((3, 1300, 40), np.uint16)
    blocks = {"tiled": True, "blockxsize": 16, "blockysize": 208}
    folder = tmp_path / "20180711"
    for name, array in zip(("B04", "B03", "B02"), numbers, strict=True):
        products.write_raster(folder / f"{name}.tif", array, scales=[1e-4], offsets=[0.0], **blocks)
    with open_tile_scenes(
        [folder], SceneRequest(WANTED.bands, "metadata", needs_classes=False), RANGES, Clouds()
    ) as tile:
        assert next(iter(tile.row_bands())) == (0, 3 * 208)


def test_grids_that_differ_are_told_with_both(products, tmp_path):
    here = products.write_safe(tmp_path, products.ground() + 1000)
    there = products.write_safe(tmp_path, products.ground(40, 80) + 1000, date="20180820")
    with (
        pytest.raises(UserError, match=r"40 x 60 pixels of 10 from 500000.*40 x 80 pixels"),
        open_tile_scenes([here, there], WANTED, RANGES, Clouds()),
    ):
        pass
