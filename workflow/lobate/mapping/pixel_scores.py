"""Scores by pixels: the confusion of detected and reference outlines on the tiles' own grids, by blocks of ground.

Ground that an unknown detection covers has two readings, so precision has two ends. Ground on removed outlines, and on
outlines that a person accepted without mending them, is left out: an accepted outline would be compared with itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, fields
from functools import reduce
from typing import Any

import numpy as np
import shapely

from lobate.io.grid import Grid
from lobate.io.intervals import jackknife, rate_intervals
from lobate.io.raster import open_raster
from lobate.mapping.matching import precision_recall_f1, ratio
from lobate.mapping.terrain_rule import TerrainRule
from lobate.mapping.tile_blocks import LocalOutlines, first_seen_blocks
from lobate.mapping.valid_area import ValidArea

BLOCK_M = 5000
"""Side of a block of ground, to which a tile's side is divided evenly."""

PROTOCOL = "95 % jackknife over blocks of ground of about 5 km, on the logit scale, with Student's t"


@dataclass(frozen=True)
class GroundBlocks:
    """The blocks of a tile: the number of rows and columns of blocks, and of pixels."""

    down: int
    across: int
    height: int
    width: int

    @classmethod
    def of(cls, grid: Grid) -> GroundBlocks:
        """Divide a grid evenly into blocks of about ``BLOCK_M``."""
        down, across = (max(1, round(side * grid.resolution_m / BLOCK_M)) for side in grid.shape)
        return cls(down, across, *grid.shape)

    def numbers(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return the block of pixels by row and column, both of one shape or broadcast."""
        return rows * self.down // self.height * self.across + columns * self.across // self.width

    @property
    def count(self) -> int:
        """Number of blocks."""
        return self.down * self.across


@dataclass(frozen=True)
class PixelLayers:
    """Outlines, EPSG:4326, that decide about a pixel with its centre under them; the order is that of the bits of a code."""

    trained: np.ndarray
    reference: np.ndarray
    detected: np.ndarray
    left_out: np.ndarray
    unknown: np.ndarray


RULE_BIT = len(fields(PixelLayers))
"""Bit of a code that says whether the rule of terrain calls the pixel landform."""
N_CODES = 2 ** (RULE_BIT + 1)
TABLE = (-1, *(2,) * (RULE_BIT + 1))
"""Shape of counts by block and bit: (blocks, rule, unknown, left out, detected, reference, trained)."""


@dataclass(frozen=True)
class PixelCounts:
    """Mapped pixels by block and by the layers that cover them, and their area.

    ``counts`` is as ``TABLE``. Blocks without any outline are one row. ``has_rule``: whether there is a rule of terrain.
    """

    counts: np.ndarray
    mapped_km2: float
    has_rule: bool = False

    def by_block(self, *, unseen: bool) -> dict[str, np.ndarray]:
        """Return the confusion of each block, in pixels; with ``unseen`` outside the trained ground only."""
        table = self._on_ground(unseen=unseen).sum(axis=1)
        judged = table[:, :, 0]
        return {
            "true_positive": table[..., 1, 1].sum(axis=(1, 2)),
            "false_positive": judged[..., 1, 0].sum(axis=1),
            "false_negative": table[..., 0, 1].sum(axis=(1, 2)),
            "true_negative": judged[..., 0, 0].sum(axis=1),
            "unknown": judged[:, 1, 1, 0],
            "left_out": table[:, :, 1, :, 0].sum(axis=(1, 2)),
        }

    def _on_ground(self, *, unseen: bool) -> np.ndarray:
        return self.counts[..., 0] if unseen else self.counts.sum(axis=-1)

    def iou_of_rule(self, *, unseen: bool) -> float | None:
        """Return the IoU of the rule of terrain on the ground that the map is judged on; None without a rule."""
        table = self._on_ground(unseen=unseen).sum(axis=(0, 2, 4))  # rule, left out, reference
        found, missed, wrong = table[1, :, 1].sum(), table[0, :, 1].sum(), table[1, 0, 0]
        return ratio(int(found), int(found + missed + wrong)) if self.has_rule else None

    def scores(self, *, unseen: bool) -> dict[str, Any]:
        """Return counts, IoU, precision, recall and F1 with their intervals.

        ``unknown``, the false positives that nobody has judged, count as wrong in ``precision``, IoU and F1, and as right
        in ``precision_if_unknown_right``. ``iou_all_landform`` is the IoU of a map that calls all ground landform,
        ``iou_rule`` that of a rule of slope and elevation (see ``terrain_rule``).
        """
        blocks = self.by_block(unseen=unseen)
        total = {name: int(counts.sum()) for name, counts in blocks.items()}
        tp, fp, fn = (total[name] for name in ("true_positive", "false_positive", "false_negative"))
        return {
            **total,
            "iou": ratio(tp, tp + fp + fn),
            **precision_recall_f1(ratio(tp, tp + fp), ratio(tp, tp + fn)),
            "precision_if_unknown_right": ratio(tp + total["unknown"], tp + fp),
            "iou_all_landform": ratio(tp + fn, tp + fp + fn + total["true_negative"]),
            "iou_rule": self.iou_of_rule(unseen=unseen),
            "intervals": _intervals(blocks),
        }


def _intervals(blocks: dict[str, np.ndarray]) -> dict[str, Any]:
    tp, fp, fn, unknown = (blocks[name] for name in ("true_positive", "false_positive", "false_negative", "unknown"))
    return {
        "protocol": PROTOCOL,
        **rate_intervals(tp, fp, fn),
        "precision_if_unknown_right": jackknife(tp + unknown, tp + fp),
    }


def pixel_counts(valid_areas: Sequence[ValidArea], layers: PixelLayers, rule: TerrainRule | None = None) -> PixelCounts:
    """Count the pixels of all tiles by the layers of outlines that cover their centres, and by the rule of terrain."""
    rows, mapped_m2 = [], 0.0
    indexed = [(outlines, shapely.STRtree(outlines)) for outlines in (getattr(layers, f.name) for f in fields(layers))]
    with ExitStack() as stack:
        dem = stack.enter_context(open_raster(rule.dem)) if rule else None
        by_terrain = (lambda grid: rule.landform(dem, grid)) if rule and dem else None
        for number, valid_area in enumerate(valid_areas):
            near = [outlines[tree.query(valid_area.footprint)] for outlines, tree in indexed]
            local = [LocalOutlines.reproject(outlines, valid_area).rasterize for outlines in near]
            counts = _tile_counts(valid_area, valid_areas[:number], [*local, *([by_terrain] if by_terrain else [])])
            rows.append(_join_empty(counts))
            mapped_m2 += counts.sum() * valid_area.grid.resolution_m**2
    return PixelCounts(_join_empty(np.concatenate(rows)).reshape(TABLE), mapped_m2 / 1e6, rule is not None)


def _tile_counts(
    valid_area: ValidArea, earlier: Sequence[ValidArea], layers: Sequence[Callable[[Grid], np.ndarray]]
) -> np.ndarray:
    """Return the pixels of a tile that no earlier one has seen, by block and code, (blocks, codes)."""
    blocks = GroundBlocks.of(valid_area.grid)
    counts = np.zeros(blocks.count * N_CODES, dtype=np.int64)
    first_row = 0
    with first_seen_blocks(valid_area, earlier) as parts:
        for grid, _, first_seen in parts:
            code = reduce(np.bitwise_or, (layer(grid) << bit for bit, layer in enumerate(layers)))
            rows, columns = np.arange(first_row, first_row + grid.height), np.arange(grid.width)
            block = blocks.numbers(rows[:, None], columns).astype(np.int32)
            counts += np.bincount((block * N_CODES + code)[first_seen], minlength=len(counts))
            first_row += grid.height
    return counts.reshape(-1, N_CODES)


def _join_empty(counts: np.ndarray) -> np.ndarray:
    """Return the blocks that hold a reference or a detected pixel, and the sum of all others as the last row."""
    covered = counts.reshape(TABLE)
    busy = (covered[..., 1, :, :].sum(axis=(1, 2, 3, 4, 5)) + covered[..., 1, :].sum(axis=(1, 2, 3, 4, 5))) > 0
    return np.concatenate([counts[busy], counts[~busy].sum(axis=0, keepdims=True)])
