"""Overlap of the outlines of two sets: IoU, shares, and one-to-one matching.

Shares and IoU are computed in the plane of the coordinates. Within one landform degrees stretch all areas alike, so ratios
in longitude and latitude are those on the ground.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from lobate.errors import UserError

MAX_PAIRS, MAX_PAIRS_PER_OUTLINE = 1_000_000, 20
"""Pairs of outlines that overlap, at most: this many, or in a large inventory so many for each outline."""
QUERY_BLOCK = 256
"""Outlines in one query of the tree."""


def overlaps(left: gpd.GeoSeries, right: gpd.GeoSeries) -> pd.DataFrame:
    """Return one row for each pair of outlines that share area, in order of ``left`` then ``right``.

    Columns: ``left``, ``right`` (positions), ``iou`` (intersection over union), ``left_share`` and ``right_share`` (the
    intersection over the area of each). Both sets are in one CRS. Raises UserError for thousands of outlines on one place.
    """
    a, b = _near_pairs(np.asarray(left.values), np.asarray(right.values))
    order = np.lexsort((b, a))
    a, b = a[order], b[order]
    ours, theirs = np.asarray(left.values)[a], np.asarray(right.values)[b]
    common = shapely.area(shapely.intersection(ours, theirs))
    area_a, area_b = shapely.area(ours), shapely.area(theirs)
    pairs = pd.DataFrame(
        {
            "left": a,
            "right": b,
            "iou": common / (area_a + area_b - common),
            "left_share": common / area_a,
            "right_share": common / area_b,
        }
    )
    return pairs[common > 0].reset_index(drop=True)


def _near_pairs(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the positions of outlines that intersect, (2, n). They are counted first, because each costs an overlay."""
    tree, blocks, count = shapely.STRtree(right), [np.zeros((2, 0), dtype=np.intp)], 0
    for start in range(0, len(left), QUERY_BLOCK):
        pairs = tree.query(left[start : start + QUERY_BLOCK], predicate="intersects")
        pairs[0] += start
        blocks.append(pairs)
        count += pairs.shape[1]
        if count > max(MAX_PAIRS, MAX_PAIRS_PER_OUTLINE * (len(left) + len(right))):
            raise _heap_error(left, np.concatenate(blocks, axis=1)[0])
    return np.concatenate(blocks, axis=1)


def _heap_error(outlines: np.ndarray, positions: np.ndarray) -> UserError:
    """Return the error of too many pairs; it names the outline, by its position, that overlaps with most others."""
    counts = np.bincount(positions)
    worst = int(counts.argmax())
    place = shapely.centroid(outlines[worst])
    return UserError(
        f"Thousands of outlines lie over one another: outline {worst + 1} of {len(outlines):,}, at {place.x:.4f} "
        f"{place.y:.4f}, overlaps with {counts[worst]:,} others, and comparing all pairs would take hours. Keep one outline "
        "of each place, for instance in QGIS with Delete duplicate geometries."
    )


def one_to_one(pairs: pd.DataFrame, by: Sequence[str] = ("iou",)) -> pd.DataFrame:
    """Return a subset of the pairs with each outline at most once: the largest of ``by`` first, ties by position."""
    kept, lefts, rights = [], set(), set()
    order = pairs.sort_values([*by, "left", "right"], ascending=[False] * len(by) + [True, True])
    for row in order.itertuples():
        if row.left not in lefts and row.right not in rights:
            kept.append(row.Index)
            lefts.add(row.left)
            rights.add(row.right)
    return pairs.loc[sorted(kept)].reset_index(drop=True)


def linked_groups(pairs: pd.DataFrame, count_left: int, count_right: int) -> Iterator[tuple[list[int], list[int]]]:
    """Yield the positions, left and right, of each group of outlines that pairs link, directly or through others."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    count = count_left + count_right
    links = (np.ones(len(pairs)), (pairs["left"], pairs["right"] + count_left))
    _, groups = connected_components(coo_matrix(links, shape=(count, count)), directed=False)
    for _, members in pd.Series(np.arange(count)).groupby(groups):
        positions = members.to_numpy()
        is_left = positions < count_left
        yield positions[is_left].tolist(), (positions[~is_left] - count_left).tolist()
