"""Outlines drawn twice: the same vertices, or nearly the same ground (IoU over 0.95).

Heaps of outlines over one place - many people who drew the same landform - must not cost all pairs. Outlines of the same
vertices are found by their bytes. Of the others only those meet that could be twins by three bounds. With IoU > s,

- areas differ by less than the factor s,
- centroids differ by at most (1 - s) of the sum of both extents, along each axis,
- the integrals of any function of size at most 1 over both differ by at most the area that is in one of them only, which
  is at most (1 - s) / (1 + s) of the sum of both areas. Waves are such functions, and their integrals over a polygon are a
  closed sum over its vertices.

An earlier outline drops its twins before they are looked at, so each heap of twins costs one round.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
import pandas as pd
import shapely

from lobate.labels.neighbours import grouped, neighbours

SAME = 0.95
"""Two outlines with a higher IoU are one, drawn twice."""
APART = 1e4
"""Degrees between the outlines of one class and size and those of the next in the tree that finds neighbours."""
MANY = 3
"""From so many neighbours on the waves are asked before an overlay is worked out."""
SLACK = 1e-6
"""For rounding, in the bound on waves."""
WAVES = tuple(2.0**-octave for octave in range(4, 14))
"""Wavelengths in degrees, from ten kilometres to ten metres."""
DIRECTIONS = np.array([(1, 0), (0, 1), (1, 1), (1, -1)])


def twins(shapes: np.ndarray, kinds: np.ndarray) -> Iterator[tuple[int, int, float]]:
    """Yield (earlier, later, IoU) for each polygon that repeats an earlier one of its kind, which itself stays."""
    codes = pd.factorize(kinds)[0]
    first = _first_of_same(shapes, codes)
    once = np.flatnonzero(first == np.arange(len(shapes)))
    near = {once[later]: (once[earlier], iou) for earlier, later, iou in _near(shapes[once], codes[once])}
    for later, same in enumerate(first):
        earlier, iou = near.get(same, (same, 1.0))
        if earlier != later:
            yield earlier, later, iou


def _first_of_same(shapes: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return for each polygon the first of its kind with the same vertices, (n,)."""
    table = pd.DataFrame(
        {"bytes": shapely.to_wkb(shapely.normalize(shapes)), "code": codes, "place": range(len(codes))}
    )
    return table.groupby(["bytes", "code"], sort=False)["place"].transform("first").to_numpy()


def _near(shapes: np.ndarray, codes: np.ndarray) -> Iterator[tuple[int, int, float]]:
    area = shapely.area(shapes)
    waves = cache(lambda: spectra(shapes))
    gone = np.zeros(len(shapes), dtype=bool)
    for place, later in _later_neighbours(shapes, codes, area, gone):
        others = later[~gone[later]]
        if gone[place] or not len(others):
            continue
        if len(others) > MANY:
            others = others[_may_be_same(waves(), area, place, others)]
        iou = _iou(shapes[place], shapes[others], area[place], area[others])
        for other, share in zip(others[iou > SAME], iou[iou > SAME], strict=True):
            gone[other] = True
            yield place, other, share


def _may_be_same(waves: np.ndarray, area: np.ndarray, place: int, others: np.ndarray) -> np.ndarray:
    """Return for which others no wave's integral differs by more than it can between twins."""
    bound = (1 - SAME) / (1 + SAME) * (area[others] + area[place]) * (1 + SLACK)
    return (np.abs(waves[others] - waves[place]) <= bound[:, np.newaxis]).all(axis=1)


def _later_neighbours(
    shapes: np.ndarray, codes: np.ndarray, area: np.ndarray, gone: np.ndarray
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield each polygon that has later ones of its kind with about its area and centroid, and these.

    Kinds and sizes stand apart by whole ``APART`` degrees in the tree, as if they were other countries; each polygon asks
    among its own size and the two beside it.
    """
    x, y = shapely.get_coordinates(shapely.centroid(shapes)).T
    west, south, east, north = shapely.bounds(shapes).T
    width, height = (1 - SAME) * (east - west), (1 - SAME) * (north - south)
    size = np.floor(np.log(area) / -np.log(SAME))

    def boxes(step: int) -> np.ndarray:
        left, low = x + APART * (size + step), y + APART * codes
        return shapely.box(left - width, low - height, left + width, low + height)

    asked = np.column_stack([boxes(step) for step in (-1, 0, 1)])
    for places, others in neighbours(shapely.STRtree(boxes(0)), asked, gone):
        later = (others > places) & _alike(area[others], area[places])
        yield from grouped(places[later], others[later])


def _alike(areas: np.ndarray, area: np.ndarray) -> np.ndarray:
    return np.minimum(areas, area) > SAME * np.maximum(areas, area)


def _iou(shape: shapely.Geometry, others: np.ndarray, area: float, areas: np.ndarray) -> np.ndarray:
    common = shapely.area(shapely.intersection(shape, others))
    return common / (area + areas - common)


def spectra(shapes: np.ndarray) -> np.ndarray:
    """Return the integrals of exp(-i k x) over each polygon for all waves k, complex (n, waves), in square degrees.

    By Green's theorem: the sum over edges p -> q of i (k x (q - p)) / |k|^2 exp(-i k (p + q) / 2) sinc(k (q - p) / 2).
    """
    polygons, owner = shapely.get_parts(shapely.orient_polygons(shapes), return_index=True)
    rings, polygon = shapely.get_rings(polygons, return_index=True)
    points, ring = shapely.get_coordinates(rings, return_index=True)
    within = ring[1:] == ring[:-1]
    start, edge = points[:-1][within], np.diff(points, axis=0)[within]
    owner = owner[polygon][ring[:-1][within]]
    return np.column_stack([_integral(start, edge, owner, len(shapes), wave) for wave in _vectors()])


def _vectors() -> np.ndarray:
    return np.concatenate([2 * np.pi / length * DIRECTIONS for length in WAVES])


def _integral(start: np.ndarray, edge: np.ndarray, owner: np.ndarray, count: int, wave: np.ndarray) -> np.ndarray:
    along, middle = edge @ wave, (start + edge / 2) @ wave
    across = (wave[0] * edge[:, 1] - wave[1] * edge[:, 0]) / (wave @ wave)
    size = across * np.sinc(along / (2 * np.pi))
    real, imaginary = (np.bincount(owner, size * part, count) for part in (np.sin(middle), np.cos(middle)))
    return real + 1j * imaginary
