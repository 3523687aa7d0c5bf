"""Outlines of the bodies of a mask, traced for the whole raster at once.

An outline goes down along the starts of runs and up along their stops. So it consists of vertical segments, each the start
(or stop) of runs in consecutive rows at one column. At a segment's end the outline turns along a row of pixel corners to
the next segment; in each such row the sorted ends are joined two by two. Following these links gives rings: shells and
holes. All steps are sorts and look-ups, none is per pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely

from lobate.network.run_length import Runs


@dataclass(frozen=True)
class Rings:
    """Closed lines round bodies, on the corners of pixels; consecutive edges are never in one line.

    ``vertices`` (v, 2) int64 are column and row, ring after ring; ``first`` (n,) is the first vertex of each ring; ``owner``
    (n,) is its body or part; ``area`` (n,) in pixels is positive for a shell, negative for a hole.
    """

    vertices: np.ndarray
    first: np.ndarray
    owner: np.ndarray
    area: np.ndarray

    def lines(self, xy: np.ndarray) -> np.ndarray:
        """Return the rings as geometries, with the vertices at the coordinates ``xy`` (v, 2)."""
        sizes = np.diff(np.append(self.first, len(self.vertices)))
        return shapely.linearrings(xy, indices=np.repeat(np.arange(len(sizes)), sizes))


def trace_rings(runs: Runs, owner: np.ndarray) -> Rings:
    """Return the rings round the ``runs`` of each ``owner`` (n,), the shell of each owner before its holes.

    Runs that touch at a side must have the same owner. With parts (connected by sides) as owners, each ring is simple, and
    a shell with its holes is a valid polygon. With bodies (connected by corners too), a ring may pass a point twice.
    """
    column, top, bottom, run, rising = _segments(runs)
    next_segment = _next_segments(column, top, bottom, rising, owner[run], runs.shape[1])
    ring, position = _cycles(next_segment)
    order, first = _cycle_order(ring, position)
    tail, head = np.where(rising, bottom, top)[order], np.where(rising, top, bottom)[order]
    vertices = np.stack([np.repeat(column[order], 2), np.stack([tail, head], axis=1).ravel()], axis=1)
    area = np.add.reduceat((column * np.where(rising, bottom - top, top - bottom))[order], first)
    rings = Rings(vertices, 2 * first, owner[run[order[first]]], area)
    return _sort_by_owner(rings)


def _segments(runs: Runs) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return column, top, bottom, one run and whether it rises (it is a stop) for each vertical segment."""
    parts = []
    for columns, rising in ((runs.start, False), (runs.stop, True)):
        order = np.argsort(columns, kind="stable")
        column, row = columns[order], runs.row[order]
        begins = np.flatnonzero(np.append(True, (np.diff(column) != 0) | (np.diff(row) != 1)))
        ends = np.append(begins[1:], len(row)) - 1
        parts.append((column[begins], row[begins], row[ends] + 1, order[begins], np.full(len(begins), rising)))
    column, top, bottom, run, is_rising = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return column, top, bottom, run, is_rising


def _next_segments(
    column: np.ndarray, top: np.ndarray, bottom: np.ndarray, rising: np.ndarray, owner: np.ndarray, width: int
) -> np.ndarray:
    """Return the next segment of the ring for each segment.

    Where two pixels touch at a corner only, a stop and a start meet there. Within one owner the ring goes round the empty
    pixels (the stop joins the end before it); between two owners each ring goes round its own pixels.
    """
    count = len(column)
    position = np.concatenate([top, bottom]) * (width + 1) + np.tile(column, 2)
    order = np.argsort(2 * position + np.tile(rising, 2))
    corner = np.flatnonzero(np.diff(position[order]) == 0)
    corner = corner[owner[order[corner] % count] != owner[order[corner + 1] % count]]
    order[corner], order[corner + 1] = order[corner + 1], order[corner]
    partner = np.empty(2 * count, np.int64)
    partner[order[::2]], partner[order[1::2]] = order[1::2], order[::2]
    head = np.arange(count) + np.where(rising, 0, count)
    return partner[head] % count


def _cycles(permutation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the cycle (its least element) and the position in it of each element, by pointer doubling."""
    elements = np.arange(len(permutation))
    least, jump = elements, permutation
    while True:
        lower = np.minimum(least, least[jump])
        if np.array_equal(lower, least):
            break
        least, jump = lower, jump[jump]
    ends = least == elements
    jump = np.where(ends, elements, permutation)
    steps = (~ends).astype(np.int64)
    while not ends[jump].all():
        steps, jump = steps + steps[jump], jump[jump]
    length = np.bincount(least, minlength=len(elements))[least]
    return least, np.where(ends, 0, length - steps)


def _cycle_order(ring: np.ndarray, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the order of elements ring by ring, and the index in it at which each ring begins."""
    lengths = np.bincount(ring, minlength=len(ring))
    begins = np.cumsum(lengths) - lengths
    order = np.empty(len(ring), np.int64)
    order[begins[ring] + position] = np.arange(len(ring))
    return order, begins[lengths > 0]


def _sort_by_owner(rings: Rings) -> Rings:
    """Return the rings sorted by owner, shells first."""
    order = np.lexsort((rings.first, rings.area < 0, rings.owner))
    sizes = np.diff(np.append(rings.first, len(rings.vertices)))[order]
    first = np.cumsum(sizes) - sizes
    gather = np.arange(sizes.sum()) + np.repeat(rings.first[order] - first, sizes)
    return Rings(rings.vertices[gather], first, rings.owner[order], rings.area[order])
