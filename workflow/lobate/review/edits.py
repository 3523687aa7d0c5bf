"""Operations on outlines that the page asks for while a person draws; nothing of them is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import shapely

from lobate.errors import UserError
from lobate.review import editing
from lobate.review.body import Body, outline_of
from lobate.review.outline_layers import to_coordinates
from lobate.review.planes import Plane

FIELDS = (
    "operation", "plane", "outline", "outlines", "line", "part", "ring", "max_m2", "tolerance_m", "gap_m", "others",
)  # fmt: skip
MAX_OUTLINES = 200
GAP_PIXELS = 0.0


def edit(body: Body, plane: Plane) -> dict[str, Any]:
    """Return the outlines of an operation, and the measures of each.

    Raises UserError for an operation that cannot be done, and for outlines that are no valid polygons.
    """
    name = body.text("operation")
    if name == "measure":
        outline = outline_of(body.raw("outline"))  # it may cross itself while a person draws
        return {"outlines": [], "measures": _measures(outline, plane)}
    if name not in OPERATIONS:
        raise UserError(f"There is no operation {name[:80]!r}; there are measure, {', '.join(OPERATIONS)}.")
    outlines = [editing.checked(outline) for outline in OPERATIONS[name](body, plane)]
    return {
        "outlines": [to_coordinates(outline) for outline in outlines],
        "measures": [_measures(outline, plane) for outline in outlines],
    }


def _measures(outline: shapely.Geometry, plane: Plane) -> dict[str, Any]:
    return {**asdict(editing.measures(outline, plane.crs)), "valid": bool(outline.is_valid)}


def _check(body: Body, plane: Plane) -> list[shapely.Geometry]:
    return [editing.checked(_outline(body))]


def _split(body: Body, plane: Plane) -> list[shapely.Geometry]:
    try:
        line = shapely.linestrings(body.objects("line"))
    except (ValueError, TypeError, shapely.errors.ShapelyError):
        raise UserError("The line to split by is no list of [x, y].") from None
    return editing.split(_outline(body), line)


def _merge(body: Body, plane: Plane) -> list[shapely.Geometry]:
    return [editing.merge(_several(body, "outlines"), body.number("gap_m", GAP_PIXELS))]


def _delete_ring(body: Body, plane: Plane) -> list[shapely.Geometry]:
    return [editing.delete_ring(_outline(body), body.whole("part", 0), body.whole("ring", 0))]


def _delete_part(body: Body, plane: Plane) -> list[shapely.Geometry]:
    return [editing.delete_part(_outline(body), body.whole("part", 0))]


def _fill_holes(body: Body, plane: Plane) -> list[shapely.Geometry]:
    return [editing.fill_holes(_outline(body), body.number("max_m2", 0.0) if body.has("max_m2") else None)]


def _simplify(body: Body, plane: Plane) -> list[shapely.Geometry]:
    return [editing.simplify(_outline(body), _distance(body, plane))]


def _smooth(body: Body, plane: Plane) -> list[shapely.Geometry]:
    return [editing.smooth(_outline(body), plane.base)]


def _snap(body: Body, plane: Plane) -> list[shapely.Geometry]:
    return [editing.snap(_outline(body), _several(body, "others"), _distance(body, plane))]


OPERATIONS: dict[str, Callable[[Body, Plane], list[shapely.Geometry]]] = {
    "check": _check,
    "split": _split,
    "merge": _merge,
    "delete_ring": _delete_ring,
    "delete_part": _delete_part,
    "fill_holes": _fill_holes,
    "simplify": _simplify,
    "smooth": _smooth,
    "snap": _snap,
}


def _outline(body: Body) -> shapely.Geometry:
    return outline_of(body.raw("outline"))


def _several(body: Body, name: str) -> list[shapely.Geometry]:
    outlines = body.objects(name)
    if len(outlines) > MAX_OUTLINES:
        raise UserError(f"{name} holds {len(outlines)} outlines; {MAX_OUTLINES} are enough at a time.")
    return [outline_of(outline) for outline in outlines]


def _distance(body: Body, plane: Plane) -> float:
    """Return the tolerance of an operation, half a pixel of the images where none is given."""
    distance = body.number("tolerance_m", plane.base / 2)
    if distance < 0:
        raise UserError("tolerance_m must not be negative.")
    return distance
