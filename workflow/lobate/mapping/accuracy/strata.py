"""The three strata of a map's pixels: `detected`, `near` and `rest`.

`detected` lies under a kept detection. `near` is other ground on which landform is likely to have been missed: a probability of
0.1 or more, a removed detection, or a rim of three pixels round a kept one. `rest` is all other mapped ground.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely

from lobate.errors import UserError
from lobate.io.grid import LONLAT, Grid, transform_points
from lobate.io.mask_values import PROBABILITY_SCALE, lowest_level
from lobate.io.vector import read_polygons
from lobate.mapping.tile_blocks import LocalOutlines, first_seen_blocks
from lobate.mapping.valid_area import ValidArea

STRATA = ("detected", "near", "rest")
DETECTED, NEAR, REST, UNSEEN = range(4)
"""Codes of the strata; `UNSEEN` is a pixel without data, or one that an earlier tile has counted."""
NEAR_PROBABILITY = 0.1
RIM_PIXELS = 3
RIM_DEGREES = 0.01
"""Outlines this near to a tile may have their rim in it."""
MAX_PIXEL_RATIO = 1.05
"""Largest ratio of the areas of two tiles' pixels: an area is counted in pixels of one size."""

StrataBlock = tuple[Grid, np.ndarray, np.ndarray]
"""Grid of a block, its strata and its levels of probability, both of the grid's shape."""


@dataclass(frozen=True)
class MappedGround:
    """A finished map: the valid areas of its tiles, and its detections, ``kept`` and ``removed``, in EPSG:4326."""

    valid_areas: Sequence[ValidArea]
    kept: gpd.GeoDataFrame
    removed: gpd.GeoDataFrame

    @classmethod
    def read(cls, detections: Path, probabilities: Sequence[Path]) -> MappedGround:
        """Read the files of a map. Raises UserError for other files, no kept detection, or tiles of different pixel sizes."""
        kept, removed = (read_polygons(detections, layer).to_crs(LONLAT) for layer in ("kept", "removed"))
        if missing := sorted({"detection", "mean", "area_m2"} - set(kept.columns)):
            raise UserError(
                f"The layer kept of {detections} lacks the field {', '.join(missing)}. Give the detections that "
                "filter-detections wrote."
            )
        if not len(kept):
            raise UserError(
                f"The map in {detections} has no detection, so there is nothing to estimate the accuracy of. Look at the "
                "layer removed and at the limits in mapping.filter, and map again."
            )
        ground = cls([ValidArea.of(path) for path in probabilities], kept, removed)
        ground.check_pixel_size()
        return ground

    @property
    def pixel_m2(self) -> float:
        """Mean geodesic area of a pixel of the tiles, in square metres."""
        return float(np.mean([area.grid.resolution_m**2 for area in self.valid_areas]))

    def check_pixel_size(self) -> None:
        """Raise UserError for tiles with pixels of different sizes."""
        sides = {area.probability.name: area.grid.resolution_m for area in self.valid_areas}
        small, large = min(sides, key=sides.__getitem__), max(sides, key=sides.__getitem__)
        if (sides[large] / sides[small]) ** 2 > MAX_PIXEL_RATIO:
            raise UserError(
                f"{small} has pixels of {sides[small]:.1f} m, {large} has pixels of {sides[large]:.1f} m. A sample of pixels "
                "needs one size for the whole region. Make the two a region each, with a sample each."
            )

    def blocks(self) -> Iterator[StrataBlock]:
        """Yield the blocks of all tiles, in order."""
        outlines = [np.asarray(frame.geometry.values, dtype=object) for frame in (self.kept, self.removed)]
        trees = [shapely.STRtree(shapes) for shapes in outlines]
        for number, area in enumerate(self.valid_areas):
            wide = area.footprint.buffer(RIM_DEGREES)
            near = [shapes[tree.query(wide)] for shapes, tree in zip(outlines, trees, strict=True)]
            kept, removed = (LocalOutlines.reproject(shapes, area) for shapes in near)
            with first_seen_blocks(area, self.valid_areas[:number]) as blocks:
                for grid, levels, first_seen in blocks:
                    strata = strata_of(grid, levels, kept, removed)
                    strata[~first_seen] = UNSEEN
                    yield grid, strata, levels


