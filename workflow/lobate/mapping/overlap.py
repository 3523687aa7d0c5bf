"""Which detections of different tiles are one body: they agree on the ground that both tiles see.

Candidates come from a spatial index, their agreement from vectorised overlays, bodies are the connected components of
the links: about linear in the number of detections.
"""

from __future__ import annotations

import numpy as np
import shapely

Links = tuple[np.ndarray, np.ndarray]

NEAR = 1e-8  # degrees, a millimetre: how far apart lines may lie that were one before they were reprojected


def touching_pairs(outlines: np.ndarray, distance: float = 0.0) -> Links:
    """Return index arrays (left, right), left < right, of outlines (n,) at most ``distance`` apart, sorted."""
    left, right = shapely.STRtree(outlines).query(outlines, predicate="dwithin", distance=distance)
    order = np.lexsort((right, left))
    left, right = left[order], right[order]
    return left[left < right], right[left < right]


def shared_pairs(outlines: np.ndarray, tile: np.ndarray) -> Links:
    """Return index arrays (left, right), left < right, of outlines (n,) that touch and come from different tiles (n,)."""
    left, right = touching_pairs(outlines, NEAR)
    foreign = tile[left] != tile[right]
    return left[foreign], right[foreign]


def agreement(outlines: np.ndarray, tile: np.ndarray, footprints: np.ndarray, pairs: Links) -> np.ndarray:
    """Return, for each pair, the share of the smaller outline that the other covers, on the ground both tiles see.

    ``agreement = |a & b| / min(|a & ground of b's tile|, |b & ground of a's tile|)``, 0 to 1, so two halves of a body
    cut by their tiles' edges agree however narrow the strip that the tiles share. Where an outline enters the shared
    ground more than once, the pieces that agree best count. Where tiles only abut there is no such ground: there,
    outlines agree (1) when they have a line in common.
    """
    left, right = pairs
    ones = _clipped(outlines[left], footprints[tile[right]])
    others = _clipped(outlines[right], footprints[tile[left]])
    share = _share(ones, others)
    pieces = np.maximum(shapely.get_num_geometries(ones), shapely.get_num_geometries(others))
    for pair in np.flatnonzero((share > 0) & (share < 1) & (pieces > 1)):
        parts = shapely.get_parts(ones[pair])[:, np.newaxis], shapely.get_parts(others[pair])[np.newaxis, :]
        share[pair] = _share(*np.broadcast_arrays(*parts)).max()
    smaller = np.minimum(shapely.area(ones), shapely.area(others))
    abut = smaller <= 1e-6 * np.minimum(shapely.area(outlines[left]), shapely.area(outlines[right]))
    share[abut] = _line_in_common(outlines[left[abut]], outlines[right[abut]])
    return share


def _clipped(outlines: np.ndarray, footprints: np.ndarray) -> np.ndarray:
    clipped, across = outlines.copy(), ~shapely.contains(footprints, outlines)
    clipped[across] = shapely.intersection(outlines[across], footprints[across])
    return clipped


def _share(ones: np.ndarray, others: np.ndarray) -> np.ndarray:
    common = shapely.area(shapely.intersection(ones, others))
    smaller = np.minimum(shapely.area(ones), shapely.area(others))
    return np.divide(common, smaller, out=np.zeros_like(common), where=smaller > 0)


def _line_in_common(ones: np.ndarray, others: np.ndarray) -> np.ndarray:
    common = shapely.intersection(shapely.boundary(ones), shapely.buffer(others, 2 * NEAR))
    return shapely.length(common) > 100 * NEAR  # more than a corner


def bodies(count: int, links: Links) -> np.ndarray:
    """Return the body (0, 1, ...) that each of ``count`` detections belongs to, numbered by their first detection."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not count:
        return np.zeros(0, dtype=int)
    graph = coo_array((np.ones(len(links[0]), dtype=bool), links), shape=(count, count))
    _, body = connected_components(graph, directed=False)
    _, first, body = np.unique(body, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[body]
