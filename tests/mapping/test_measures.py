import geopandas as gpd
import numpy as np
import shapely

from lobate.mapping.measures import geodesic_measures, width_to_length
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


def test_proportions_do_not_depend_on_latitude_or_direction():
    box = shapely.affinity.rotate(shapely.box(0, 0, 4000, 1000), 30)
    for epsg, x in ((32644, 500_000), (32744, 500_000)):
        moved = gpd.GeoSeries([shapely.affinity.translate(box, x, 2_300_000)], crs=epsg)
        np.testing.assert_allclose(width_to_length(moved), 0.25, rtol=5e-3)
    assert len(width_to_length(gpd.GeoSeries([], crs=4326))) == 0
