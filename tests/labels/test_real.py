"""Real outlines of two mountain ranges; skipped where the data are not there."""

from __future__ import annotations

import numpy as np
import pyogrio
import pytest
import rasterio
from rasterio.features import rasterize

from lobate.labels.rasterize import rasterize_labels


def test_glaciers_of_everest(outlines, real_data, tmp_path):
    folder = real_data / "everest_glaciers"
    image = folder / "LE71400412000304SGS00_RGB.tif"
    glaciers = (folder / "15_rgi60_glacier_outlines.gpkg", {"id_field": "RGIId"})
    result = outlines.clean(tmp_path, [glaciers], images={"everest": image})
    assert len(result.kept) == 86
    assert len(result.removed) == 0
    given = pyogrio.read_dataframe(glaciers[0]).set_index("RGIId")
    assert np.allclose(result.kept["area_m2"] / 1e6, given["Area"][result.kept.index], rtol=0.02, atol=0.002)
    rasterize_labels(image, result.path, tmp_path / "label.tif", ring_m=0.0)
    with rasterio.open(tmp_path / "label.tif") as label, rasterio.open(image) as dataset:
        shapes = given.to_crs(dataset.crs).geometry
        expected = rasterize(shapes, out_shape=dataset.shape, transform=dataset.transform)
        assert np.array_equal(label.read(1), expected)
        assert label.transform == dataset.transform


def test_rock_glaciers_of_the_andes(outlines, real_data, tmp_path):
    file = real_data / "andes_rock_glaciers" / "rock_glaciers_andes.gpkg"
    images = {
        "north": outlines.write_image(tmp_path / "north.tif", 1000, 1000),
        "all": tmp_path / "all.tif",
    }
    profile = {"driver": "GTiff", "count": 3, "height": 800, "width": 500, "dtype": "uint8", "crs": "EPSG:4326"}
    transform = rasterio.transform.from_origin(-72, -27, 0.01, 0.01)
    with rasterio.open(images["all"], "w", transform=transform, **profile) as dataset:
        dataset.write(np.ones((3, 800, 500), np.uint8))
    result = outlines.clean(tmp_path, [(file, {"layer": "rock_glaciers", "id_field": "name"})], images=images)
    assert (len(result.kept), len(result.removed)) == (81, 0)
    assert set(result.kept["tile"]) == {"all"}
    given = pyogrio.read_dataframe(file, layer="rock_glaciers").set_index("name")["area_km2"]
    unique = result.kept[result.kept.index.isin(given.index[~given.index.duplicated(keep=False)])]
    assert unique["area_m2"].to_numpy() / 1e6 == pytest.approx(given[unique.index].to_numpy(), rel=0.01)
