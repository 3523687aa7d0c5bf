"""The bodies on the terrain, rock glaciers and look-alikes: their shape on the map, and their relief.

A body is a tongue that flows down a slope, or a blob that covers one. It carries its own coordinates: the
distances to its edge, along it, and to the side. Ridges, fronts and stripes are drawn on them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from rasterio.features import shapes
from scipy import ndimage
from scipy.spatial import cKDTree
from shapely.geometry import Polygon, shape

from lobate.example.terrain import fractal, smoothstep

ROCK_GLACIER = "rock glacier"
DEBRIS_GLACIER = "debris-covered glacier"
SOLIFLUCTION = "solifluction slope"
LAKE = "lake"
VILLAGE = "village"
WINDOW_MARGIN = 8
"""Pixels round a body that its window holds too."""


@dataclass(frozen=True, eq=False)
class Body:
    """One landform or look-alike. Arrays cover its window of the world; all lengths are in pixels.

    ``edge_distance`` is positive inside and negative outside; ``along`` is the distance from the upper end; ``across`` is
    the signed distance from the middle line.
    """

    kind: str
    row: int
    col: int
    edge_distance: np.ndarray
    along: np.ndarray
    across: np.ndarray
    length: float
    seed: int

    @property
    def mask(self) -> np.ndarray:
        """The pixels of the window that belong to the body."""
        return self.edge_distance > 0

    @property
    def window(self) -> tuple[slice, slice]:
        """The window as slices of the world's arrays."""
        height, width = self.edge_distance.shape
        return slice(self.row, self.row + height), slice(self.col, self.col + width)

    @property
    def outline(self) -> Polygon:
        """The edge along pixel borders; x is the column, y the row, in the world."""
        ((geometry, _),) = shapes(
            self.mask.astype(np.uint8), mask=self.mask, transform=(1, 0, self.col, 0, 1, self.row)
        )
        return shape(geometry)

    def rng(self) -> np.random.Generator:
        """Return a new generator with the body's own seed."""
        return np.random.default_rng(self.seed)


def flow_line(smooth: np.ndarray, start: tuple[float, float], length: float) -> np.ndarray:
    """Return the flow line down from ``start`` over a smoothed surface: points (row, col) one pixel apart.

    The line keeps some of its direction, as ice and debris do. It ends early on flat ground and at the world's edge.
    """
    point, heading = np.array(start, dtype=float), np.zeros(2)
    line: list[np.ndarray] = []
    while len(line) <= length:
        row, col = np.round(point).astype(int)
        if not (1 <= row < smooth.shape[0] - 1 and 1 <= col < smooth.shape[1] - 1):
            break
        fall = -np.array([smooth[row + 1, col] - smooth[row - 1, col], smooth[row, col + 1] - smooth[row, col - 1]])
        if np.hypot(*fall) < 1.2:  # metres over two pixels
            break
        heading = 0.85 * heading + 0.15 * fall / np.hypot(*fall)
        line.append(point)
        point = point + heading / np.hypot(*heading)
    return np.array(line)


def tongue_shape(
    kind: str, line: np.ndarray, half_width: np.ndarray, wobble: float, rng: np.random.Generator
) -> Body | None:
    """Return a body along the flow ``line`` (n, 2), with a half-width (n,) in pixels at each point.

    Noise of ``wobble`` pixels moves the edge. None when the noise leaves small pieces only.
    """
    row, col = (np.floor(line.min(axis=0) - half_width.max()) - WINDOW_MARGIN).astype(int)
    height, width = (np.ceil(line.max(axis=0) + half_width.max()) + WINDOW_MARGIN).astype(int) - (row, col)
    rows, cols = np.mgrid[row : row + height, col : col + width]
    distance, nearest = cKDTree(line).query(np.stack([rows, cols], axis=-1))
    ahead = np.gradient(line, axis=0)[nearest]
    side = np.sign(ahead[..., 0] * (cols - line[nearest, 1]) - ahead[..., 1] * (rows - line[nearest, 0]))
    edge_distance = half_width[nearest] - distance + wobble * _edge_noise((height, width), rng)
    along, across = nearest.astype(float), side * distance
    body = Body(kind, row, col, edge_distance, along, across, float(len(line)), _draw_seed(rng))
    return _largest_piece(body, min_pixels=0.5 * 2 * half_width.sum())


def blob_shape(
    kind: str, centre: tuple[int, int], radius: float, down: np.ndarray, rng: np.random.Generator
) -> Body | None:
    """Return a blob round ``centre`` of about ``radius`` pixels; ``down`` is the downslope direction (row, col)."""
    reach = int(1.7 * radius) + WINDOW_MARGIN
    rows, cols = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    stretch, turn = rng.uniform(1.0, 1.5), rng.uniform(0, np.pi)
    x, y = np.cos(turn) * cols + np.sin(turn) * rows, np.cos(turn) * rows - np.sin(turn) * cols
    edge_distance = radius - np.hypot(x / stretch, y * stretch) + 0.18 * radius * _edge_noise(rows.shape, rng)
    along, across = rows * down[0] + cols * down[1], cols * down[0] - rows * down[1]
    row, col = centre[0] - reach, centre[1] - reach
    body = Body(kind, row, col, edge_distance, along + reach, across, 2.0 * reach, _draw_seed(rng))
    return _largest_piece(body, min_pixels=radius**2)


