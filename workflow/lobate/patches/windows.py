"""The arithmetic of sub-images and patches: their windows of rows and columns. No raster is read here.

The rectangle round an outline, grown by the buffer, is its sub-image. Along each axis the sub-image is divided into cores
of ``core`` pixels, a remainder under a third of a core joins its neighbour, and each core is seen with ``margin`` pixels
more on both sides, as far as the sub-image reaches (METHOD section 1).

With the paper's numbers (10 m pixels, buffer 1500 m = 150 px, core = margin = 160 px) an outline of L px gives a
sub-image of s = L + 300 px, and an axis has

    s <  374 (L <  74)  2 cores  windows of 320 and s px
    s <  534 (L < 234)  3 cores  windows of 320, 480 (s at most) and s - 160 >= 214 px
    s <  694 (L < 394)  4 cores  windows of 320, 480, 480 (s - 160 at most) and s - 320 >= 214 px

so no patch exceeds core + 2 x margin = 480 px and none is under 214 px, but where the image's edge cuts the sub-image. A
rock glacier of 0.26 km2 (the paper's mean) three times as long as wide is 1 km long: 4 or 6 patches, and 9 when it is longer
than 740 m both ways. The paper's 2,230 patches are 7.0 for each of its 172 + 145 outlines: this rule gives 5.8 to the shapes
of 81 real rock glaciers of the Andes scaled to a mean of 0.26 km2, 6.5 at 0.38 km2 (what is left when the smallest 118 of 290
are removed), 7.2 at 0.5 km2, and 9.6 at their true mean of 1.17 km2; with negatives of 0.9 km2, debris-covered glaciers among
them, 317 outlines give 2,253 (tests/patches/test_paper.py).

A joined core has up to a third more pixels than others. It is the last one, and has no margin on its far side, so it stays
within the limit while the margin is at least a third of a core; with a smaller one the margin before it gives way, and where
even that is not enough the remainder does not join.
"""

from __future__ import annotations

from itertools import pairwise, product
from typing import NamedTuple

import numpy as np

from lobate.io.grid import Grid

ROUNDING = 1e-6
"""In pixels: bounds that miss a pixel's edge by less lie on it."""


class Window(NamedTuple):
    """A rectangle of pixels of a raster."""

    row: int
    col: int
    height: int
    width: int

    @property
    def slices(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """The window as rasterio takes it: ((row start, row stop), (col start, col stop))."""
        return (self.row, self.row + self.height), (self.col, self.col + self.width)


def largest_side(core: int, margin: int) -> int:
    """Return the side of the largest patch, in pixels."""
    return core + 2 * margin


def core_spans(length: int, core: int, margin: int) -> list[tuple[int, int]]:
    """Divide ``length`` pixels into cores, as (start, stop); they follow on each other without gaps."""
    starts = list(range(0, length, core))
    remainder = length - starts[-1]
    if len(starts) > 1 and 3 * remainder < core and remainder <= 2 * margin:
        starts.pop()
    return list(pairwise([*starts, length]))


def window_spans(length: int, core: int, margin: int) -> list[tuple[int, int]]:
    """Return the span of each core with its margins, in order; equal spans appear once."""
    largest = largest_side(core, margin)
    spans = []
    for start, stop in core_spans(length, core, margin):
        end = min(length, stop + margin)
        spans.append((max(0, start - margin, end - largest), end))
    return list(dict.fromkeys(spans))


def windows(sub_image: Window, core: int, margin: int) -> list[Window]:
    """Return the windows of a sub-image's patches, row by row; together they cover it."""
    rows = window_spans(sub_image.height, core, margin)
    cols = window_spans(sub_image.width, core, margin)
    return [
        Window(sub_image.row + top, sub_image.col + left, bottom - top, right - left)
        for (top, bottom), (left, right) in product(rows, cols)
    ]


def sub_images(bounds: np.ndarray, grid: Grid, buffer_m: float) -> list[tuple[Window | None, bool]]:
    """Return for each outline its sub-image, None where it misses the image, and whether the image's edge clips it.

    ``bounds``: (n, 4), left, bottom, right and top in the grid's CRS. The buffer is the nearest whole number of pixels,
    by the pixel's size on the ground, which covers degrees, feet and stretched projections.
    """
    buffer = round(buffer_m / grid.resolution_m)
    return [_clipped(box, grid.shape) for box in _pixel_boxes(bounds, grid, buffer)]


def _pixel_boxes(bounds: np.ndarray, grid: Grid, buffer: int) -> list[list[int]]:
    """Return top, left, bottom and right of the pixels under each outline's bounds, grown by ``buffer`` pixels."""
    inverse = ~grid.transform
    x, y = bounds[:, [0, 0, 2, 2]], bounds[:, [1, 3, 1, 3]]
    cols = inverse.a * x + inverse.b * y + inverse.c
    rows = inverse.d * x + inverse.e * y + inverse.f
    first = [np.floor(axis.min(axis=1) + ROUNDING) - buffer for axis in (rows, cols)]
    last = [np.ceil(axis.max(axis=1) - ROUNDING) + buffer for axis in (rows, cols)]
    return np.stack([*first, *last], axis=1).astype(np.int64).tolist()


def _clipped(box: list[int], shape: tuple[int, int]) -> tuple[Window | None, bool]:
    top, left, bottom, right = box
    row, col, end_row, end_col = max(top, 0), max(left, 0), min(bottom, shape[0]), min(right, shape[1])
    if row >= end_row or col >= end_col:
        return None, True
    clipped = (row, col, end_row, end_col) != (top, left, bottom, right)
    return Window(row, col, end_row - row, end_col - col), clipped
