"""Outlines of the bodies of a mask, traced for the whole raster at once.

A body's outline goes down along the starts of runs and up along their stops, so it is made of vertical segments, each the
start (or stop) of runs in consecutive rows at one column. Where a segment ends, the outline turns along a row of the
pixels' corners to the next segment; in each such row the ends, sorted, are joined two by two. Following these links gives
rings: shells with the body on one side, holes with it on the other. All steps are sorts and look-ups, none is per pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely

from lobate.network.run_length import Runs


@dataclass(frozen=True)
class Rings:
    """Closed lines round bodies, on the corners of pixels, no two edges in one line.

    ``vertices`` (v, 2) int64 are column and row, ring after ring; ``first`` (n,) is where each ring begins; ``owner`` (n,)
    is the body or part it belongs to; ``area`` (n,) in pixels is positive for a shell, negative for a hole.
    """

    vertices: np.ndarray
    first: np.ndarray
    owner: np.ndarray
    area: np.ndarray

    def lines(self, xy: np.ndarray) -> np.ndarray:
        """Return the rings as geometries, at the places ``xy`` (v, 2) of the vertices."""
        sizes = np.diff(np.append(self.first, len(self.vertices)))
        return shapely.linearrings(xy, indices=np.repeat(np.arange(len(sizes)), sizes))


def trace_rings(runs: Runs, owner: np.ndarray) -> Rings:
    """Return the rings of what ``runs`` make up, by the ``owner`` (n,) of each run; the shell of each before its holes.

    Runs that touch at a side must have one owner. With parts (connected by sides) as owners, each ring is simple, and a
    shell with its holes a valid polygon. With bodies (connected by corners too), a ring may pass a point twice.
    """
    column, top, bottom, run, rising = _segments(runs)
    following = _follow(column, top, bottom, rising, owner[run], runs.shape[1])
    ring, position = _unroll(following)
    order, first = _slots(ring, position)
    tail, head = np.where(rising, bottom, top)[order], np.where(rising, top, bottom)[order]
    vertices = np.stack([np.repeat(column[order], 2), np.stack([tail, head], axis=1).ravel()], axis=1)
    area = np.add.reduceat((column * np.where(rising, bottom - top, top - bottom))[order], first)
    rings = Rings(vertices, 2 * first, owner[run[order[first]]], area)
    return _arranged(rings)


def _segments(runs: Runs) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return column, top, bottom, a run and whether it rises (a stop) of each vertical segment."""
    parts = []
    for columns, rising in ((runs.start, False), (runs.stop, True)):
        order = np.argsort(columns, kind="stable")
        column, row = columns[order], runs.row[order]
        begins = np.flatnonzero(np.append(True, (np.diff(column) != 0) | (np.diff(row) != 1)))
        ends = np.append(begins[1:], len(row)) - 1
        parts.append((column[begins], row[begins], row[ends] + 1, order[begins], np.full(len(begins), rising)))
    column, top, bottom, run, rises = (np.concatenate(both) for both in zip(*parts, strict=True))
    return column, top, bottom, run, rises


def _follow(
    column: np.ndarray, top: np.ndarray, bottom: np.ndarray, rising: np.ndarray, owner: np.ndarray, width: int
) -> np.ndarray:
    """Return for each segment the one that its ring goes on with.

    Where two pixels touch at a corner only, two ends meet there, a stop and a start. Within one owner the ring goes round
    the empty pixels (it joins the stop to what comes before it), between two owners round each one's own.
    """
    count = len(column)
    place = np.concatenate([top, bottom]) * (width + 1) + np.tile(column, 2)
    order = np.argsort(2 * place + np.tile(rising, 2))
    corner = np.flatnonzero(np.diff(place[order]) == 0)
    corner = corner[owner[order[corner] % count] != owner[order[corner + 1] % count]]
    order[corner], order[corner + 1] = order[corner + 1], order[corner]
    partner = np.empty(2 * count, np.int64)
    partner[order[::2]], partner[order[1::2]] = order[1::2], order[::2]
    head = np.arange(count) + np.where(rising, 0, count)
    return partner[head] % count


def _unroll(following: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return for each element of a permutation its cycle (the least element) and its position in it, by doubled steps."""
    here = np.arange(len(following))
    least, jump = here, following
    while True:
        further = np.minimum(least, least[jump])
        if np.array_equal(further, least):
            break
        least, jump = further, jump[jump]
    ends = least == here
    jump = np.where(ends, here, following)
    steps = (~ends).astype(np.int64)
    while not ends[jump].all():
        steps, jump = steps + steps[jump], jump[jump]
    length = np.bincount(least, minlength=len(here))[least]
    return least, np.where(ends, 0, length - steps)


def _slots(ring: np.ndarray, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the order that lists the elements cycle by cycle, and where in it each cycle begins."""
    lengths = np.bincount(ring, minlength=len(ring))
    begins = np.cumsum(lengths) - lengths
    order = np.empty(len(ring), np.int64)
    order[begins[ring] + position] = np.arange(len(ring))
    return order, begins[lengths > 0]


def _arranged(rings: Rings) -> Rings:
    """Return the rings sorted by owner, shells first."""
    order = np.lexsort((rings.first, rings.area < 0, rings.owner))
    sizes = np.diff(np.append(rings.first, len(rings.vertices)))[order]
    first = np.cumsum(sizes) - sizes
    gather = np.arange(sizes.sum()) + np.repeat(rings.first[order] - first, sizes)
    return Rings(rings.vertices[gather], first, rings.owner[order], rings.area[order])