def strata_of(grid: Grid, levels: np.ndarray, kept: LocalOutlines, removed: LocalOutlines) -> np.ndarray:
    """Return the stratum of each pixel of a block, uint8 of the grid's shape; pixels without data are not looked for."""
    height, width = grid.shape
    wide = kept.rasterize(grid.crop(-RIM_PIXELS, -RIM_PIXELS, height + 2 * RIM_PIXELS, width + 2 * RIM_PIXELS))
    detected = wide[RIM_PIXELS:-RIM_PIXELS, RIM_PIXELS:-RIM_PIXELS].astype(bool)
    near = (levels >= lowest_level(NEAR_PROBABILITY)) | removed.rasterize(grid).astype(bool)
    if wide.any():
        near |= _widened(wide)
    return np.select([detected, near], [np.uint8(DETECTED), np.uint8(NEAR)], np.uint8(REST))


def _widened(wide: np.ndarray) -> np.ndarray:
    """Return where a pixel within the rim's width, also diagonally, is set; without the rim of ``wide`` itself."""
    from scipy.ndimage import maximum_filter

    return maximum_filter(wide, 2 * RIM_PIXELS + 1)[RIM_PIXELS:-RIM_PIXELS, RIM_PIXELS:-RIM_PIXELS].astype(bool)


@dataclass(frozen=True)
class StrataCensus:
    """Pixels of each stratum in each block, ``counts`` (blocks, 3), and each stratum's mean probability (3,), 0 to 1."""

    counts: np.ndarray
    probability: np.ndarray

    @property
    def sizes(self) -> np.ndarray:
        """Pixels of each stratum, (3,)."""
        return self.counts.sum(axis=0)


def count_strata(ground: MappedGround) -> StrataCensus:
    """Count the pixels of a map's strata."""
    counts, levels_sum = [], np.zeros(3)
    for _, strata, levels in ground.blocks():
        flat = strata.ravel()
        counts.append(np.bincount(flat, minlength=4)[:3])
        levels_sum += np.bincount(flat, levels.ravel(), minlength=4)[:3]
    table = np.array(counts, dtype=np.int64).reshape(-1, 3)
    return StrataCensus(table, levels_sum / np.maximum(table.sum(axis=0), 1) / PROBABILITY_SCALE)


def locate_pixels(ground: MappedGround, census: StrataCensus, ranks: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return the centres of pixels as longitude and latitude, an array (n, 2) for each stratum.

    ``ranks``: for each stratum the sorted numbers of pixels, from 0 on, in the order of the blocks.
    """
    begins = np.cumsum(census.counts, axis=0) - census.counts
    found: list[list[np.ndarray]] = [[], [], []]
    for number, (grid, strata, _) in enumerate(ground.blocks()):
        for stratum in range(3):
            begin = begins[number, stratum]
            first, last = np.searchsorted(ranks[stratum], [begin, begin + census.counts[number, stratum]])
            if last > first:
                places = np.flatnonzero(strata == stratum)[ranks[stratum][first:last] - begin]
                found[stratum].append(_centres(grid, places))
    return [reduce(lambda some, more: np.concatenate([some, more]), parts, np.empty((0, 2))) for parts in found]


def _centres(grid: Grid, places: np.ndarray) -> np.ndarray:
    rows, columns = np.divmod(places, grid.width)
    x, y = transform_points(grid.transform, columns + 0.5, rows + 0.5)
    points = gpd.GeoSeries(gpd.points_from_xy(x, y), crs=grid.crs).to_crs(LONLAT)
    return np.column_stack([points.x, points.y])
