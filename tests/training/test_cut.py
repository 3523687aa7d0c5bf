import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS
from shapely import STRtree, union_all
from shapely.geometry import box

from lobate.errors import Mistake
from lobate.grid import Grid
from lobate.training.cut import place_windows, read_patch

GRID = Grid(300, 400, Affine(10, 0, 500_000, 0, -10, 4_000_000), CRS.from_epsg(32644))
NOTHING = STRtree([])


def ground(row, column, height, width):
    """The ground of a window, in the grid's CRS."""
    return GRID.crop(row, column, height, width).footprint


def test_a_window_is_centred_on_what_fits():
    assert place_windows(ground(140, 190, 20, 20), GRID, 96, NOTHING) == [(102, 152)]


def test_at_the_edge_it_stays_inside_the_image():
    assert place_windows(ground(0, 380, 20, 20), GRID, 96, NOTHING) == [(0, 304)]
    assert place_windows(ground(0, 0, 20, 20), GRID, 512, NOTHING) == [(0, 0)]


def test_it_moves_off_forbidden_ground_or_is_not_cut():
    body = ground(140, 190, 20, 20)
    forbidden = STRtree([ground(90, 150, 14, 100)])  # overlaps the upper rim of the centred window
    ((row, column),) = place_windows(body, GRID, 96, forbidden)
    assert row > 104
    assert row <= 140
    assert column == 152
    assert place_windows(body, GRID, 96, STRtree([ground(130, 150, 40, 100)])) == []


@given(
    st.integers(0, 280),
    st.integers(0, 380),
    st.integers(1, 250),
    st.integers(1, 250),
    st.sampled_from([48, 96]),
    st.lists(st.tuples(st.integers(0, 280), st.integers(0, 380)), max_size=6),
)
@settings(max_examples=80, deadline=None)
def test_windows_cover_the_body_and_never_touch_forbidden_ground(row, column, height, width, side, places):
    body = ground(row, column, min(height, 300 - row), min(width, 400 - column))
    forbidden = [ground(*place, 20, 20) for place in places]
    windows = [ground(*corner, side, side) for corner in place_windows(body, GRID, side, STRtree(forbidden))]
    assert not any(window.intersects(other) for window in windows for other in forbidden)
    if not places:
        assert union_all(windows).buffer(1e-6).covers(body)
    corners = place_windows(body, GRID, side, STRtree(forbidden))
    assert all(0 <= r <= 300 - side and 0 <= c <= 400 - side for r, c in corners)


@pytest.fixture
def rasters(tmp_path):
    random = np.random.default_rng(0)
    image, label = tmp_path / "image.tif", tmp_path / "label.tif"
    pixels = random.integers(1, 255, (3, *GRID.shape), dtype=np.uint8)
    labels = random.integers(0, 2, (1, *GRID.shape), dtype=np.uint8)
    for path, array in ((image, pixels), (label, labels)):
        with rasterio.open(path, "w", driver="GTiff", count=len(array), dtype="uint8", **GRID.profile()) as target:
            target.write(array)
    return image, label, pixels, labels


def test_a_patch_is_what_lies_there(rasters):
    image, label, pixels, labels = rasters
    patch = read_patch(image, label, (20, 30), 48, [])
    assert np.array_equal(patch[..., :3], np.moveaxis(pixels[:, 20:68, 30:78], 0, -1))
    assert np.array_equal(patch[..., 3], labels[0, 20:68, 30:78])


def test_past_the_image_it_is_ignored(rasters):
    patch = read_patch(*rasters[:2], (280, 390), 48, [])
    assert (patch[20:, :, 3] == 255).all()
    assert (patch[:, 10:, 3] == 255).all()
    assert (patch[20:, :, :3] == 0).all()
    assert np.array_equal(patch[:20, :10, 3], rasters[3][0, 280:, 390:])


def test_vetoed_ground_is_ignored(rasters):
    patch = read_patch(*rasters[:2], (20, 30), 48, [ground(30, 40, 5, 5), ground(200, 200, 5, 5)])
    assert (patch[10:15, 10:15, 3] == 255).all()
    assert (patch[17:, :, 3] < 255).all()


def test_image_and_label_on_two_grids_are_told(rasters, tmp_path):
    other = tmp_path / "other.tif"
    with rasterio.open(
        other, "w", driver="GTiff", count=1, dtype="uint8", **GRID.crop(1, 0, 300, 400).profile()
    ) as target:
        target.write(rasters[3])
    with pytest.raises(Mistake, match="not on the grid"):
        read_patch(rasters[0], other, (0, 0), 48, [])


def test_a_box_is_not_needed_to_be_a_window():
    assert place_windows(box(*GRID.bounds).centroid.buffer(100), GRID, 96, NOTHING) == [(102, 152)]
