"""Outlines as people and programs give them: valid polygons or an error that says where, and their text."""

from __future__ import annotations

import numpy as np
import shapely

from lobate.errors import UserError
from lobate.io.complexity import too_complex
from lobate.io.origin import redrawn
from lobate.io.polygons import POLYGONAL

DECIMALS = 7
"""Decimals of degrees, some cm, in the text of the outline that was shown."""


def checked_polygon(outline: shapely.Geometry | None, where: str) -> shapely.Geometry:
    """Return a polygon or multipolygon without Z. Raises UserError that says what is wrong and at which coordinates."""
    if outline is None or outline.is_empty:
        raise UserError(f"{where} has no outline. Draw one.")
    if shapely.get_type_id(outline) not in POLYGONAL:
        raise UserError(f"{where} is a {outline.geom_type}. Draw the outline as a polygon.")
    flat = shapely.force_2d(outline)
    if not np.isfinite(shapely.get_coordinates(flat)).all():
        raise UserError(f"{where} has a vertex without coordinates. Delete that vertex.")
    if flaw := too_complex(np.array([flat])):
        raise UserError(f"{where} {flaw[1]}, more than lobate can work with. Simplify it.")
    if not flat.is_valid:
        reason, _, place = shapely.is_valid_reason(flat).partition("[")
        at = f" at {place.rstrip(']')}" if place else ""
        raise UserError(
            f"{where} is no valid polygon: {reason.strip().lower()}{at}. Move or delete the vertices there."
        )
    if not flat.area > 0:
        raise UserError(f"{where} has no area. Draw it again.")
    parts = shapely.get_parts(flat)
    return parts[0] if len(parts) == 1 else flat


def checked_outline(outline: shapely.Geometry | None, where: str) -> shapely.Geometry:
    """Return an outline in degrees, as ``checked_polygon``. Raises UserError also for coordinates that are no place on Earth."""
    polygon = checked_polygon(outline, where)
    west, south, east, north = polygon.bounds
    if west < -180 or east > 180 or south < -90 or north > 90:
        raise UserError(
            f"{where} lies at {west:g} to {east:g} E, {south:g} to {north:g} N, which is no place on Earth. Give longitude and latitude."
        )
    return polygon


def as_wkt(outline: shapely.Geometry) -> str:
    """Return an outline's text, as the review sheet holds it."""
    return str(shapely.to_wkt(outline, rounding_precision=DECIMALS))


def parse_wkt(text: str | None) -> shapely.Geometry | None:
    """Return the outline of a text, None for a text that is no valid polygon."""
    shape = shapely.from_wkt(text or None, on_invalid="ignore")
    if shape is None or shape.is_empty or not shape.is_valid or shapely.get_type_id(shape) not in POLYGONAL:
        return None
    return shape


def is_redrawn(outline: shapely.Geometry, seen: shapely.Geometry) -> bool:
    """Whether an outline differs from the one that was shown, by more than rounding."""
    return bool(redrawn(np.array([outline]), np.array([seen]))[0])
