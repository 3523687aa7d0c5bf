"""Who lies near whom: a tree asked for many polygons at once, but never for so many that all pairs must be held."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import shapely

AT_ONCE = 512


def neighbours(tree: shapely.STRtree, asked: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (places, others), sorted: which of the tree's boxes meet that of each of ``asked`` (n,), in blocks of places."""
    for start in range(0, len(asked), AT_ONCE):
        places, others = tree.query(asked[start : start + AT_ONCE])
        order = np.lexsort((others, places))
        yield places[order] + start, others[order]


def grouped(places: np.ndarray, others: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield each place with its others; places must be sorted."""
    if len(places):
        ends = np.flatnonzero(np.diff(places, prepend=-1, append=-1))
        yield from ((places[first], others[first:last]) for first, last in pairwise(ends))
