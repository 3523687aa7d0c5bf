import numpy as np
import rasterio
from rasterio.warp import Resampling, reproject, transform_bounds
from shapely.geometry import box


def test_dem_covers_both_tiles_with_few_voids(world, layout):
    with rasterio.open(world.folder / "dem.tif") as dem:
        heights, extent = dem.read(1), box(*dem.bounds)
        assert dem.crs.to_epsg() == 4326
        assert dem.nodata == -32768
        assert dem.tags()["TIFFTAG_IMAGEDESCRIPTION"].startswith("SYNTHETIC")
    for grid in layout.tiles.values():
        assert extent.contains(box(*transform_bounds(grid.crs, "EPSG:4326", *grid.bounds)))
    void = heights == -32768
    assert 0.001 < void.mean() < 0.02
    assert 4000 < heights[~void].min() < heights[~void].max() < 6500


def test_dem_is_the_ground_a_little_wrong(world, scenario):
    back = np.full(scenario.surface.shape, np.nan, np.float32)
    with rasterio.open(world.folder / "dem.tif") as dem:
        reproject(
            rasterio.band(dem, 1),
            back,
            dst_transform=scenario.layout.world.transform,
            dst_crs=scenario.layout.world.crs,
            dst_nodata=np.nan,
            resampling=Resampling.bilinear,
        )
    error = (back - scenario.surface)[~np.isnan(back)]
    assert abs(np.median(error)) < 1
    assert 0.5 < np.std(error) < 15
