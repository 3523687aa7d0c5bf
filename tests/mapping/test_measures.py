import geopandas as gpd
import numpy as np
import shapely

from lobate.mapping.measures import width_to_length


def test_proportions_do_not_depend_on_latitude_or_direction():
    box = shapely.affinity.rotate(shapely.box(0, 0, 4000, 1000), 30)
    for epsg, x in ((32644, 500_000), (32744, 500_000)):
        moved = gpd.GeoSeries([shapely.affinity.translate(box, x, 2_300_000)], crs=epsg)
        np.testing.assert_allclose(width_to_length(moved), 0.25, rtol=5e-3)
    assert len(width_to_length(gpd.GeoSeries([], crs=4326))) == 0
