"""A raster mask as run lengths: stretches of set pixels along a row, and their connected components.

A tile of 120 million pixels holds some hundred thousand runs. Labels, neighbours and outlines of its bodies follow from
the runs alone, in little memory.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Runs:
    """Runs in raster order: ``row``, ``start`` and ``stop`` (n,) int64; pixels ``start <= column < stop``.

    ``shape`` is the raster's height and width.
    """

    row: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    shape: tuple[int, int]

    def __len__(self) -> int:
        return len(self.row)

    @property
    def lengths(self) -> np.ndarray:
        """Pixels of each run."""
        return self.stop - self.start

    @property
    def at_edge(self) -> np.ndarray:
        """Whether each run has a pixel in the raster's outermost rows or columns."""
        height, width = self.shape
        return (self.row == 0) | (self.row == height - 1) | (self.start == 0) | (self.stop == width)


def encode(mask: np.ndarray, shape: tuple[int, int] | None = None, first_row: int = 0) -> Runs:
    """Return the runs of a boolean mask (h, W): the rows from ``first_row`` on of a raster of ``shape``."""
    height, width = mask.shape
    padded = np.zeros((height, width + 2), bool)
    padded[:, 1:-1] = mask
    changes = np.flatnonzero(padded[:, 1:] != padded[:, :-1])
    row, column = np.divmod(changes, width + 1)
    return Runs(row[::2] + first_row, column[::2], column[1::2], shape or mask.shape)


def concatenate(parts: list[Runs]) -> Runs:
    """Return the runs of all bands of one raster together, from top to bottom."""
    row, start, stop = (np.concatenate([getattr(part, name) for part in parts]) for name in ("row", "start", "stop"))
    return Runs(row, start, stop, parts[0].shape)


def adjacent(runs: Runs, others: Runs, row_offset: int) -> tuple[np.ndarray, np.ndarray]:
    """Return all pairs (index in ``runs``, index in ``others``) of runs that touch at a side or a corner.

    Each run is compared with ``others`` that lie ``row_offset`` rows further down: -1, 0 or 1.
    """
    stride = runs.shape[1] + 2
    row_start = (runs.row + row_offset) * stride
    first = np.searchsorted(others.row * stride + others.stop, row_start + runs.start)
    stop = np.searchsorted(others.row * stride + others.start, row_start + runs.stop, side="right")
    counts = np.maximum(stop - first, 0)
    run = np.repeat(np.arange(len(runs)), counts)
    offsets = np.arange(len(run)) - np.repeat(np.cumsum(counts) - counts, counts)
    return run, first[run] + offsets


def label_components(runs: Runs) -> tuple[np.ndarray, np.ndarray]:
    """Return the part of each run (n,), connected by sides, and its body, connected by sides or corners.

    Both are numbered by their first pixel in raster order.
    """
    upper, lower = adjacent(runs, runs, 1)
    beside = (runs.start[upper] < runs.stop[lower]) & (runs.start[lower] < runs.stop[upper])
    part = _connect(np.arange(len(runs)), upper[beside], lower[beside])
    body = _connect(part, upper[~beside], lower[~beside])
    return _renumber(part), _renumber(body)


def _connect(root: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the root (n,) of each element after linking ``left`` and ``right`` (k,): the least element of its component.

    Union-find on arrays, from the roots ``root`` (n,) on: each root hooks on to the least root linked to it, then paths
    are compressed. At least half of the roots go in every second pass.
    """
    root = root.copy()
    while len(left):
        left_root, right_root = root[left], root[right]
        np.minimum.at(root, np.maximum(left_root, right_root), np.minimum(left_root, right_root))
        while not np.array_equal(compressed := root[root], root):
            root = compressed
        apart = root[left] != root[right]
        left, right = left[apart], right[apart]
    return root


def _renumber(root: np.ndarray) -> np.ndarray:
    """Return the roots renumbered 0, 1, ... in ascending order."""
    return (np.cumsum(root == np.arange(len(root))) - 1)[root]
