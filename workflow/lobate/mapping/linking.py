"""Links between detections of different tiles that are one body: they overlap on the ground that both tiles see.

Candidate pairs come from a spatial index, their overlap from vectorised overlays. Bodies are the connected components of
the links. The time is about linear in the number of detections.
"""

from __future__ import annotations

import numpy as np
import shapely

from lobate.mapping.overlay import subdivide

Links = tuple[np.ndarray, np.ndarray]

TOLERANCE_DEG = 1e-8
"""About a millimetre: largest distance between two reprojections of the same line."""


def touching_pairs(outlines: np.ndarray) -> Links:
    """Return index arrays (left, right), left < right, of outlines (n,) that touch, sorted."""
    left, right = shapely.STRtree(outlines).query(outlines, predicate="intersects")
    order = np.lexsort((right, left))
    left, right = left[order], right[order]
    return left[left < right], right[left < right]


def cross_tile_pairs(outlines: np.ndarray, tile: np.ndarray) -> Links:
    """Return index arrays (left, right), left < right, of outlines (n,) that touch and come from different tiles (n,)."""
    boxes = shapely.box(*(shapely.bounds(outlines).reshape(-1, 4) + TOLERANCE_DEG * np.array([-1, -1, 1, 1])).T)
    left, right = shapely.STRtree(outlines).query(boxes)
    across = (left < right) & (tile[left] != tile[right])
    left, right = left[across], right[across]
    # the larger outline of each pair is prepared: its parts are indexed once for all its partners
    size = shapely.get_num_coordinates(outlines)
    larger, smaller = np.where(size[left] >= size[right], (left, right), (right, left))
    shapely.prepare(outlines[larger])
    touching = np.flatnonzero(shapely.dwithin(outlines[larger], outlines[smaller], TOLERANCE_DEG))
    shapely.destroy_prepared(outlines[larger])
    order = touching[np.lexsort((right[touching], left[touching]))]
    return left[order], right[order]


def overlap_ratio(outlines: np.ndarray, tile: np.ndarray, footprints: np.ndarray, pairs: Links) -> np.ndarray:
    """Return the overlap of each pair as a share of the smaller outline, on the ground that both tiles see.

    ``overlap = |a & b| / min(|a & ground of b's tile|, |b & ground of a's tile|)``, 0 to 1. So two halves of a body cut by
    their tiles' edges overlap fully, however narrow the strip that the tiles share. Where an outline enters the shared
    ground more than once, the pieces with the largest overlap count. Tiles that only abut share no ground: there, the
    overlap is 1 when the outlines have a line in common, else 0.
    """
    clipped, first, second = _clip_to_partner_tiles(outlines, tile, footprints, pairs)
    share = _shared_fraction(clipped, first, second)
    smaller = np.minimum(*shapely.area(outlines)[np.stack(pairs)])
    abut = np.minimum(*shapely.area(clipped)[np.stack([first, second])]) <= 1e-6 * smaller
    abutting_pairs = pairs[0][abut], pairs[1][abut]
    buffered = shapely.buffer(footprints, 10 * TOLERANCE_DEG)
    borders, first, second = _clip_to_partner_tiles(outlines, tile, buffered, abutting_pairs)
    share[abut] = _share_a_line(borders[first], borders[second])
    return share


def _clip_to_partner_tiles(
    outlines: np.ndarray, tile: np.ndarray, footprints: np.ndarray, pairs: Links
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return outlines clipped to the tile of a partner, without repetition, and the indices of the two of each pair."""
    left, right = pairs
    sides = np.concatenate([np.stack([left, tile[right]], axis=1), np.stack([right, tile[left]], axis=1)])
    unique, inverse = np.unique(sides, axis=0, return_inverse=True)
    clipped, ground = outlines[unique[:, 0]], footprints[unique[:, 1]]
    shapely.prepare(ground)
    across = ~shapely.contains(ground, clipped)
    clipped[across] = shapely.intersection(clipped[across], ground[across])
    return clipped, inverse[: len(left)], inverse[len(left) :]


def _shared_fraction(clipped: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the overlap of the pairs ``first`` and ``second`` (k,), indices of ``clipped``, as a share of the smaller.

    The larger of two values counts: of the whole outlines, and of their best pair of pieces.
    """
    pieces, outline = shapely.get_parts(clipped, return_index=True)
    cells, piece = subdivide(pieces)
    left, right = shapely.STRtree(cells).query(cells)
    pair = _index_in(first * len(clipped) + second, outline[piece[left]] * len(clipped) + outline[piece[right]])
    left, right, pair = left[pair >= 0], right[pair >= 0], pair[pair >= 0]
    common = shapely.area(shapely.intersection(cells[left], cells[right]))
    piece_pairs, first_cell, piece_pair = np.unique(
        np.stack([piece[left], piece[right]], axis=1), axis=0, return_index=True, return_inverse=True
    )
    whole = _of_smaller(np.bincount(pair, common, len(first)), shapely.area(clipped)[np.stack([first, second])])
    by_piece = _of_smaller(np.bincount(piece_pair, common, len(piece_pairs)), shapely.area(pieces)[piece_pairs.T])
    np.maximum.at(whole, pair[first_cell], by_piece)
    return whole


def _index_in(keys: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the index of each of ``values`` in ``keys``, or -1."""
    if not len(keys):
        return np.full(len(values), -1)
    order = np.argsort(keys)
    index = order[np.searchsorted(keys, values, sorter=order).clip(max=len(keys) - 1)]
    return np.where(keys[index] == values, index, -1)


def _of_smaller(common: np.ndarray, areas: np.ndarray) -> np.ndarray:
    smaller = areas.min(axis=0)
    return np.divide(common, smaller, out=np.zeros(len(smaller)), where=smaller > 0)


def _share_a_line(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    common = shapely.intersection(shapely.boundary(left), shapely.buffer(right, 2 * TOLERANCE_DEG))
    return shapely.length(common) > 100 * TOLERANCE_DEG  # more than a corner


def component_ids(count: int, links: Links) -> np.ndarray:
    """Return the body (0, 1, ...) of each of ``count`` detections; bodies are numbered by their first detection."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not count:
        return np.zeros(0, dtype=int)
    graph = coo_array((np.ones(len(links[0]), dtype=bool), links), shape=(count, count))
    _, body = connected_components(graph, directed=False)
    _, first, body = np.unique(body, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[body]
