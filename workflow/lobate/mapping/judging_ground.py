"""The ground that a threshold of the map is chosen on: its levels of probability, by label and by piece of ground.

The mapped ground has two strata: *near* outlines, inside the footprints of patches, and the *rest*. What is looked at stands for a
stratum: validation ground and completely mapped ground, both only where no training patch lies. Its pieces are groups of
validation patches, and blocks of completely mapped ground. Outlines of a model that nobody mended judge nothing. The test side and the gap round it are no part of either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely

from lobate.errors import UserError
from lobate.io.grid import Grid
from lobate.io.mask_values import LANDFORM, PROBABILITY_LEVELS
from lobate.io.raster import open_raster
from lobate.io.reserved import ReservedGround
from lobate.mapping.pixel_scores import GroundBlocks
from lobate.mapping.tile_blocks import LocalOutlines, first_seen_blocks
from lobate.mapping.valid_area import ValidArea

NEAR, REST = 0, 1
STRATA = ("near", "rest")
NO_PIECE = -1
CELLS = 2 * PROBABILITY_LEVELS
"""Counts of a piece: its levels of probability by label."""


@dataclass(frozen=True)
class Ground:
    """Outlines in EPSG:4326, (n,) each: all ``patches``, the ``trained`` ones, those of ``validation``, and ``complete`` areas.

    ``groups`` (n,) holds the number of each validation patch's group. ``reserved`` is the test side and the gap.
    """

    patches: np.ndarray
    trained: np.ndarray
    validation: np.ndarray
    groups: np.ndarray
    complete: np.ndarray
    reserved: ReservedGround

    @property
    def count(self) -> int:
        """Number of groups."""
        return int(self.groups.max(initial=-1)) + 1


@dataclass(frozen=True)
class Pieces:
    """Pieces of ground that are looked at, in km2.

    ``levels`` (n, 2, 255): their ground by label and level of probability; ``stratum`` (n,): near or rest; ``validation``
    (n,): whether a piece is a group of validation patches, and no completely mapped block.
    """

    levels: np.ndarray
    stratum: np.ndarray
    validation: np.ndarray

    @property
    def area(self) -> np.ndarray:
        """The ground of each piece in km2, (n,)."""
        return self.levels.sum(axis=(1, 2))


@dataclass(frozen=True)
class LookedAt:
    """The ``pieces``, and all ``mapped`` ground by stratum and level of probability, (2, 255) in km2."""

    pieces: Pieces
    mapped: np.ndarray


def look_at(tiles: Sequence[ValidArea], labels: Sequence[Path], ground: Ground) -> LookedAt:
    """Count the levels of all tiles in one pass, in blocks of rows; ground that tiles share counts in the first.

    ``labels`` are the label rasters of ``tiles``. Raises UserError where one is on another grid than its probability raster.
    """
    mapped = np.zeros((len(STRATA), PROBABILITY_LEVELS))
    groups, blocks = np.zeros((ground.count, CELLS)), [_no_pieces()]
    for number, (tile, label) in enumerate(zip(tiles, labels, strict=True)):
        own_mapped, own = _count_tile(tile, tiles[:number], label, ground)
        km2 = tile.grid.resolution_m**2 / 1e6
        mapped += own_mapped * km2
        groups += own[: ground.count] * km2
        blocks.append(_block_pieces(own[ground.count :] * km2))
    near = np.zeros(ground.count, dtype=int)
    parts = [Pieces(groups.reshape(-1, 2, PROBABILITY_LEVELS), near, near == 0), *blocks]
    pieces = Pieces(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in ("levels", "stratum", "validation"))
    )
    return LookedAt(_without_empty(pieces), mapped)


def _no_pieces() -> Pieces:
    return Pieces(np.zeros((0, 2, PROBABILITY_LEVELS)), np.zeros(0, dtype=int), np.zeros(0, dtype=bool))


def _block_pieces(levels: np.ndarray) -> Pieces:
    """Return the blocks of a tile, (2 n, cells): those near outlines first, then those of the rest."""
    stratum = np.repeat([NEAR, REST], len(levels) // 2)
    pieces = Pieces(levels.reshape(-1, 2, PROBABILITY_LEVELS), stratum, np.zeros(len(levels), dtype=bool))
    return _without_empty(pieces)


def _without_empty(pieces: Pieces) -> Pieces:
    filled = pieces.area > 0
    return replace(
        pieces, levels=pieces.levels[filled], stratum=pieces.stratum[filled], validation=pieces.validation[filled]
    )


def _count_tile(
    tile: ValidArea, earlier: Sequence[ValidArea], label: Path, ground: Ground
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mapped pixels, (2, 255), and those of the groups and of both strata's blocks, (pieces, cells)."""
    blocks, local = GroundBlocks.of(tile.grid), _LocalGround.of(ground, tile)
    mapped = np.zeros(len(STRATA) * PROBABILITY_LEVELS, dtype=np.int64)
    looked_at = np.zeros((ground.count + 2 * blocks.count) * CELLS, dtype=np.int64)
    first_row = 0
    with open_raster(label) as labels, first_seen_blocks(tile, earlier) as parts:
        if not Grid.from_raster(labels).same_as(tile.grid):
            raise UserError(
                f"The label raster {label} is not on the grid of {tile.probability}. Delete it and run again."
            )
        for grid, levels, first_seen in parts:
            rows = np.arange(first_row, first_row + grid.height)
            classes = labels.read(1, window=((first_row, first_row + grid.height), (0, grid.width)))
            seen = first_seen & ~local.reserved.hidden(grid)
            near = local.patches.rasterize(grid)
            mapped += np.bincount(
                (np.where(near, NEAR, REST) * PROBABILITY_LEVELS + levels)[seen], minlength=len(mapped)
            )
            piece = local.pieces(grid, near, blocks.numbers(rows[:, None], np.arange(grid.width)), blocks.count)
            judged = seen & (piece != NO_PIECE) & (classes <= LANDFORM)
            cells = (piece[judged] * 2 + classes[judged]) * PROBABILITY_LEVELS + levels[judged]
            looked_at += np.bincount(cells, minlength=len(looked_at))
            first_row += grid.height
    return mapped.reshape(len(STRATA), -1), looked_at.reshape(-1, CELLS)


