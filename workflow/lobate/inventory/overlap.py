"""Overlap of the outlines of two sets: IoU, shares, and one-to-one matching.

Shares and IoU are computed in the plane of the coordinates. Within one landform degrees stretch all areas alike, so ratios
in longitude and latitude are those on the ground.
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely


def overlaps(left: gpd.GeoSeries, right: gpd.GeoSeries) -> pd.DataFrame:
    """Return one row for each pair of outlines that share area, in order of ``left`` then ``right``.

    Columns: ``left``, ``right`` (positions), ``iou`` (intersection over union), ``left_share`` and ``right_share`` (the
    intersection over the area of each). Both sets are in one CRS.
    """
    tree = shapely.STRtree(np.asarray(right.values))
    a, b = tree.query(np.asarray(left.values), predicate="intersects")
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


def one_to_one(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return a subset of the pairs with each outline at most once: the largest IoU first, ties by position."""
    kept, lefts, rights = [], set(), set()
    for row in pairs.sort_values(["iou", "left", "right"], ascending=[False, True, True]).itertuples():
        if row.left not in lefts and row.right not in rights:
            kept.append(row.Index)
            lefts.add(row.left)
            rights.add(row.right)
    return pairs.loc[sorted(kept)].reset_index(drop=True)


def share_inside(outlines: gpd.GeoSeries, cover: gpd.GeoSeries) -> np.ndarray:
    """Return the share of each outline's area inside the union of ``cover``, 0 to 1; shape (n,)."""
    ours, theirs = np.asarray(outlines.values), np.asarray(cover.values)
    shares = np.zeros(len(ours))
    hits, covers = shapely.STRtree(theirs).query(ours, predicate="intersects")
    for position in np.unique(hits):
        union = shapely.union_all(theirs[covers[hits == position]])
        shares[position] = shapely.intersection(ours[position], union).area / ours[position].area
    return shares
