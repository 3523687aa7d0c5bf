"""Pixels of training patches that later rounds ignore: unlabelled ground that may show the landform.

A round's file has one row for each run of such pixels, (n, 4) int32: number of the patch file, number of the patch in
it, first pixel and number of pixels, counted row by row over the whole patch. Files are numbered as a training reads
them: those of the tiles, then those of the patches mined in each round.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
from rasterio.features import rasterize
from shapely import STRtree
from shapely.geometry.base import BaseGeometry

from lobate.errors import UserError
from lobate.io.grid import Grid
from lobate.io.mask_values import IGNORE

BACKGROUND = 0

NONE = np.zeros((0, 4), dtype=np.int32)
"""Runs of no pixel."""


def mask_of(shapes: Sequence[BaseGeometry], grid: Grid) -> np.ndarray:
    """Return which pixels of a grid the shapes touch, in its CRS; (height, width) of bool."""
    if not len(shapes):
        return np.zeros(grid.shape, dtype=bool)
    burned = rasterize(shapes, out_shape=grid.shape, transform=grid.transform, all_touched=True, dtype=np.uint8)
    return burned == 1


def runs_of_mask(mask: np.ndarray) -> np.ndarray:
    """Return the runs of True in a mask, row by row: first pixel and number of pixels, (n, 2) int32."""
    edges = np.flatnonzero(np.diff(mask.ravel().astype(np.int8), prepend=0, append=0))
    starts, stops = edges[::2], edges[1::2]
    return np.stack([starts, stops - starts], axis=1).astype(np.int32)


def runs_in_patches(
    shapes: gpd.GeoSeries, grid: Grid, corners: Iterable[tuple[int, int]], side: int, file: int
) -> np.ndarray:
    """Return the runs that ``shapes`` (in the grid's CRS) cover in the patches of one file, (n, 4).

    ``corners``: first row and column of each patch of ``side`` pixels, in the order of the file.
    """
    tree, runs = STRtree(shapes.to_numpy()), [NONE]
    for patch, corner in enumerate(corners):
        part = grid.crop(*corner, side, side)
        touching = tree.query(part.footprint, predicate="intersects")
        if len(touching):
            found = runs_of_mask(mask_of(list(shapes.iloc[np.sort(touching)]), part))
            places = np.broadcast_to(np.array([file, patch], dtype=np.int32), found.shape)
            runs.append(np.concatenate([places, found], axis=1))
    return np.concatenate(runs)


def read_runs(paths: Sequence[Path]) -> np.ndarray:
    """Return the runs of several rounds, sorted by file and patch, (n, 4). Raises UserError for other content."""
    runs = np.concatenate([NONE, *(_read(path) for path in paths)])
    return runs[np.lexsort(runs.T[::-1])]


def join_mined_files(runs: np.ndarray, n_tiles: int, counts: Sequence[int]) -> np.ndarray:
    """Return the runs as they are when the mined files, of ``counts`` patches, are joined to one after the tiles'."""
    joined = runs.copy()
    mined = runs[:, 0] >= n_tiles
    before = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    joined[mined, 1] += before[runs[mined, 0] - n_tiles]
    joined[mined, 0] = n_tiles
    return joined


def _read(path: Path) -> np.ndarray:
    try:
        runs = np.load(path)
    except (OSError, ValueError, EOFError) as error:
        raise UserError(
            f"The file of ignored pixels {path} cannot be read: {error}. Delete it and run again."
        ) from error
    if runs.dtype != np.int32 or runs.ndim != 2 or runs.shape[1] != 4:
        raise UserError(f"{path} holds no ignored pixels. Give a file that mine-negatives or choose-round wrote.")
    return runs


@dataclass(frozen=True)
class IgnoredPixels:
    """Runs of ignored pixels (n, 4), sorted by file and patch."""

    runs: np.ndarray = field(default_factory=lambda: NONE)

    def apply(self, file: int, patch: int, label: np.ndarray) -> np.ndarray:
        """Return a label (P, P) uint8 with its ignored background as ``IGNORE``; pixels of the landform stay."""
        first, last = np.searchsorted(self._keys, [_key(file, patch), _key(file, patch + 1)])
        if first == last:
            return label
        ignored = np.zeros(label.size, dtype=bool)
        for start, count in self.runs[first:last, 2:]:
            ignored[start : start + count] = True
        return np.where(ignored.reshape(label.shape) & (label == BACKGROUND), np.uint8(IGNORE), label)

    @cached_property
    def _keys(self) -> np.ndarray:
        return _key(self.runs[:, 0], self.runs[:, 1])


def _key(file: Any, patch: Any) -> Any:
    """Return one number that sorts as (file, patch)."""
    return np.int64(file) << np.int64(32) | np.int64(patch)