@dataclass(frozen=True)
class _LocalGround:
    """The ground near a tile, in its CRS."""

    patches: LocalOutlines
    trained: LocalOutlines
    validation: LocalOutlines
    groups: np.ndarray
    complete: LocalOutlines
    reserved: ReservedGround
    count: int

    @classmethod
    def of(cls, ground: Ground, tile: ValidArea) -> _LocalGround:
        layers = (ground.patches, ground.trained, ground.validation, ground.complete)
        near = [np.sort(shapely.STRtree(layer).query(tile.footprint)) for layer in layers]
        patches, trained, validation, complete = (
            LocalOutlines.reproject(layer[rows], tile) for layer, rows in zip(layers, near, strict=True)
        )
        groups, reserved = ground.groups[near[2]], ground.reserved.near(tile.grid)
        return cls(patches, trained, validation, groups, complete, reserved, ground.count)

    def pieces(self, grid: Grid, near: np.ndarray, blocks: np.ndarray, count: int) -> np.ndarray:
        """Return the piece of each pixel, int32 of the grid's shape; ``blocks`` are those of the tile, ``count`` their number."""
        group = self.validation.rasterize(grid, 1 + self.groups)
        piece = np.where(group, group - 1, NO_PIECE).astype(np.int32)
        complete = self.complete.rasterize(grid).astype(bool) & (piece == NO_PIECE)
        if complete.any():
            piece = np.where(complete, self.count + blocks + np.where(near, NEAR, REST) * count, piece)
        piece[self.trained.rasterize(grid) == 1] = NO_PIECE
        return piece


def read_ground(
    split: gpd.GeoDataFrame, mined: gpd.GeoDataFrame | None, complete: np.ndarray, reserved: ReservedGround
) -> Ground:
    """Return the ground of patches with ``side`` and ``group`` and of ``mined`` ones, all in EPSG:4326."""
    outlines = np.asarray(split.geometry.values, dtype=object)
    training, validation = (split["side"] == side for side in ("training", "validation"))
    names = sorted(set(split.loc[validation, "group"].astype(str)))
    numbers = split.loc[validation, "group"].astype(str).map({name: number for number, name in enumerate(names)})
    also = np.zeros(0, dtype=object) if mined is None else np.asarray(mined.geometry.values, dtype=object)
    return Ground(
        patches=outlines,
        trained=np.concatenate([outlines[training], also]),
        validation=outlines[validation],
        groups=numbers.to_numpy(dtype=int),
        complete=complete,
        reserved=reserved,
    )
