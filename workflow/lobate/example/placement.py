"""Where bodies lie: rock glaciers below steep slopes, glaciers under the summits, lakes and villages on level ground."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage

from lobate.errors import UserError
from lobate.example.landforms import (
    DEBRIS_GLACIER,
    LAKE,
    ROCK_GLACIER,
    SOLIFLUCTION,
    VILLAGE,
    Body,
    descent,
    patch,
    tongue_shape,
)
from lobate.example.terrain import slope

TRIES = 3000
GAP = 6
"""Pixels between two bodies."""
LOOKALIKES = [DEBRIS_GLACIER, SOLIFLUCTION, SOLIFLUCTION, DEBRIS_GLACIER, SOLIFLUCTION, LAKE, VILLAGE]
"""Look-alikes come in this order, again and again."""


@dataclass
class PlacementMap:
    """A terrain on which bodies find their place. ``border`` pixels along the world's edge stay free."""

    surface: np.ndarray
    border: int
    rng: np.random.Generator
    taken: np.ndarray = field(init=False)
    smooth: np.ndarray = field(init=False)
    steep: np.ndarray = field(init=False)
    rank: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.smooth = ndimage.gaussian_filter(self.surface, 7)
        self.steep = slope(self.smooth)
        levels = np.sort(self.smooth[::8, ::8], axis=None)
        self.rank = (np.searchsorted(levels, self.smooth) / levels.size).astype(np.float32)
        self.taken = np.ones(self.surface.shape, dtype=bool)
        self.taken[self.border : -self.border, self.border : -self.border] = False

    def place(self, kind: str, make: Callable[[tuple[int, int]], Body | None], wanted: np.ndarray) -> Body:
        """Try random pixels of ``wanted`` until ``make`` gives a body that keeps its distance from all others.

        Raises UserError when the world has no room for it.
        """
        for start in self._starts(wanted):
            body = make(start)
            if body is not None and self._claim(body):
                return body
        raise UserError(
            f"The synthetic world has no room for another {kind}. Raise example.side, or lower example.landforms or "
            "example.lookalikes in the configuration."
        )

    def down(self, at: tuple[int, int]) -> np.ndarray:
        """Return the direction of the slope at a pixel as a unit vector (row, col)."""
        row, col = at
        fall = -np.array(
            [
                self.smooth[row + 1, col] - self.smooth[row - 1, col],
                self.smooth[row, col + 1] - self.smooth[row, col - 1],
            ]
        )
        return fall / max(np.hypot(*fall), 1e-6)

    def crossed(self, way: np.ndarray) -> bool:
        """Whether a way down runs over taken ground, so that no body needs to be drawn to know that it does not fit."""
        return bool(self.taken[tuple(np.round(way).astype(int).T)].any())

    def _starts(self, wanted: np.ndarray) -> Iterator[tuple[int, int]]:
        rows, cols = np.nonzero(wanted & ~self.taken)
        for pick in self.rng.integers(rows.size, size=TRIES) if rows.size else ():
            yield int(rows[pick]), int(cols[pick])

    def _claim(self, body: Body) -> bool:
        near = body.inside > -GAP
        height, width = self.surface.shape
        rows, cols = body.window
        if rows.start < 0 or cols.start < 0 or rows.stop > height or cols.stop > width:
            return False
        if self.taken[body.window][near].any():
            return False
        self.taken[body.window] |= near
        return True


def rock_glacier(ground: PlacementMap, start: tuple[int, int], *, small: bool = False) -> Body | None:
    """Return a tongue or lobe of 0.05-0.5 km2 (``small``: 0.01-0.02) from ``start`` down, widening towards a round front."""
    rng = ground.rng
    length = rng.uniform(20, 24) if small else rng.uniform(45, 110)
    way = descent(ground.smooth, start, length)
    if len(way) < 0.9 * length or ground.crossed(way):
        return None
    slopes = ground.steep[tuple(np.round(way).astype(int).T)]
    if slopes.mean() > 0.55 or slopes[-10:].mean() > 0.5:
        return None
    middle = 3.6 if small else rng.uniform(9, 10 + 0.1 * length)
    return tongue_shape(
        ROCK_GLACIER, way, _widths(len(way), middle, rng.uniform(0.15, 0.5)), 0.0 if small else 1.2, rng
    )


