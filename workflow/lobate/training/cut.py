"""Patches cut round wrong detections: windows of one size that hold the detection and keep off validation ground."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import ceil
from pathlib import Path

import numpy as np
import shapely
from rasterio.features import rasterize
from rasterio.windows import Window
from shapely import STRtree
from shapely.geometry.base import BaseGeometry

from lobate.errors import Mistake
from lobate.grid import Grid
from lobate.rasters import open_raster

IGNORE = 255
SHIFTS = 8  # a window may move by this share of its side, as often as the detection stays inside

Corner = tuple[int, int]


def place_windows(body: BaseGeometry, grid: Grid, side: int, forbidden: STRtree) -> list[Corner]:
    """Return (row, column) of the windows round ``body`` that touch nothing ``forbidden``, all in the grid's CRS.

    One window of ``side`` pixels, centred as far as possible, holds a body that fits; a larger one is divided evenly. A part
    for which every window would touch forbidden ground gets none.
    """
    rows, columns = _pixel_bounds(body, grid)
    corners = []
    for row_part in _parts(*rows, side):
        for column_part in _parts(*columns, side):
            tried = _nearest_first(_starts(*row_part, grid.height, side), _starts(*column_part, grid.width, side))
            footprints = [grid.crop(*corner, side, side).footprint for corner in tried]
            touching = set(forbidden.query(footprints, predicate="intersects")[0])
            corners += [corner for number, corner in enumerate(tried) if number not in touching][:1]
    return list(dict.fromkeys(corners))


def _pixel_bounds(body: BaseGeometry, grid: Grid) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the first and last row, and the first and last column, of a geometry in the grid's CRS."""
    left, bottom, right, top = body.bounds
    inverse = ~grid.transform
    places = np.array([inverse @ corner for corner in ((left, top), (right, top), (left, bottom), (right, bottom))])
    (column, row), (last_column, last_row) = places.min(0), places.max(0)
    return (row, last_row), (column, last_column)


def _parts(first: float, last: float, side: int) -> list[tuple[float, float]]:
    """Divide a stretch evenly into parts no longer than ``side``."""
    edges = np.linspace(first, last, max(1, ceil((last - first) / side)) + 1)
    return list(pairwise(edges.tolist()))


def _starts(first: float, last: float, size: int, side: int) -> list[int]:
    """Return where a window may start along one axis, centred first, then further and further off on both sides."""
    step = max(1, side // SHIFTS)
    free = int((side - (last - first)) / 2) // step
    offsets = sorted(range(-free, free + 1), key=lambda n: (abs(n), n))
    centred = round((first + last - side) / 2)
    starts = [min(max(centred + n * step, 0), max(0, size - side)) for n in offsets]
    return list(dict.fromkeys(starts))


def _nearest_first(rows: Sequence[int], columns: Sequence[int]) -> list[Corner]:
    """Combine starts of both axes, those near the centre first."""
    ranks = sorted(np.ndindex(len(rows), len(columns)), key=lambda pair: (sum(pair), pair))
    return [(rows[row], columns[column]) for row, column in ranks]


def read_patch(image: Path, label: Path, corner: Corner, side: int, vetoed: Sequence[BaseGeometry]) -> np.ndarray:
    """Return the patch (side, side, C + 1) uint8 at ``corner``: image channels, then the label.

    What reaches past the image is 0 and ignored; so is the label of ``vetoed`` ground (in the image's CRS), which a person
    knows to be landform though no outline says so. Raises Mistake when image and label are not on one grid.
    """
    with open_raster(image) as pixels, open_raster(label) as labels:
        grid = Grid.of(pixels)
        if not grid.same_as(Grid.of(labels)):
            raise Mistake(f"The label raster {label} is not on the grid of {image}. Delete it and run again.")
        height, width = (min(side, full - start) for full, start in zip(grid.shape, corner, strict=True))
        window = Window(corner[1], corner[0], width, height)
        patch = np.zeros((side, side, pixels.count + 1), dtype=np.uint8)
        patch[..., -1] = IGNORE
        patch[:height, :width, :-1] = np.moveaxis(pixels.read(window=window), 0, -1)
        patch[:height, :width, -1] = labels.read(1, window=window)
    part = grid.crop(*corner, side, side)
    inside = [one for one in vetoed if shapely.intersects(one, part.footprint)]
    if inside:
        veto = rasterize(inside, out_shape=part.shape, transform=part.transform, all_touched=True, dtype=np.uint8)
        patch[veto == 1, -1] = IGNORE
    return patch
