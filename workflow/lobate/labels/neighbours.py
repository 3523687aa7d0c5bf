"""Who lies near whom: a tree asked for many polygons at once, but never for so many that all pairs must be held."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import shapely

AT_ONCE = 256


def neighbours(
    tree: shapely.STRtree, asked: np.ndarray, gone: np.ndarray | None = None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (places, others), sorted: which of the tree's boxes meet those of each place, in blocks of places.

    ``asked`` (n, times) holds the boxes of each of n places. The caller may mark places as ``gone`` (n,) on the way: those
    are not asked for any more.
    """
    for start in range(0, len(asked), AT_ONCE):
        block = np.arange(start, min(start + AT_ONCE, len(asked)))
        block = block if gone is None else block[~gone[block]]
        rows, others = tree.query(asked[block].ravel())
        places = block[rows // asked.shape[1]]
        order = np.lexsort((others, places))
        yield places[order], others[order]


def grouped(places: np.ndarray, others: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield each place with its others; places must be sorted."""
    if len(places):
        ends = np.flatnonzero(np.diff(places, prepend=-1, append=-1))
        yield from ((places[first], others[first:last]) for first, last in pairwise(ends))