def _largest_piece(body: Body, min_pixels: float) -> Body | None:
    """Return the largest piece without holes; None when it is small or touches its window's edge."""
    pieces, count = ndimage.label(body.mask)
    if not count:
        return None
    largest = pieces == np.argmax(np.bincount(pieces.ravel())[1:]) + 1
    filled = ndimage.binary_fill_holes(largest)
    border = np.concatenate([filled[0], filled[-1], filled[:, 0], filled[:, -1]])
    if filled.sum() < min_pixels or border.any():
        return None
    distance = ndimage.distance_transform_edt(filled) - ndimage.distance_transform_edt(~filled)
    return replace(body, edge_distance=distance - 0.5 * np.sign(distance))


def _edge_noise(size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    return fractal(size, rng, 3.0, cells=6)


def _draw_seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31))


def add_relief(surface: np.ndarray, bodies: list[Body]) -> np.ndarray:
    """Return the heights (metres, 10 m pixels) with the relief of all bodies."""
    heights = surface.copy()
    for body in bodies:
        heights[body.window] = RELIEF[body.kind](heights[body.window], body)
    return heights


def furrows(body: Body) -> np.ndarray:
    """Return the ridges and furrows of a rock glacier between -1 and 1, bent downslope in the middle.

    phase = 2 pi (s + b d^2 / w) / wavelength, with s along, d across, w the half-width; waves shorten towards the front.
    """
    rng = body.rng()
    half_width = max(np.abs(body.across[body.mask]).max(), 1.0)
    bent = body.along + rng.uniform(0.5, 0.9) * body.across**2 / half_width + 2.0 * _body_noise(body, rng, 8)
    wavelength = rng.uniform(4.8, 6.5)
    crowding = 0.25 * bent**2 / (2 * body.length)
    return np.sin(2 * np.pi * (bent + crowding) / wavelength).astype(np.float32)


def front_steepness(body: Body) -> np.ndarray:
    """Return how far a pixel belongs to the steep front, 0 to 1: the outer three pixels of the lower part."""
    rim = smoothstep(body.edge_distance, -0.5, 0.5) * (1 - smoothstep(body.edge_distance, 2.0, 4.0))
    return rim * smoothstep(body.along / body.length, 0.35, 0.8)


def stripes(body: Body) -> np.ndarray:
    """Return the stripes of sorted ground between -1 and 1; they run down the slope."""
    rng = body.rng()
    waves = body.across + 2.5 * _body_noise(body, rng, 10)
    return np.sin(2 * np.pi * waves / rng.uniform(3.6, 4.8)).astype(np.float32)


def _rock_glacier(surface: np.ndarray, body: Body) -> np.ndarray:
    rng = np.random.default_rng(body.seed + 1)
    thickness, ridge = rng.uniform(16, 28), rng.uniform(1.6, 2.6)
    downslope = np.clip(body.along / body.length, 0, 1)
    raised = thickness * smoothstep(body.edge_distance, -0.5, 3.5) * (0.4 + 0.6 * smoothstep(downslope, 0.05, 0.5))
    waves = ridge * furrows(body) * smoothstep(body.edge_distance, 1.0, 4.0) * (0.65 + 0.35 * downslope)
    return _smooth_under(surface, body, 5) + raised + waves


def _debris_glacier(surface: np.ndarray, body: Body) -> np.ndarray:
    rng = body.rng()
    half_width = np.abs(body.across[body.mask]).max()
    hummocks = (
        2.6 * fractal(body.edge_distance.shape, rng, 1.6, cells=5) * smoothstep(body.along / body.length, 0.1, 0.35)
    )
    hollow = -8 * smoothstep(body.edge_distance, 2, 0.5 * half_width)
    moraine = 9 * np.exp(-((body.edge_distance - 1.0) ** 2) / 4)
    return _smooth_under(surface, body, 6) + smoothstep(body.edge_distance, -1, 2) * (hummocks + hollow) + moraine


def _solifluction(surface: np.ndarray, body: Body) -> np.ndarray:
    return _smooth_under(surface, body, 4) + 0.5 * stripes(body) * smoothstep(body.edge_distance, 0, 4)


def _lake(surface: np.ndarray, body: Body) -> np.ndarray:
    level = float(np.percentile(surface[body.mask], 25))
    share = smoothstep(body.edge_distance, -4, 1)
    return surface * (1 - share) + level * share


def _village(surface: np.ndarray, body: Body) -> np.ndarray:
    return _smooth_under(surface, body, 6)


def _smooth_under(surface: np.ndarray, body: Body, sigma: float) -> np.ndarray:
    """Smooth the rough ground below a body, as fine debris does."""
    share = smoothstep(body.edge_distance, -2, 2)
    return surface * (1 - share) + ndimage.gaussian_filter(surface, sigma) * share


def _body_noise(body: Body, rng: np.random.Generator, cells: float) -> np.ndarray:
    return fractal(body.edge_distance.shape, rng, 3.0, cells=cells)


RELIEF = {
    ROCK_GLACIER: _rock_glacier,
    DEBRIS_GLACIER: _debris_glacier,
    SOLIFLUCTION: _solifluction,
    LAKE: _lake,
    VILLAGE: _village,
}
