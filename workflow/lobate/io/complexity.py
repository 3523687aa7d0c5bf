"""Bounds on outlines whose geometry would take hours: too many vertices, or edges that cross or lie over one another.

GEOS compares each edge of an outline with all edges whose bounding boxes overlap with its own, and repairs an outline at
the cost of its crossings. Both grow with the square of the vertices in an outline of noise. The bounds stand far above any
drawn or traced outline; they are counted in bounded memory, and only for outlines of many vertices. `docs/troubleshooting.md` names them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import shapely

MAX_VERTICES = 2_000_000
"""Vertices of one outline; at 10 m a vertex its edge is 20,000 km long."""
FREE_VERTICES = 1_000
"""Outlines with fewer vertices are not counted: the worst take some seconds."""
MAX_EDGE_PAIRS = 50_000_000
"""Pairs of edges with overlapping bounding boxes in one outline, each counted from both sides."""
MAX_CROSSINGS = 100_000
"""Crossings of an outline with itself."""
PAIRS_AT_ONCE = 8_000_000


def too_complex(shapes: np.ndarray) -> tuple[int, str] | None:
    """Return the position of the first outline beyond the bounds and what is wrong with it, None where all are within."""
    vertices = shapely.get_num_coordinates(shapes)
    for place in np.flatnonzero(vertices > FREE_VERTICES):
        if vertices[place] > MAX_VERTICES:
            return int(place), f"has {vertices[place]:,} vertices, more than {MAX_VERTICES:,}"
        if flaw := _flaw(shapes[place]):
            return int(place), flaw
    return None


def _flaw(shape: shapely.Geometry) -> str:
    """Return what makes an outline too complex, empty where nothing does."""
    edges, pairs = _edges(shape), 0
    for left, _ in _box_pairs(edges):
        pairs += len(left)
        if pairs > MAX_EDGE_PAIRS:
            return f"has {len(edges):,} edges that run close beside one another, like noise"
    if pairs > 2 * MAX_CROSSINGS and not shapely.is_valid(shape):
        crossings = 0
        for left, right in _box_pairs(edges):
            crossings += _count_crossings(edges, left, right)
            if crossings > MAX_CROSSINGS:
                return f"crosses itself more than {MAX_CROSSINGS:,} times"
    return ""


def _edges(shape: shapely.Geometry) -> np.ndarray:
    """Return the edges of all rings with finite ends, (m, 2, 2)."""
    points, ring = shapely.get_coordinates(shapely.get_rings(shapely.get_parts(shape)), return_index=True)
    edges = np.stack([points[:-1], points[1:]], axis=1)[ring[1:] == ring[:-1]]
    return edges[np.isfinite(edges).all(axis=(1, 2))]


def _box_pairs(edges: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield, block by block, the numbers (left, right) of edges whose bounding boxes overlap, themselves among them."""
    lines = shapely.linestrings(edges)
    tree, block = shapely.STRtree(lines), max(1, PAIRS_AT_ONCE // max(len(lines), 1))
    for start in range(0, len(lines), block):
        left, right = tree.query(lines[start : start + block])
        yield left + start, right


def _count_crossings(edges: np.ndarray, left: np.ndarray, right: np.ndarray) -> int:
    """Return the number of pairs that cross inside both edges, each pair counted from its earlier edge."""
    earlier = left < right
    first, second = edges[left[earlier]], edges[right[earlier]]
    apart = _sides(first, second) < 0
    return int((_sides(second[apart], first[apart]) < 0).sum())


def _sides(edges: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return a negative number where the ends of an other edge lie on both sides of the line through an edge, (n,)."""
    along = edges[:, 1] - edges[:, 0]
    to_start, to_end = others[:, 0] - edges[:, 0], others[:, 1] - edges[:, 0]
    start = along[:, 0] * to_start[:, 1] - along[:, 1] * to_start[:, 0]
    end = along[:, 0] * to_end[:, 1] - along[:, 1] * to_end[:, 0]
    return np.sign(start) * np.sign(end)
