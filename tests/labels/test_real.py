"""Real outlines of two mountain ranges; skipped where the data are not there."""

from __future__ import annotations

import numpy as np
import pyogrio
import pytest
import rasterio
from rasterio.features import rasterize
from rasterio.warp import transform_bounds

from lobate.io.grid import Grid
from lobate.labels.rasterize_labels import rasterize_labels


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


@pytest.fixture
def andes(real_data):
    return real_data / "andes_rock_glaciers" / "rock_glaciers_andes.gpkg"


OUTLINES = {"layer": "rock_glaciers", "id_field": "name"}
COUNTS = {"Aconcagua_33S": 30, "Aconcagua_33S_test": 21, "Copiapo_27S": 1, "Copiapo_28S": 12, "Huasco_29S": 17}


def image_over(path, bounds, crs, metres=30.0):
    """Write an image without nodata over bounds in degrees, with 2 km to spare, in a UTM zone."""
    left, bottom, right, top = transform_bounds("EPSG:4326", crs, *bounds)
    left, top = left - 2000, top + 2000
    width, height = round((right + 2000 - left) / metres), round((top - bottom + 2000) / metres)
    profile = {"driver": "GTiff", "count": 1, "height": height, "width": width, "dtype": "uint8", "crs": crs}
    transform = rasterio.transform.from_origin(left, top, metres, metres)
    with rasterio.open(path, "w", transform=transform, compress="deflate", **profile) as dataset:
        dataset.write(np.ones((1, height, width), np.uint8))
    return path


def test_rock_glaciers_of_the_andes(outlines, andes, tmp_path):
    given = pyogrio.read_dataframe(andes, layer="rock_glaciers").set_index("name")
    images = {
        region: image_over(tmp_path / f"{region}.tif", some.total_bounds, "EPSG:32719")
        for region, some in given.groupby("region")
    }
    result = outlines.clean(tmp_path, [(andes, OUTLINES)], images=images)
    assert (len(result.kept), len(result.removed)) == (81, 0)
    assert given.groupby("region").size().to_dict() == COUNTS
    kept = result.kept.loc[given.index]
    north = ~given["region"].str.startswith("Aconcagua")  # the two areas in the south overlap
    assert (kept["tile"][north] == given["region"][north]).all()
    assert kept["tile"][~north].str.startswith("Aconcagua").all()
    assert kept["area_m2"].to_numpy() / 1e6 == pytest.approx(given["area_km2"].to_numpy(), rel=0.01)


@pytest.mark.parametrize("crs", ["EPSG:32719", "EPSG:32619", "EPSG:32720"])
def test_labels_of_the_andes_have_the_area_of_the_outlines(outlines, andes, tmp_path, crs):
    """In its zone, by the northern zone's negative northings as Landsat has them, and in the zone to the east."""
    file = (andes, {**OUTLINES, "where": {"region": "Huasco_29S"}})
    there = pyogrio.read_dataframe(andes, layer="rock_glaciers", where="region = 'Huasco_29S'")
    image = image_over(tmp_path / "huasco.tif", there.total_bounds, crs)
    result = outlines.clean(tmp_path, [file], images={"huasco": image})
    assert (len(result.kept), len(result.removed)) == (17, 0)
    rasterize_labels(image, result.path, tmp_path / "label.tif", ring_m=0.0)
    with rasterio.open(tmp_path / "label.tif") as label:
        pixels = label.read(1)
        shapes = there.to_crs(label.crs).geometry
        assert np.array_equal(pixels, rasterize(shapes, out_shape=label.shape, transform=label.transform))
        pixel_m2 = Grid.from_raster(label).resolution_m ** 2
    assert pixels.sum() * pixel_m2 == pytest.approx(result.kept["area_m2"].sum(), rel=0.02)


def test_all_but_what_an_image_shows_is_removed_with_its_reason(outlines, andes, tmp_path):
    there = pyogrio.read_dataframe(andes, layer="rock_glaciers", where="region LIKE 'Copiapo%'")
    image = image_over(tmp_path / "copiapo.tif", there.total_bounds, "EPSG:32719")
    result = outlines.clean(tmp_path, [(andes, OUTLINES)], images={"copiapo": image})
    assert result.removed["reason"].value_counts().to_dict() == {"lies on no image": 81 - len(there)}
    assert set(result.kept.index) == set(there["name"])
