"""Placement of the bodies: rock glaciers on slopes, glaciers near the summits, lakes and villages on level ground."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage
from shapely.geometry import Polygon, box

from lobate.errors import UserError
from lobate.example.landforms import (
    DEBRIS_GLACIER,
    LAKE,
    ROCK_GLACIER,
    SOLIFLUCTION,
    VILLAGE,
    Body,
    blob_shape,
    flow_line,
    tongue_shape,
)
from lobate.example.terrain import slope

CIRQUE_ATTEMPTS, MAX_ATTEMPTS = 300, 3000
"""Attempts to place a body by the rule of the cirques, and then anywhere."""
GAP_PX = 6
"""Pixels between two bodies."""
PER_CIRQUE = 2
"""Bodies in a cirque, where the world has room for that."""
BESIDE_SHARE, BESIDE_PX = 0.35, 30
"""Share of the rock glaciers that start beside an earlier one, and how far at most, in pixels."""
LOOKALIKES = [DEBRIS_GLACIER, SOLIFLUCTION, SOLIFLUCTION, DEBRIS_GLACIER, SOLIFLUCTION, LAKE, VILLAGE]
"""Kinds of look-alikes, in the order in which they are placed; the list starts again at its end."""


@dataclass
class PlacementMap:
    """A terrain and the pixels that bodies occupy; ``border`` pixels along the world's edge stay free.

    Bodies lie in cirques of up to ``PER_CIRQUE``. Boxes ``reach`` pixels round the bodies of different cirques do not touch:
    patches of one cirque show nothing of another. All arrays are (height, width): heights smoothed, their gradient, and
    their rank from 0 (lowest) to 1.
    """

    surface: np.ndarray
    border: int
    rng: np.random.Generator
    reach: int = 0
    occupied: np.ndarray = field(init=False)
    smooth: np.ndarray = field(init=False)
    steepness: np.ndarray = field(init=False)
    elevation_rank: np.ndarray = field(init=False)
    cirques: list[list[Polygon]] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.smooth = ndimage.gaussian_filter(self.surface, 7)
        self.steepness = slope(self.smooth)
        levels = np.sort(self.smooth[::8, ::8], axis=None)
        self.elevation_rank = (np.searchsorted(levels, self.smooth) / levels.size).astype(np.float32)
        self.occupied = np.ones(self.surface.shape, dtype=bool)
        self.occupied[self.border : -self.border, self.border : -self.border] = False

    def place(
        self,
        kind: str,
        make: Callable[[tuple[int, int]], Body | None],
        allowed: np.ndarray,
        near: Sequence[Body] = (),
    ) -> Body:
        """Return a body that ``make`` gives from a random pixel of ``allowed``, away from all other bodies.

        It lies in a cirque, and starts beside one of the bodies ``near``, where the world has room for that. Raises
        UserError when the world has no room at all.
        """
        beside = allowed & self._beside(near) if near else allowed
        for number, start in enumerate(self._random_starts((beside, CIRQUE_ATTEMPTS), (allowed, MAX_ATTEMPTS))):
            body = make(start)
            if body is not None and self._reserve(body, anywhere=number >= CIRQUE_ATTEMPTS):
                return body
        raise UserError(
            f"The synthetic world has no room for another {kind}. Raise example.side, or lower example.landforms or "
            "example.lookalikes in the configuration."
        )

    def downslope(self, pixel: tuple[int, int]) -> np.ndarray:
        """Return the downslope direction at a pixel as a unit vector (row, col)."""
        row, col = pixel
        fall = -np.array(
            [
                self.smooth[row + 1, col] - self.smooth[row - 1, col],
                self.smooth[row, col + 1] - self.smooth[row, col - 1],
            ]
        )
        return fall / max(np.hypot(*fall), 1e-6)

    def _beside(self, bodies: Sequence[Body]) -> np.ndarray:
        """Return the pixels (height, width) round the windows of bodies."""
        beside = np.zeros(self.surface.shape, dtype=bool)
        for body in bodies:
            rows, cols = (slice(max(0, side.start - BESIDE_PX), side.stop + BESIDE_PX) for side in body.window)
            beside[rows, cols] = True
        return beside

    def is_blocked(self, line: np.ndarray) -> bool:
        """Return whether a flow line crosses occupied pixels: a quick test before the body is shaped."""
        return bool(self.occupied[tuple(np.round(line).astype(int).T)].any())

    def _random_starts(self, *choices: tuple[np.ndarray, int]) -> Iterator[tuple[int, int]]:
        """Yield as many free pixels of each choice as it says, none of a choice without any."""
        for allowed, count in choices:
            rows, cols = np.nonzero(allowed & ~self.occupied)
            for pick in self.rng.integers(rows.size, size=count) if rows.size else ():
                yield int(rows[pick]), int(cols[pick])

    def _reserve(self, body: Body, *, anywhere: bool) -> bool:
        """Occupy a body's pixels and the gap round it; return False where it does not fit.

        Where it lies ``anywhere``, it may join cirques or be one too many.
        """
        near = body.edge_distance > -GAP_PX
        height, width = self.surface.shape
        rows, cols = body.window
        if rows.start < 0 or cols.start < 0 or rows.stop > height or cols.stop > width:
            return False
        if self.occupied[body.window][near].any() or not (self._join_cirque(body) or anywhere):
            return False
        self.occupied[body.window] |= near
        return True

    def _join_cirque(self, body: Body) -> bool:
        """Add a body to its cirque, or found one; return False where cirques would touch or be too full."""
        ground = box(*body.outline.bounds).buffer(self.reach, join_style="mitre")
        touched = [cirque for cirque in self.cirques if any(ground.intersects(other) for other in cirque)]
        if not touched:
            self.cirques.append([ground])
        elif len(touched) == 1 and len(touched[0]) < PER_CIRQUE:
            touched[0].append(ground)
        else:
            return False
        return True


def rock_glacier(placement: PlacementMap, start: tuple[int, int], *, small: bool = False) -> Body | None:
    """Return a tongue of 0.05-0.5 km2 (``small``: 0.01-0.02) from ``start`` down; it widens towards a round front."""
    rng = placement.rng
    length = rng.uniform(20, 24) if small else rng.uniform(45, 110)
    line = flow_line(placement.smooth, start, length)
    if len(line) < 0.9 * length or placement.is_blocked(line):
        return None
    slopes = placement.steepness[tuple(np.round(line).astype(int).T)]
    if slopes.mean() > 0.55 or slopes[-10:].mean() > 0.5:
        return None
    half_width = 3.6 if small else rng.uniform(9, 10 + 0.1 * length)
    half_widths = _half_widths(len(line), half_width, rng.uniform(0.15, 0.5))
    return tongue_shape(ROCK_GLACIER, line, half_widths, 0.0 if small else 1.2, rng)


def debris_glacier(placement: PlacementMap, start: tuple[int, int]) -> Body | None:
    """Return a long, even tongue of 0.5-1.5 km2."""
    rng = placement.rng
    length = rng.uniform(130, 190)
    line = flow_line(placement.smooth, start, length)
    if len(line) < 110 or placement.is_blocked(line):
        return None
    return tongue_shape(DEBRIS_GLACIER, line, _half_widths(len(line), rng.uniform(17, 27), -0.1), 2.0, rng)


def blob_maker(kind: str, low: float, high: float) -> Callable[[PlacementMap, tuple[int, int]], Body | None]:
    """Return a function that makes a blob of this kind, with a radius between ``low`` and ``high`` pixels."""

    def make(placement: PlacementMap, start: tuple[int, int]) -> Body | None:
        return blob_shape(kind, start, placement.rng.uniform(low, high), placement.downslope(start), placement.rng)

    return make


def place_landforms(
    placement: PlacementMap, landforms: int, lookalikes: int, seam: int
) -> tuple[list[Body], list[Body]]:
    """Return the rock glaciers and the look-alikes of a world.

    The first rock glacier lies across the column ``seam``, where the western tile ends. The second is too small to map.
    """
    columns = np.arange(placement.surface.shape[1])[None, :]
    steepness, rank = placement.steepness, placement.elevation_rank
    suitable = (steepness > 0.3) & (steepness < 0.75) & (rank > 0.3) & (rank < 0.93)

    def across_seam(start: tuple[int, int]) -> Body | None:
        body = rock_glacier(placement, start)
        return body if body is not None and _lies_across(body, seam) else None

    rock_glaciers = [placement.place(ROCK_GLACIER, across_seam, suitable & (abs(columns - seam) < 60))]
    west = suitable & (columns < 0.6 * columns.size)
    rock_glaciers.append(placement.place(ROCK_GLACIER, lambda start: rock_glacier(placement, start, small=True), west))
    kinds = sorted(_lookalike_kinds(lookalikes))
    bodies = [_place_lookalike(placement, kind) for kind in kinds if kind == DEBRIS_GLACIER]
    while len(rock_glaciers) < landforms:
        near = rock_glaciers if len(rock_glaciers) >= (1 - BESIDE_SHARE) * landforms else []
        rock_glaciers.append(
            placement.place(ROCK_GLACIER, lambda start: rock_glacier(placement, start), suitable, near)
        )
    bodies += [_place_lookalike(placement, kind) for kind in kinds if kind != DEBRIS_GLACIER]
    return rock_glaciers, bodies


def _lookalike_kinds(count: int) -> list[str]:
    return [LOOKALIKES[number % len(LOOKALIKES)] for number in range(count)]


def _place_lookalike(placement: PlacementMap, kind: str) -> Body:
    steepness, rank = placement.steepness, placement.elevation_rank
    level = steepness < 0.22
    makers = {
        DEBRIS_GLACIER: (debris_glacier, (rank > 0.85) & (steepness < 0.7)),
        SOLIFLUCTION: (blob_maker(SOLIFLUCTION, 16, 30), (steepness > 0.2) & (steepness < 0.5) & (rank < 0.8)),
        LAKE: (blob_maker(LAKE, 6, 16), level),
        VILLAGE: (blob_maker(VILLAGE, 8, 13), level & (rank < 0.3)),
    }
    make, allowed = makers[kind]
    return placement.place(kind, lambda start: make(placement, start), allowed)


def _lies_across(body: Body, column: int) -> bool:
    """Return whether a quarter or more of the body lies on each side of a column."""
    share_west = np.cumsum(body.mask.sum(axis=0)) / body.mask.sum()
    offset = column - body.col
    return 0 < offset < len(share_west) and bool(0.25 < share_west[offset - 1] < 0.75)


def _half_widths(points: int, middle: float, widening: float) -> np.ndarray:
    """Return half-widths that grow or shrink along the line by ``widening`` and close in half-ellipses at both ends."""
    along = np.arange(points, dtype=float)
    width = middle * (1 + widening * (2 * along / points - 1))
    front, root = min(1.1 * middle, points / 2), min(0.7 * middle, points / 3)
    closing = np.clip((along - (points - front)) / front, 0, 0.999)
    opening = np.clip((root - along) / root, 0, 0.9)
    return width * np.sqrt(1 - closing**2) * np.sqrt(1 - opening**2)
