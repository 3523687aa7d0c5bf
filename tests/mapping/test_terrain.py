import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from rasterio.crs import CRS

from lobate.errors import Mistake
from lobate.grid import Grid
from lobate.mapping.terrain import terrain_under
from lobate.terrain import cell_size_m


@pytest.fixture
def ramp(tmp_path):
    """A DEM of 3 arc seconds at 36 N that rises by 1 m in 10 m to the east, from 3000 m; void in its south."""
    grid = Grid(120, 120, Affine(1 / 1200, 0, 81, 0, -1 / 1200, 36.05), CRS.from_epsg(4326))
    width, _, _ = cell_size_m(grid)
    height = 3000 + width * 0.1 * np.arange(120)
    height[100:] = -32768  # and the file does not say that this is a void
    path = tmp_path / "dem.tif"
    with rasterio.open(path, "w", driver="GTiff", dtype="float32", count=1, **grid.profile()) as dataset:
        dataset.write(height.astype("float32"), 1)
    return path


def under(dem, *boxes):
    return terrain_under(gpd.GeoSeries([shapely.box(*box) for box in boxes], crs=4326), dem)


def test_slope_and_lowest_point_of_a_plane(ramp):
    table = under(ramp, (81.02, 36.02, 81.03, 36.04))
    assert table["slope_mean_deg"].iloc[0] == pytest.approx(np.degrees(np.arctan(0.1)), abs=0.02)
    assert table["elevation_min_m"].iloc[0] == pytest.approx(3000 + 0.1 * 1803, abs=10)
    assert table["dem_share"].iloc[0] == 1


def test_a_void_and_ground_off_the_dem_have_no_elevation(ramp):
    table = under(ramp, (81.02, 35.955, 81.03, 35.96), (82, 36, 82.01, 36.01), (80.99, 36.0, 81.01, 36.02))
    assert table["dem_share"].tolist()[:2] == [0, 0]
    assert table["dem_share"].iloc[2] == pytest.approx(0.5, abs=1e-3)
    assert table["elevation_min_m"].isna().tolist() == [True, True, False]
    assert table["elevation_min_m"].iloc[2] >= 3000


def test_no_outlines_no_table(ramp):
    assert len(under(ramp)) == 0


def test_a_rotated_dem_is_a_mistake(tmp_path):
    path = tmp_path / "dem.tif"
    transform = Affine.rotation(10) @ Affine(1, 0, 81, 0, -1, 36)
    with rasterio.open(
        path, "w", driver="GTiff", dtype="float32", count=1, height=3, width=3, transform=transform, crs="EPSG:4326"
    ):
        pass
    with pytest.raises(Mistake, match="rotated"):
        under(path, (81, 35, 82, 36))


def test_a_dem_of_other_ground_judges_nothing_and_that_is_a_mistake(ramp):
    with pytest.raises(Mistake, match="the ground of none of the 2 detections"):
        under(ramp, (82, 36, 82.01, 36.01), (83, 36, 83.01, 36.01))
