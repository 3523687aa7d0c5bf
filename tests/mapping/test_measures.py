import geopandas as gpd
import numpy as np
import shapely

from lobate.mapping.measures import geodesic_measures
from lobate.vectors import geodesic_area_m2, geodesic_perimeter_m


def test_measures_are_those_of_one_at_a_time():
    ring = shapely.box(81, 36, 81.02, 36.01)
    holed = ring.difference(shapely.box(81.005, 36.002, 81.01, 36.006))
    outlines = [ring, holed, shapely.union(holed, shapely.box(82, -70, 82.1, -69.9)), shapely.Polygon()]
    frame = gpd.GeoDataFrame(geometry=outlines, crs=4326)
    area, perimeter = geodesic_measures(frame)
    np.testing.assert_allclose(area, geodesic_area_m2(frame), rtol=1e-9)
    np.testing.assert_allclose(perimeter, geodesic_perimeter_m(frame), rtol=1e-9)


def test_nothing_has_no_measures():
    area, perimeter = geodesic_measures(gpd.GeoDataFrame(geometry=[], crs=4326))
    assert area.shape == perimeter.shape == (0,)
