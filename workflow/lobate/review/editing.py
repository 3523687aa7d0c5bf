"""Geometry of the drawing tools: pure functions on polygons in metres of a plane, that is, of a projected CRS.

Each takes and returns valid polygons or multipolygons with their holes; what would not be valid is a UserError that says
where. Nothing here reads or writes a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import shapely

from lobate.errors import UserError
from lobate.io.polygons import polygonal
from lobate.io.vector import geodesic_measures
from lobate.review.outlines import checked_polygon

MAX_AREA_CHANGE = 0.01
"""Share of the area that smoothing may change."""
SMOOTHING_TRIES = 6
SLIVER_M2 = 1e-3
"""Pieces that are smaller come from rounding."""
WHERE = "The outline"


@dataclass(frozen=True)
class Measures:
    """Geodesic area in square metres without holes, length of all rings in metres, and number of vertices."""

    area_m2: float
    length_m: float
    vertices: int


def checked(outline: shapely.Geometry | None) -> shapely.Geometry:
    """Return an outline as it may be saved. Raises UserError that says where it is no valid polygon."""
    return checked_polygon(outline, WHERE)


def measures(outline: shapely.Geometry, crs: object) -> Measures:
    """Return area and length on the ellipsoid of an outline in a CRS; it need not be valid, as one is while it is drawn."""
    area, length = geodesic_measures(gpd.GeoSeries([outline], crs=crs))
    return Measures(float(area[0]), float(length[0]), int(shapely.get_num_coordinates(outline)))


def split(outline: shapely.Geometry, line: shapely.Geometry) -> list[shapely.Geometry]:
    """Return the pieces into which a line cuts an outline, the largest first.

    Parts that the line does not cut stay with the nearest piece. Raises UserError for a line that cuts nothing off.
    """
    outline = checked(outline)
    if line is None or line.geom_type != "LineString" or not line.is_valid or not line.length > 0:
        raise UserError("The line to split by has no length. Draw it across the outline, from outside to outside.")
    pieces: list[shapely.Geometry] = []
    whole: list[shapely.Geometry] = []
    for part in shapely.get_parts(outline):
        cut = _cut(part, line)
        (pieces if len(cut) > 1 else whole).extend(cut)
    if not pieces:
        ends = [shapely.Point(line.coords[number]) for number in (0, -1)]
        inside = [f"{end.x:.1f} {end.y:.1f}" for end in ends if outline.contains(end)]
        reason = f"it ends inside, at {' and '.join(inside)}" if inside else "it does not cross it"
        raise UserError(f"The line cuts nothing off the outline: {reason}. Draw it from outside to outside.")
    groups = [[piece] for piece in pieces]
    for part in whole:
        groups[int(np.argmin(shapely.distance(part, np.array(pieces))))].append(part)
    cut_outlines = [checked(_collect(group)) for group in groups]
    return sorted(cut_outlines, key=lambda piece: (-piece.area, piece.wkb))


def _cut(part: shapely.Geometry, line: shapely.Geometry) -> list[shapely.Geometry]:
    """Return the faces of a polygon that a line makes; the polygon alone where it makes one only."""
    edges = shapely.union_all(
        [part.boundary, line]
    )  # the line cut to the part would end beside the boundary, by rounding
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(edges)))
    inside = [face for face in faces if face.area > SLIVER_M2 and part.covers(face.representative_point())]
    return inside if len(inside) > 1 else [part]


def merge(outlines: Sequence[shapely.Geometry], gap_m: float = 0.0) -> shapely.Geometry:
    """Return the union of outlines; gaps between them up to ``gap_m`` are closed. Those farther apart stay parts of one outline."""
    if len(outlines) < 2:
        raise UserError("There is nothing to merge. Choose two outlines or more.")
    whole = shapely.union_all([checked(outline) for outline in outlines])
    if gap_m > 0:
        closed = whole.buffer(gap_m / 2 * 1.001, join_style="mitre").buffer(-gap_m / 2 * 1.001, join_style="mitre")
        bridges = [
            piece
            for piece in shapely.get_parts(polygonal(np.array([closed.difference(whole)]))[0])
            if _joins(piece, whole)
        ]
        whole = shapely.union_all([whole, *(bridge.buffer(1e-6 * gap_m) for bridge in bridges)])
    return checked(whole)


def _joins(piece: shapely.Geometry, whole: shapely.Geometry) -> bool:
    """Whether a piece of a closed gap touches two parts."""
    return int((shapely.distance(piece, shapely.get_parts(whole)) < 1e-6).sum()) > 1


def delete_ring(outline: shapely.Geometry, part: int, ring: int) -> shapely.Geometry:
    """Return an outline without one ring: 0 is a part's outer ring, with which the part goes, 1 its first hole."""
    parts = _parts(outline, part)
    holes = list(parts[part].interiors)
    if ring == 0:
        return delete_part(outline, part)
    if not 1 <= ring <= len(holes):
        raise UserError(f"Part {part} of the outline has {len(holes)} holes, not a hole {ring}. Choose one of these.")
    parts[part] = shapely.Polygon(
        parts[part].exterior, [hole for number, hole in enumerate(holes, 1) if number != ring]
    )
    return checked(shapely.union_all(parts))  # an island in the hole is ground of the outline then


