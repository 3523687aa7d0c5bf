"""Which image shows a polygon best: the one that covers most of it, and of several the one whose edge is farthest away.

Worked out in each image's own CRS, where its footprint is an exact rectangle. One tree of all polygons is asked once for
each image, so work grows with the number of polygons that images show.
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import shapely

from lobate.grid import Grid
from lobate.labels.projected import lonlat_boxes, to_crs

SHARE_DIGITS = 6


def best_tiles(geometry: gpd.GeoSeries, tiles: dict[str, Grid]) -> np.ndarray:
    """Return the best tile's name for each polygon (in EPSG:4326), None where no image shows any of it; shape (n,)."""
    shapes = np.array(geometry.values, dtype=object)
    tree = shapely.STRtree(shapes)
    rank = [np.zeros((0, 4))]
    for number, name in enumerate(sorted(tiles)):
        seen = np.unique(tree.query(lonlat_boxes(tiles[name]))[1])
        share, edge = _cover(shapes[seen], tiles[name])
        on = share > 0
        rank.append(np.column_stack([seen[on], -share[on].round(SHARE_DIGITS), -edge[on], np.full(on.sum(), number)]))
    return _first_of_each(np.concatenate(rank), len(shapes), sorted(tiles))


def _cover(shapes: np.ndarray, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Return which share of each polygon the grid covers, and how far the polygon stays from its edge in metres."""
    projected = to_crs(shapes, grid)
    footprint = grid.footprint
    shapely.prepare(footprint)
    inside = shapely.covers(footprint, projected)
    share = inside.astype(float)
    crossing = ~inside & shapely.intersects(footprint, projected)
    within = shapely.intersection(projected[crossing], footprint)
    share[crossing] = shapely.area(within) / np.maximum(shapely.area(projected[crossing]), np.finfo(float).tiny)
    left, bottom, right, top = grid.bounds
    west, south, east, north = shapely.bounds(projected).reshape(-1, 4).T
    edge = np.minimum.reduce([west - left, south - bottom, right - east, top - north])
    return share, edge * grid.resolution_m / min(grid.resolution)


def _first_of_each(rank: np.ndarray, count: int, names: list[str]) -> np.ndarray:
    """Return for each polygon the tile of its first row in the order of (share, edge, name)."""
    order = np.lexsort(rank.T[::-1])
    owners, first = np.unique(rank[order, 0].astype(int), return_index=True)
    best = np.full(count, None, dtype=object)
    best[owners] = np.array(names, dtype=object)[rank[order][first, 3].astype(int)]
    return best
