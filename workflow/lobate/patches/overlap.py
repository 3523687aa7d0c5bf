"""Overlaps of footprints, and the connected groups that they form."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import shapely
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

MIN_SHARED_PIXELS = 0.05
"""Width in pixels of an overlap that counts: more than rounding between adjacent tiles, too narrow for a pixel's centre."""


def overlap_matrix(footprints: gpd.GeoDataFrame) -> csr_array:
    """Return the overlaps of footprints as a symmetric (n, n) matrix of ones with an empty diagonal.

    Patches of one tile are compared by their pixels, exactly. Patches of different tiles, in any CRS, are compared by the
    width of their common ground in EPSG:4326: no pixel has its centre on ground of two that do not overlap. A spatial index
    gives the candidates, so the cost grows with the overlaps, not with n^2.
    """
    outlines = footprints.geometry.to_numpy()
    left, right = shapely.STRtree(outlines).query(outlines, predicate="intersects")
    left, right = left[left < right], right[left < right]
    tiles = footprints["tile"].to_numpy()
    same_tile = tiles[left] == tiles[right]
    overlaps = np.empty(len(left), dtype=bool)
    overlaps[same_tile] = _share_pixels(footprints, left[same_tile], right[same_tile])
    overlaps[~same_tile] = _share_ground(footprints, left[~same_tile], right[~same_tile])
    left, right = left[overlaps], right[overlaps]
    n = len(outlines)
    ones = np.ones(2 * len(left), dtype=np.int32)
    return coo_array((ones, (np.r_[left, right], np.r_[right, left])), shape=(n, n)).tocsr()


def _share_pixels(footprints: gpd.GeoDataFrame, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return which pairs of footprints on one tile have pixels in common, (m,) of bool."""
    shared = np.ones(len(left), dtype=bool)
    for first, size in (("window_row", "height"), ("window_col", "width")):
        start = footprints[first].to_numpy()
        stop = start + footprints[size].to_numpy()
        shared &= np.minimum(stop[left], stop[right]) > np.maximum(start[left], start[right])
    return shared


def _share_ground(footprints: gpd.GeoDataFrame, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return which pairs of footprints have common ground wide enough for a pixel's centre, (m,) of bool.

    The width of a strip is twice its area over its perimeter.
    """
    outlines = footprints.geometry.to_numpy()
    _, south, _, north = shapely.bounds(outlines).T
    pixel = (north - south) / footprints[
        "height"
    ].to_numpy()  # in degrees of latitude, which are longer than those of longitude
    shared = shapely.intersection(outlines[left], outlines[right])
    return 2 * shapely.area(shared) > MIN_SHARED_PIXELS * np.minimum(pixel[left], pixel[right]) * shapely.length(shared)


def connected_groups(overlap: csr_array) -> np.ndarray:
    """Return for each patch the number of its connected group, (n,); groups are numbered by their first patch."""
    _, labels = connected_components(overlap, directed=False)
    _, first, number = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[number]


def overlapping(overlap: csr_array, members: np.ndarray) -> np.ndarray:
    """Return which patches overlap one of ``members`` without being one; both are (n,) of bool."""
    return (overlap @ members.astype(np.int32) > 0) & ~members
