"""A raster mask as runs: stretches of set pixels along a row. What is connected follows from the runs alone.

A tile of 120 million pixels holds some hundred thousand runs, so labels, neighbours and outlines of its bodies take
little memory and no second look at the pixels.
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
    """Put the runs of bands of one raster together, from top to bottom."""
    row, start, stop = (np.concatenate([getattr(part, name) for part in parts]) for name in ("row", "start", "stop"))
    return Runs(row, start, stop, parts[0].shape)


def adjacent(runs: Runs, others: Runs, down: int) -> tuple[np.ndarray, np.ndarray]:
    """Return all pairs (index in ``runs``, index in ``others``) whose pixels touch, corners included.

    Of ``others``, those ``down`` rows further down are looked at: -1, 0 or 1.
    """
    stride = runs.shape[1] + 2
    wanted = (runs.row + down) * stride
    first = np.searchsorted(others.row * stride + others.stop, wanted + runs.start)
    past = np.searchsorted(others.row * stride + others.start, wanted + runs.stop, side="right")
    counts = np.maximum(past - first, 0)
    mine = np.repeat(np.arange(len(runs)), counts)
    offsets = np.arange(len(mine)) - np.repeat(np.cumsum(counts) - counts, counts)
    return mine, first[mine] + offsets


def label_components(runs: Runs) -> tuple[np.ndarray, np.ndarray]:
    """Return of each run (n,) its part, connected by sides, and its body, connected by sides or corners.

    Both are numbered by their first pixel in raster order.
    """
    upper, lower = adjacent(runs, runs, 1)
    beside = (runs.start[upper] < runs.stop[lower]) & (runs.start[lower] < runs.stop[upper])
    part = _components(np.arange(len(runs)), upper[beside], lower[beside])
    body = _components(part, upper[~beside], lower[~beside])
    return _numbered(part), _numbered(body)


def _components(root: np.ndarray, ones: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the least element that each is linked to, over any number of links, beginning from ``root`` (n,).

    A root hooks on to the least one it is linked to, then all follow their roots; roots halve every second time.
    """
    root = root.copy()
    while len(ones):
        one, other = root[ones], root[others]
        np.minimum.at(root, np.maximum(one, other), np.minimum(one, other))
        while not np.array_equal(further := root[root], root):
            root = further
        apart = root[ones] != root[others]
        ones, others = ones[apart], others[apart]
    return root


def _numbered(root: np.ndarray) -> np.ndarray:
    """Return the roots as 0, 1, ... in their order."""
    return (np.cumsum(root == np.arange(len(root))) - 1)[root]
