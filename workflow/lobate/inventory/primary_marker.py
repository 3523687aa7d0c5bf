"""The primary marker of an outline: the point that names its place and gives its identifier.

The depth of a point is its distance to the nearest line of the outline, holes included. The marker is the point nearest to
the centroid among those at least half as deep as the deepest point. So it lies inside, well off the rim, and moves little
when the outline does. The deepest point itself jumps along a tongue, which has many places of about one depth.

RGIK's guideline could not be read when this was written. Where its wording on the marker differs, it goes before this rule.
"""

from __future__ import annotations

import shapely

from lobate.inventory.local_plane import Point, from_plane, to_plane

DEPTH_SHARE = 0.5
"""Least depth of the marker, as a share of the largest depth."""
DEPTH_TOLERANCE = 0.01
"""Error of the largest depth, as a share of the outline's size across, sqrt(area)."""


def primary_marker(outline: shapely.Geometry) -> Point:
    """Return longitude and latitude of the primary marker of an outline in degrees; it lies inside the outline.

    The outline is in one piece; longitudes over 180 degrees are taken as those east of the antimeridian.
    """
    middle = outline.centroid
    centre = (middle.x, middle.y)
    deep = _deep_part(shapely.transform(outline, lambda lonlat: to_plane(lonlat, centre)))
    if deep is None:
        inside = outline.representative_point()
        return (inside.x + 180) % 360 - 180, inside.y
    return from_plane(deep, centre)


def _deep_part(outline: shapely.Geometry) -> Point | None:
    """Return the point nearest to the centroid in the deep part of an outline in metres; None for one without depth."""
    depth = shapely.maximum_inscribed_circle(outline, tolerance=DEPTH_TOLERANCE * outline.area**0.5).length
    deep = shapely.buffer(outline, -DEPTH_SHARE * depth)
    if deep.is_empty:
        return None
    nearest = shapely.shortest_line(deep, outline.centroid)
    x, y = shapely.get_coordinates(nearest)[0]
    return float(x), float(y)
