"""What tests of several commands begin with."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from affine import Affine
from shapely.geometry import box


@pytest.fixture
def outline_on_image(tmp_path, monkeypatch):
    """An image `a.tif` and an outline on it, `p.gpkg` in degrees, in a working folder of their own."""
    monkeypatch.chdir(tmp_path)
    profile = {"driver": "GTiff", "height": 50, "width": 60, "count": 3, "dtype": "uint8", "crs": "EPSG:32644"}
    with rasterio.open("a.tif", "w", transform=Affine(10, 0, 500000, 0, -10, 4000000), **profile) as image:
        image.write(np.full((3, 50, 60), 9, np.uint8))
    outline = gpd.GeoDataFrame({"id": ["p1"]}, geometry=[box(500100, 3999800, 500200, 3999900)], crs="EPSG:32644")
    outline.to_crs(4326).to_file("p.gpkg")