def delete_part(outline: shapely.Geometry, part: int) -> shapely.Geometry:
    """Return an outline without one of its parts. Raises UserError for the last one."""
    parts = _parts(outline, part)
    if len(parts) == 1:
        raise UserError("The outline has one part only. Reject the detection, or delete the drawn outline as a whole.")
    return checked(_collect([other for number, other in enumerate(parts) if number != part]))


def fill_holes(outline: shapely.Geometry, max_m2: float | None = None) -> shapely.Geometry:
    """Return an outline without holes of up to ``max_m2``, by default without any."""
    filled = []
    for part in shapely.get_parts(checked(outline)):
        holes = [hole for hole in part.interiors if max_m2 is not None and shapely.Polygon(hole).area > max_m2]
        filled.append(shapely.Polygon(part.exterior, holes))
    return checked(shapely.union_all(filled))


def simplify(outline: shapely.Geometry, tolerance_m: float) -> shapely.Geometry:
    """Return an outline with fewer vertices, nowhere farther from it than ``tolerance_m`` (Douglas and Peucker 1973)."""
    outline = checked(outline)
    for attempt in range(SMOOTHING_TRIES):
        simple = shapely.simplify(outline, tolerance_m / 2**attempt, preserve_topology=True)
        if _is_whole(simple, outline) and shapely.hausdorff_distance(simple, outline) <= tolerance_m:
            return checked(simple)
    return outline


def smooth(outline: shapely.Geometry, step_m: float) -> shapely.Geometry:
    """Return a stair-cased outline of pixels of ``step_m`` as a person would draw it, its area kept within 1 %.

    Each step becomes the line through the middles of its edges, and corners of long edges are cut at half a step. What lies
    nearly on a line is left out, and the outline is moved in or out by the part of a step that the area asks for. An outline for
    which this is too strong, a small one for instance, is smoothed less, or stays as it is.
    """
    outline = checked(outline)
    for attempt in range(SMOOTHING_TRIES):
        strength = step_m / 2**attempt
        rounded = _collect([_rounded(part, strength) for part in shapely.get_parts(outline)])
        if not _is_whole(rounded, outline):
            continue
        result = _with_area(shapely.simplify(rounded, 0.6 * strength, preserve_topology=True), outline)
        fewer = shapely.get_num_coordinates(result) < shapely.get_num_coordinates(outline)
        if fewer and _is_whole(result, outline) and abs(result.area / outline.area - 1) <= MAX_AREA_CHANGE:
            return checked(result)
    return outline