def debris_glacier(ground: PlacementMap, start: tuple[int, int]) -> Body | None:
    """Return a long, even tongue of 0.5-1.5 km2."""
    rng = ground.rng
    length = rng.uniform(130, 190)
    way = descent(ground.smooth, start, length)
    if len(way) < 110 or ground.crossed(way):
        return None
    return tongue_shape(DEBRIS_GLACIER, way, _widths(len(way), rng.uniform(17, 27), -0.1), 2.0, rng)


def blob_shape(kind: str, low: float, high: float) -> Callable[[PlacementMap, tuple[int, int]], Body | None]:
    """Return a maker of patches of this kind with a radius between ``low`` and ``high`` pixels."""

    def make(ground: PlacementMap, start: tuple[int, int]) -> Body | None:
        return patch(kind, start, ground.rng.uniform(low, high), ground.down(start), ground.rng)

    return make


def place_landforms(ground: PlacementMap, landforms: int, lookalikes: int, seam: int) -> tuple[list[Body], list[Body]]:
    """Return the rock glaciers and the look-alikes of a world.

    The first rock glacier lies across the column ``seam``, where the western tile ends; the second one is too small.
    """
    width = ground.surface.shape[1]
    columns = np.arange(width)[None, :]
    fit = (ground.steep > 0.3) & (ground.steep < 0.75) & (ground.rank > 0.3) & (ground.rank < 0.93)

    def across(start: tuple[int, int]) -> Body | None:
        body = rock_glacier(ground, start)
        return body if body is not None and _crosses(body, seam) else None

    glaciers = [ground.place(ROCK_GLACIER, across, fit & (abs(columns - seam) < 60))]
    west = fit & (columns < 0.6 * width)
    glaciers.append(ground.place(ROCK_GLACIER, lambda start: rock_glacier(ground, start, small=True), west))
    others = [_lookalike(ground, kind) for kind in sorted(_kinds(lookalikes)) if kind == DEBRIS_GLACIER]
    while len(glaciers) < landforms:
        glaciers.append(ground.place(ROCK_GLACIER, lambda start: rock_glacier(ground, start), fit))
    others += [_lookalike(ground, kind) for kind in sorted(_kinds(lookalikes)) if kind != DEBRIS_GLACIER]
    return glaciers, others


def _kinds(count: int) -> list[str]:
    return [LOOKALIKES[number % len(LOOKALIKES)] for number in range(count)]


def _lookalike(ground: PlacementMap, kind: str) -> Body:
    level = ground.steep < 0.22
    makers = {
        DEBRIS_GLACIER: (debris_glacier, (ground.rank > 0.85) & (ground.steep < 0.7)),
        SOLIFLUCTION: (
            blob_shape(SOLIFLUCTION, 16, 30),
            (ground.steep > 0.2) & (ground.steep < 0.5) & (ground.rank < 0.8),
        ),
        LAKE: (blob_shape(LAKE, 6, 16), level),
        VILLAGE: (blob_shape(VILLAGE, 8, 13), level & (ground.rank < 0.3)),
    }
    maker, wanted = makers[kind]
    return ground.place(kind, lambda start: maker(ground, start), wanted)


def _crosses(body: Body, column: int) -> bool:
    counts = np.cumsum(body.mask.sum(axis=0)) / body.mask.sum()
    at = column - body.col
    return 0 < at < len(counts) and bool(0.25 < counts[at - 1] < 0.75)


def _widths(points: int, middle: float, widening: float) -> np.ndarray:
    """Return half-widths that grow (or shrink) along the way by ``widening`` and close in half-ellipses at both ends."""
    along = np.arange(points, dtype=float)
    width = middle * (1 + widening * (2 * along / points - 1))
    front, root = min(1.1 * middle, points / 2), min(0.7 * middle, points / 3)
    closing = np.clip((along - (points - front)) / front, 0, 0.999)
    opening = np.clip((root - along) / root, 0, 0.9)
    return width * np.sqrt(1 - closing**2) * np.sqrt(1 - opening**2)
