"""Which detections of different tiles are one body: they agree on the ground that both tiles see.

Candidates come from a spatial index, their agreement from vectorised overlays, bodies are the connected components of
the links: about linear in the number of detections.
"""

from __future__ import annotations

import numpy as np
import shapely

from lobate.mapping.overlay import subdivide

Links = tuple[np.ndarray, np.ndarray]

TOLERANCE_DEG = 1e-8  # degrees, a millimetre: how far apart lines may lie that were one before they were reprojected


def touching_pairs(outlines: np.ndarray) -> Links:
    """Return index arrays (left, right), left < right, of outlines (n,) that touch, sorted."""
    left, right = shapely.STRtree(outlines).query(outlines, predicate="intersects")
    order = np.lexsort((right, left))
    left, right = left[order], right[order]
    return left[left < right], right[left < right]


def cross_tile_pairs(outlines: np.ndarray, tile: np.ndarray) -> Links:
    """Return index arrays (left, right), left < right, of outlines (n,) that touch and come from different tiles (n,)."""
    around = shapely.box(*(shapely.bounds(outlines).reshape(-1, 4) + TOLERANCE_DEG * np.array([-1, -1, 1, 1])).T)
    left, right = shapely.STRtree(outlines).query(around)
    foreign = (left < right) & (tile[left] != tile[right])
    left, right = left[foreign], right[foreign]
    # of each pair the larger one, whose parts are indexed once, is asked for the smaller
    size = shapely.get_num_coordinates(outlines)
    asked, other = np.where(size[left] >= size[right], (left, right), (right, left))
    shapely.prepare(outlines[asked])
    meet = np.flatnonzero(shapely.dwithin(outlines[asked], outlines[other], TOLERANCE_DEG))
    shapely.destroy_prepared(outlines[asked])
    order = meet[np.lexsort((right[meet], left[meet]))]
    return left[order], right[order]


def overlap_ratio(outlines: np.ndarray, tile: np.ndarray, footprints: np.ndarray, pairs: Links) -> np.ndarray:
    """Return, for each pair, the share of the smaller outline that the other covers, on the ground both tiles see.

    ``agreement = |a & b| / min(|a & ground of b's tile|, |b & ground of a's tile|)``, 0 to 1, so two halves of a body
    cut by their tiles' edges agree however narrow the strip that the tiles share. Where an outline enters the shared
    ground more than once, the pieces that agree best count. Where tiles only abut there is no such ground: there,
    outlines agree (1) when they have a line in common.
    """
    clipped, one, other = _clips(outlines, tile, footprints, pairs)
    share = _share(clipped, one, other)
    whole = np.minimum(*shapely.area(outlines)[np.stack(pairs)])
    abut = np.minimum(*shapely.area(clipped)[np.stack([one, other])]) <= 1e-6 * whole
    beside = tuple(side[abut] for side in pairs)
    borders, one, other = _clips(outlines, tile, shapely.buffer(footprints, 10 * TOLERANCE_DEG), beside)
    share[abut] = _line_in_common(borders[one], borders[other])
    return share


def _clips(
    outlines: np.ndarray, tile: np.ndarray, footprints: np.ndarray, pairs: Links
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return outlines clipped to the ground of a partner's tile, each once, and for each pair which two of them count."""
    left, right = pairs
    sides = np.concatenate([np.stack([left, tile[right]], axis=1), np.stack([right, tile[left]], axis=1)])
    wanted, which = np.unique(sides, axis=0, return_inverse=True)
    clipped, ground = outlines[wanted[:, 0]], footprints[wanted[:, 1]]
    shapely.prepare(ground)
    across = ~shapely.contains(ground, clipped)
    clipped[across] = shapely.intersection(clipped[across], ground[across])
    return clipped, which[: len(left)], which[len(left) :]


def _share(clipped: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return what the outlines ``one`` and ``other`` (k,), indices of ``clipped``, share of the smaller: together or by their
    best piece, whichever is more."""
    pieces, of = shapely.get_parts(clipped, return_index=True)
    cut, piece = subdivide(pieces)
    left, right = shapely.STRtree(cut).query(cut)
    pair = _find(one * len(clipped) + other, of[piece[left]] * len(clipped) + of[piece[right]])
    left, right, pair = left[pair >= 0], right[pair >= 0], pair[pair >= 0]
    common = shapely.area(shapely.intersection(cut[left], cut[right]))
    pieces_met, first, which = np.unique(
        np.stack([piece[left], piece[right]], axis=1), axis=0, return_index=True, return_inverse=True
    )
    share = _of_smaller(np.bincount(pair, common, len(one)), shapely.area(clipped)[np.stack([one, other])])
    best = _of_smaller(np.bincount(which, common, len(first)), shapely.area(pieces)[pieces_met.T])
    np.maximum.at(share, pair[first], best)
    return share


def _find(known: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Return where each of ``asked`` stands in ``known``, or -1."""
    if not len(known):
        return np.full(len(asked), -1)
    order = np.argsort(known)
    place = order[np.searchsorted(known, asked, sorter=order).clip(max=len(known) - 1)]
    return np.where(known[place] == asked, place, -1)


def _of_smaller(common: np.ndarray, areas: np.ndarray) -> np.ndarray:
    smaller = areas.min(axis=0)
    return np.divide(common, smaller, out=np.zeros(len(smaller)), where=smaller > 0)


def _line_in_common(ones: np.ndarray, others: np.ndarray) -> np.ndarray:
    common = shapely.intersection(shapely.boundary(ones), shapely.buffer(others, 2 * TOLERANCE_DEG))
    return shapely.length(common) > 100 * TOLERANCE_DEG  # more than a corner


def component_ids(count: int, links: Links) -> np.ndarray:
    """Return the body (0, 1, ...) that each of ``count`` detections belongs to, numbered by their first detection."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not count:
        return np.zeros(0, dtype=int)
    graph = coo_array((np.ones(len(links[0]), dtype=bool), links), shape=(count, count))
    _, body = connected_components(graph, directed=False)
    _, first, body = np.unique(body, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[body]
