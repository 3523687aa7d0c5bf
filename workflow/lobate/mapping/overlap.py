"""Which detections of different tiles are one body: they agree on the ground that both tiles see.

Candidates come from a spatial index, their agreement from vectorised overlays, bodies are the connected components of
the links: about linear in the number of detections.
"""

from __future__ import annotations

import numpy as np
import shapely

Links = tuple[np.ndarray, np.ndarray]

NEAR = 1e-8  # degrees, a millimetre: how far apart lines may lie that were one before they were reprojected


def shared_pairs(outlines: np.ndarray, tile: np.ndarray) -> Links:
    """Return index arrays (left, right), left < right, of outlines (n,) that touch and come from different tiles (n,)."""
    left, right = shapely.STRtree(outlines).query(outlines, predicate="dwithin", distance=NEAR)
    keep = (left < right) & (tile[left] != tile[right])
    order = np.lexsort((right[keep], left[keep]))
    return left[keep][order], right[keep][order]


def agreement(outlines: np.ndarray, tile: np.ndarray, footprints: np.ndarray, pairs: Links) -> np.ndarray:
    """Return, for each pair, the share of the smaller outline that the other covers, on the ground both tiles see.

    ``agreement = |a & b| / min(|a & ground of b's tile|, |b & ground of a's tile|)``, 0 to 1, so two halves of a body
    cut by their tiles' edges agree however narrow the strip that the tiles share. Where tiles only abut there is no such
    ground: there, outlines agree (1) when they have a line in common.
    """
    left, right = pairs
    common = shapely.area(shapely.intersection(outlines[left], outlines[right]))
    smaller = np.minimum(
        _area_within(outlines[left], footprints[tile[right]]), _area_within(outlines[right], footprints[tile[left]])
    )
    abut = smaller <= 1e-6 * np.minimum(shapely.area(outlines[left]), shapely.area(outlines[right]))
    share = np.divide(common, smaller, out=np.zeros_like(common), where=~abut)
    share[abut] = _line_in_common(outlines[left[abut]], outlines[right[abut]])
    return share


def _line_in_common(ones: np.ndarray, others: np.ndarray) -> np.ndarray:
    common = shapely.intersection(shapely.boundary(ones), shapely.buffer(others, 2 * NEAR))
    return shapely.length(common) > 100 * NEAR  # more than a corner


def _area_within(outlines: np.ndarray, footprints: np.ndarray) -> np.ndarray:
    areas = shapely.area(outlines)
    across = ~shapely.contains(footprints, outlines)
    areas[across] = shapely.area(shapely.intersection(outlines[across], footprints[across]))
    return areas


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
