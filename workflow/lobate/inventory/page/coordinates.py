"""Outlines as the page's scripts read them."""

from __future__ import annotations

import shapely

DIGITS = 8
"""Decimals of longitude and latitude: a millimetre."""
CONTEXT_DIGITS = 6
"""Decimals of outlines that are only looked at: a decimetre."""


def coordinates(outline: shapely.Geometry, digits: int = DIGITS) -> list[list[list[list[float]]]]:
    """Return [polygon][ring][vertex] of [longitude, latitude]; rounded only as far as the outline stays valid."""
    rounded = shapely.transform(outline, lambda points: points.round(digits))
    valid = rounded if rounded.is_valid or not outline.is_valid else outline
    return [
        [[list(vertex) for vertex in ring.coords] for ring in (part.exterior, *part.interiors)]
        for part in shapely.get_parts(valid)
        if part.geom_type == "Polygon"
    ]
