"""The ground where a tile has data, for points and for outlines."""

import numpy as np
import pytest
import shapely

from lobate.errors import UserError
from lobate.mapping.valid_area import ValidArea, valid_in_any

X, Y = 500_000.0, 4_000_000.0


def ground_with_hole(workshop):
    """100 x 100 px of 10 m; columns 40 to 59 are nodata."""
    values = np.zeros((100, 100), dtype="uint8")
    values[:, 40:60] = 255
    grid = workshop.grid(X, Y, 100, 100)
    return ValidArea.of(workshop.probability("T", grid, values))


def points(workshop, *places):
    plain = [shapely.Point(X + x, Y - y) for x, y in places]
    return np.asarray(workshop.lonlat(plain).geometry.values, dtype=object)


def test_points_are_seen_where_the_tile_has_a_value(workshop):
    asked = points(workshop, (395, 500), (405, 500), (595, 5), (605, 995), (-5, 500), (500, 1005))
    assert ground_with_hole(workshop).has_data_at(asked).tolist() == [True, False, False, True, False, False]


def test_no_points_is_no_question(workshop):
    assert ground_with_hole(workshop).has_data_at(np.array([], dtype=object)).tolist() == []


def test_outlines_are_cut_to_the_pixel_where_nodata_begins(workshop):
    outlines = [
        shapely.box(X + 100, Y - 300, X + 300, Y - 100),
        shapely.box(X + 300, Y - 300, X + 700, Y - 100),
        shapely.box(X + 420, Y - 300, X + 500, Y - 100),
        shapely.box(X - 300, Y - 300, X + 100, Y - 100),
        shapely.box(X - 900, Y - 300, X - 500, Y - 100),
    ]
    parts = ground_with_hole(workshop).valid_parts(np.asarray(workshop.lonlat(outlines).geometry.values, dtype=object))
    local = workshop.lonlat(parts, epsg=4326).to_crs(32644).geometry
    expected = [
        outlines[0],
        shapely.union(shapely.box(X + 300, Y - 300, X + 400, Y - 100), shapely.box(X + 600, Y - 300, X + 700, Y - 100)),
        shapely.Polygon(),
        shapely.box(X, Y - 300, X + 100, Y - 100),
        shapely.Polygon(),
    ]
    for part, right in zip(local, expected, strict=True):
        assert part.symmetric_difference(right).area <= 1e-4 * max(right.area, 1)


def test_a_tile_across_the_180th_meridian_is_a_mistake(workshop):
    west = workshop.probability("W", workshop.grid(360_000, 7_000_000, 50, 50, epsg=32601))
    assert ValidArea.of(west).footprint.bounds[0] > -180
    across = workshop.probability("A", workshop.grid(340_000, 7_000_000, 50, 5000, epsg=32601))
    with pytest.raises(UserError, match=r"A_probability\.tif lies across the 180th meridian"):
        ValidArea.of(across)


def test_parts_that_several_tiles_see_are_one(workshop):
    values = np.zeros((100, 100), dtype="uint8")
    values[:, 90:] = 255
    grids = [workshop.grid(X, Y, 100, 100), workshop.grid(X + 800, Y, 100, 100)]
    valid_areas = [ValidArea.of(workshop.probability(*tile)) for tile in zip("AB", grids, (values, 0), strict=True)]
    outlines = [
        shapely.box(X + left, Y - 200, X + right, Y - 100) for left, right in ((700, 1200), (100, 200), (-900, -800))
    ]
    seen = valid_in_any(np.asarray(workshop.lonlat(outlines).geometry.values, dtype=object), valid_areas)
    local = workshop.lonlat(seen, epsg=4326).to_crs(32644).geometry
    assert local.area.round(0).tolist() == [50_000, 10_000, 0]
    assert len(valid_in_any(np.array([], dtype=object), valid_areas)) == 0
    assert shapely.is_empty(valid_in_any(seen[:2], [])).all()
