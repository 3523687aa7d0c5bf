"""Which footprints share ground, and what hangs together because of it."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import shapely
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

MIN_SHARED_PIXELS = 0.05
"""Of a pixel: wider than what two tiles that only touch share by rounding, and too narrow for any pixel's centre."""


def overlap_matrix(footprints: gpd.GeoDataFrame) -> csr_array:
    """Return who overlaps whom, as a symmetric (n, n) matrix of ones without its diagonal.

    Patches of one tile are compared by their pixels, exactly; patches of different tiles, whatever their CRS, by the width of
    the ground they share in EPSG:4326: no pixel has its centre on ground of two that do not overlap. A spatial index finds the candidates, so the cost grows with the overlaps, not with n^2.
    """
    outlines = footprints.geometry.to_numpy()
    one, other = shapely.STRtree(outlines).query(outlines, predicate="intersects")
    one, other = one[one < other], other[one < other]
    tiles = footprints["tile"].to_numpy()
    same = tiles[one] == tiles[other]
    share = np.empty(len(one), dtype=bool)
    share[same] = _share_pixels(footprints, one[same], other[same])
    share[~same] = _share_ground(footprints, one[~same], other[~same])
    one, other = one[share], other[share]
    n = len(outlines)
    ones = np.ones(2 * len(one), dtype=np.int32)
    return coo_array((ones, (np.r_[one, other], np.r_[other, one])), shape=(n, n)).tocsr()


def _share_pixels(footprints: gpd.GeoDataFrame, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    share = np.ones(len(one), dtype=bool)
    for first, size in (("window_row", "height"), ("window_col", "width")):
        start = footprints[first].to_numpy()
        stop = start + footprints[size].to_numpy()
        share &= np.minimum(stop[one], stop[other]) > np.maximum(start[one], start[other])
    return share


def _share_ground(footprints: gpd.GeoDataFrame, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The width of a strip is twice its area over its length round; any ground that holds a pixel's centre is wider."""
    outlines = footprints.geometry.to_numpy()
    _, south, _, north = shapely.bounds(outlines).T
    pixel = (north - south) / footprints["height"].to_numpy()  # in degrees of latitude, which are the longer ones
    shared = shapely.intersection(outlines[one], outlines[other])
    return 2 * shapely.area(shared) > MIN_SHARED_PIXELS * np.minimum(pixel[one], pixel[other]) * shapely.length(shared)


def connected_groups(overlap: csr_array) -> np.ndarray:
    """Return for each patch the number of its connected group, (n,); groups are numbered by their first patch."""
    _, labels = connected_components(overlap, directed=False)
    _, first, number = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[number]


def overlapping(overlap: csr_array, members: np.ndarray) -> np.ndarray:
    """Return which patches overlap one of ``members`` and are none of them; both are (n,) of bool."""
    return (overlap @ members.astype(np.int32) > 0) & ~members