def snap(outline: shapely.Geometry, others: Sequence[shapely.Geometry], tolerance_m: float) -> shapely.Geometry:
    """Return an outline whose vertices within ``tolerance_m`` of another outline's line lie on it, first on its vertices.

    Vertices that would make the outline cross itself stay where they are.
    """
    outline = checked(outline)
    lines = [other.boundary for other in others if other.distance(outline) <= tolerance_m]
    if not lines or tolerance_m <= 0:
        return outline
    target = shapely.union_all(lines)
    corners = shapely.MultiPoint(shapely.get_coordinates(target))
    snapped = outline
    for reach in (tolerance_m, tolerance_m / 2, tolerance_m / 4):
        moved = shapely.transform(outline, lambda points, reach=reach: _snapped(points, target, corners, reach))
        moved = shapely.remove_repeated_points(moved)
        if _is_whole(moved, outline):
            snapped = moved
            break
    return checked(snapped)


def _snapped(points: np.ndarray, target: shapely.Geometry, corners: shapely.Geometry, reach: float) -> np.ndarray:
    """Return points (n, 2) moved to the nearest corner within ``reach``, else to the nearest place of the target within it."""
    places = shapely.points(points)
    moved = points.copy()
    for goal in (target, corners):
        nearest = shapely.get_point(shapely.shortest_line(places, goal), 1)
        near = shapely.distance(places, goal) <= reach
        moved[near] = shapely.get_coordinates(nearest[near])
    return moved


def _parts(outline: shapely.Geometry, part: int) -> list[shapely.Geometry]:
    parts = list(shapely.get_parts(checked(outline)))
    if not 0 <= part < len(parts):
        raise UserError(
            f"The outline has {len(parts)} parts, numbered from 0, and not a part {part}. Choose one of these."
        )
    return parts


def _collect(parts: Sequence[shapely.Geometry]) -> shapely.Geometry:
    """Return polygons as one outline, without dissolving anything."""
    return (
        parts[0]
        if len(parts) == 1
        else shapely.MultiPolygon([piece for part in parts for piece in shapely.get_parts(part)])
    )


def _is_whole(result: shapely.Geometry, outline: shapely.Geometry) -> bool:
    """Whether a changed outline is valid and has the parts and holes of the one before."""
    if result is None or result.is_empty or not result.is_valid or not result.area > 0:
        return False
    return _counts(result) == _counts(outline)


def _counts(outline: shapely.Geometry) -> tuple[int, int]:
    parts = shapely.get_parts(outline)
    return len(parts), int(shapely.get_num_interior_rings(parts).sum())


def _rounded(part: shapely.Geometry, step: float) -> shapely.Geometry:
    """Return a polygon through the middles of short edges, and through two places of each long one."""
    exterior, *holes = [_middles(shapely.get_coordinates(ring), step) for ring in shapely.get_rings(part)]
    return shapely.Polygon(exterior, holes)


def _middles(ring: np.ndarray, step: float) -> np.ndarray:
    """Return the places (m, 2) on the edges of a closed ring (n, 2)."""
    start, edge = ring[:-1], np.diff(ring, axis=0)
    length = np.hypot(*edge.T)
    start, edge, length = start[length > 0], edge[length > 0], length[length > 0]
    share = np.where(length <= 2 * step, 0.5, step / 2 / np.maximum(length, step))
    first, last = start + share[:, None] * edge, start + (1 - share)[:, None] * edge
    places = np.stack([first, last], axis=1).reshape(-1, 2)
    is_second_of_short = np.zeros((len(length), 2), dtype=bool)
    is_second_of_short[:, 1] = length <= 2 * step
    return places[~is_second_of_short.ravel()]


def _with_area(result: shapely.Geometry, outline: shapely.Geometry) -> shapely.Geometry:
    """Return an outline moved in or out so that it has the area of another one, as far as it stays whole."""
    for _ in range(4):
        missing = outline.area - result.area
        if abs(missing) <= 1e-3 * outline.area or not result.length > 0:
            break
        moved = result.buffer(missing / result.length, join_style="mitre", mitre_limit=2.0)
        if not _is_whole(moved, outline):
            break
        result = moved
    return result
