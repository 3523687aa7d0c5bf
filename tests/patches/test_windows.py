"""Windows of sub-images and patches."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from rasterio.crs import CRS

from lobate.io.grid import Grid
from lobate.patches.windows import Window, core_spans, largest_side, sub_images, window_spans, windows

lengths = st.integers(1, 3000)
cores = st.integers(16, 200)
margins = st.integers(0, 200)


@given(lengths, cores, margins)
def test_cores_follow_on_each_other_and_windows_hold_them_within_the_limit(length, core, margin):
    spans = core_spans(length, core, margin)
    assert [spans[0][0], *(stop for _, stop in spans)] == [*(start for start, _ in spans), length]
    seen = window_spans(length, core, margin)
    assert all(0 <= start < stop <= length and stop - start <= largest_side(core, margin) for start, stop in seen)
    for start, stop in spans:
        assert any(a <= start and stop <= b for a, b in seen)
    assert len(seen) == len(set(seen))


@given(lengths, cores, margins)
def test_only_a_remainder_under_a_third_joins(length, core, margin):
    *_, (start, stop) = core_spans(length, core, margin)
    if length >= core:
        assert stop - start < core * 4 / 3
        assert stop - start >= core / 3 or 2 * margin < core / 3


@given(st.integers(374, 1500))
def test_patches_of_the_paper_have_214_to_480_pixels(length):
    sizes = [stop - start for start, stop in window_spans(length, 160, 160)]
    assert max(sizes) <= 480
    assert min(sizes) >= 214


@pytest.mark.parametrize(
    ("length", "spans"),
    [
        (310, [(0, 310)]),  # both cores see all of it: one patch, not the same one twice
        (351, [(0, 320), (0, 351)]),
        (373, [(0, 320), (0, 373)]),
        (374, [(0, 320), (0, 374), (160, 374)]),
        (533, [(0, 320), (0, 480), (160, 533)]),
        (534, [(0, 320), (0, 480), (160, 534), (320, 534)]),
        (100, [(0, 100)]),
    ],
)
def test_the_paper_s_arithmetic(length, spans):
    assert window_spans(length, 160, 160) == spans


def test_a_joined_core_with_a_small_margin_stays_within_the_limit():
    assert core_spans(130, 60, 5) == [(0, 60), (60, 130)]
    assert window_spans(130, 60, 5) == [(0, 65), (60, 130)]
    assert core_spans(135, 60, 5) == [(0, 60), (60, 120), (120, 135)]  # 15 px more would not fit


@given(st.integers(0, 500), st.integers(0, 500), st.integers(1, 400), st.integers(1, 400), cores, margins)
def test_windows_cover_the_sub_image_and_stay_in_it(row, col, height, width, core, margin):
    seen = np.zeros((height, width), bool)
    for window in windows(Window(row, col, height, width), core, margin):
        assert window.row >= row and window.col >= col
        assert max(window.height, window.width) <= largest_side(core, margin)
        part = seen[window.row - row :, window.col - col :][: window.height, : window.width]
        assert part.shape == (window.height, window.width)
        part[:] = True
    assert seen.all()


def utm(height: int = 1000, width: int = 1000, pixel: float = 10) -> Grid:
    return Grid(height, width, Affine(pixel, 0, 500_000, 0, -pixel, 4_000_000), CRS.from_epsg(32644))


def test_the_sub_image_is_the_outline_s_rectangle_and_1500_m():
    bounds = np.array([[503_004, 3_995_000, 503_500, 3_996_007.0]])
    [(window, clipped)] = sub_images(bounds, utm(), 1500)
    assert window == Window(399 - 150, 300 - 150, 101 + 300, 50 + 300)
    assert not clipped


def test_the_sub_image_is_clipped_to_the_image_and_says_so():
    bounds = np.array([[500_100, 3_999_500, 500_200, 3_999_900.0], [400_000, 0, 400_010, 10]])
    [(window, clipped), (missing, _)] = sub_images(bounds, utm(), 1500)
    assert window == Window(0, 0, 50 + 150, 20 + 150)
    assert clipped
    assert missing is None


def test_degrees_become_metres_by_the_pixel_s_size_on_the_ground():
    degrees = Grid(2000, 2000, Affine(1e-4, 0, 80, 0, -1e-4, 36), CRS.from_epsg(4326))
    bounds = np.array([[80.1, 35.9, 80.101, 35.901]])
    [(window, _)] = sub_images(bounds, degrees, 1500)
    buffer = round(1500 / degrees.resolution_m)
    assert window == Window(990 - buffer, 1000 - buffer, 10 + 2 * buffer, 10 + 2 * buffer)
    assert window.height * degrees.resolution_m == pytest.approx(3000 + 10 * degrees.resolution_m, rel=0.01)
