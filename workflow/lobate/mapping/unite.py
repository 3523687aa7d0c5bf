"""One outline and one set of statistics from the parts of a body that several tiles saw.

Where a whole part (touching neither its tile's edge nor nodata) is linked to a cut one, the whole one is taken for all
ground its tile sees; otherwise parts are united.
"""

from __future__ import annotations

from collections.abc import Sequence

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from lobate.mapping.ground import Ground
from lobate.mapping.overlap import NEAR, Links, bodies, touching_pairs


def contributions(
    outlines: np.ndarray, cut: np.ndarray, seat: np.ndarray, grounds: Sequence[Ground], links: Links
) -> np.ndarray:
    """Return what each outline (n,) adds to its body: a cut one loses the ground on which a whole neighbour is taken.

    ``cut`` (n,) tells which touch an edge or nodata, ``seat`` (n,) is the index of each one's tile in ``grounds``.
    """
    own = outlines.copy()
    pairs = np.concatenate([np.stack(links, axis=1), np.stack(links[::-1], axis=1)])
    pairs = pairs[cut[pairs[:, 0]] & ~cut[pairs[:, 1]]]
    for place in np.unique(seat[pairs[:, 1]]):
        losers = np.unique(pairs[seat[pairs[:, 1]] == place, 0])
        own[losers] = shapely.difference(own[losers], grounds[place].seen_parts(outlines[losers]))
    return own


def grouped(body: np.ndarray) -> list[np.ndarray]:
    """Return, for each body, the indices of its parts, in order."""
    order = np.argsort(body, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(body[order])) + 1) if len(body) else []


def unite(outlines: np.ndarray, own: np.ndarray, members: Sequence[np.ndarray], pixel_area: np.ndarray) -> np.ndarray:
    """Return one polygon per body (m,) from the contributions ``own`` (n,) of its ``members``.

    Where contributions would leave loose pieces, the whole ``outlines`` are united instead. Holes smaller than half a
    pixel (``pixel_area``, (m,), in the outlines' units) come from laying two pixel grids over each other; they close.
    """
    return np.array(
        [
            outlines[which[0]] if len(which) == 1 else _union(outlines[which], own[which], pixel / 2)
            for which, pixel in zip(members, pixel_area, strict=True)
        ],
        dtype=object,
    )


def _union(outlines: np.ndarray, own: np.ndarray, smallest_hole: float) -> shapely.Geometry:
    united = shapely.union_all(own)
    if united.geom_type != "Polygon":
        united = shapely.union_all(own, grid_size=NEAR)  # closes the seam of tiles that only abut
    if _is_loose(united):
        united = shapely.union_all(outlines, grid_size=NEAR)
    pieces = [_without_small_holes(piece, smallest_hole) for piece in shapely.get_parts(united)]
    return pieces[0] if len(pieces) == 1 else shapely.MultiPolygon(pieces)


def _is_loose(outline: shapely.Geometry) -> bool:
    """Return whether an outline has pieces that touch nowhere; those that meet at a corner are one body."""
    pieces = shapely.get_parts(outline)
    return len(pieces) > 1 and bodies(len(pieces), touching_pairs(pieces)).max() > 0


def _without_small_holes(polygon: shapely.Polygon, smallest: float) -> shapely.Polygon:
    holes = [ring for ring in polygon.interiors if shapely.Polygon(ring).area >= smallest]
    return polygon if len(holes) == len(polygon.interiors) else shapely.Polygon(polygon.exterior, holes)


def statistics(parts: gpd.GeoDataFrame, weight: np.ndarray, body: np.ndarray) -> pd.DataFrame:
    """Return ``mean, median, minimum, deviation`` (of probability) per body, its parts weighted by ``weight`` pixels.

    The mean and the deviation are those of the pixels pooled, ``var = sum w (sd^2 + mean^2) / sum w - mean^2``; the
    median is the weighted mean of the parts' medians, since their pixels are no longer at hand. So is ``spread``, where
    the parts have it, NaN where none of a body's has.
    """
    parts = parts[weight > 0]
    body, weight = body[weight > 0], weight[weight > 0]
    mean = _pooled(parts["mean"], weight, body)
    variance = _pooled(parts["deviation"] ** 2 + parts["mean"] ** 2, weight, body) - mean**2
    facts = {
        "mean": mean.round(6),
        "median": _pooled(parts["median"], weight, body).round(6),
        "minimum": parts["minimum"].groupby(body).min().to_numpy(),
        "deviation": np.sqrt(np.clip(variance, 0, None)).round(6),
    }
    if "spread" in parts:
        facts["spread"] = _pooled(parts["spread"], weight, body).round(6)
    return pd.DataFrame(facts)


def _pooled(values: pd.Series, weight: np.ndarray, body: np.ndarray) -> np.ndarray:
    """Return the weighted mean of each body's values that are not NaN."""
    plain = values.to_numpy(dtype=float)
    weight = np.where(np.isnan(plain), 0, weight)
    total = np.bincount(body, weight)
    return np.divide(
        np.bincount(body, weight * np.nan_to_num(plain)), total, out=np.full(len(total), np.nan), where=total > 0
    )
