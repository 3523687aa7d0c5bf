"""Bodies are whole, valid, and described by the pixels they are made of."""

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import rasterio.features
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from rasterio.crs import CRS
from scipy import ndimage

from lobate.errors import UserError
from lobate.io.grid import Grid
from lobate.io.raster import CogWriter
from lobate.network.polygonize import COLUMNS, polygonize

UTM = Affine(10, 0, 500_000, 0, -10, 4_000_000)


def write(path, values, transform=UTM, crs="EPSG:32644"):
    grid = Grid(*values.shape, transform, CRS.from_string(crs))
    with CogWriter(path, grid, dtype=values.dtype.name, nodata=255) as writer:
        writer.write(values, 0)
    return path


def ring(size=9, hole=3):
    """A square of probability 200 with a hole in its middle, a pixel from the border."""
    values = np.zeros((size + 2, size + 2), np.uint8)
    values[1:-1, 1:-1] = 200
    inset = (size + 2 - hole) // 2
    values[inset : inset + hole, inset : inset + hole] = 10
    return values


rasters = st.tuples(st.integers(1, 14), st.integers(1, 14)).flatmap(
    lambda shape: arrays(np.uint8, shape, elements=st.sampled_from([0, 100, 126, 127, 130, 200, 254, 255]))
)


@given(rasters)
@settings(deadline=None, max_examples=60)
def test_every_body_is_what_its_pixels_say(tmp_path_factory, values):
    path = write(tmp_path_factory.mktemp("bodies") / "map.tif", values)
    bodies = polygonize(path, 0.5)
    mask = (values >= 127) & (values < 255)
    labels, count = ndimage.label(mask, np.ones((3, 3)))
    assert len(bodies) == count
    assert bodies.is_valid.all()
    np.testing.assert_allclose(bodies.area, 100 * bodies.pixels)
    near_nodata = ndimage.binary_dilation(values == 255, np.ones((3, 3)))
    edge = np.ones(values.shape, bool)
    edge[1:-1, 1:-1] = False
    for number, row in enumerate(bodies.itertuples(), start=1):
        inside = labels == number
        shares = values[inside] / 254
        burned = rasterio.features.rasterize([row.geometry], out_shape=values.shape, transform=UTM)
        assert (burned.astype(bool) == inside).all()
        assert (row.pixels, row.touches_edge) == (inside.sum(), edge[inside].any())
        assert row.touches_nodata == near_nodata[inside].any()
        facts = [row.mean, row.median, row.minimum, row.deviation]
        expected = [shares.mean(), np.median(shares), shares.min(), shares.std()]
        np.testing.assert_allclose(facts, expected, atol=6e-5)


def test_the_threshold_is_reached_by_equality(tmp_path):
    path = write(tmp_path / "map.tif", np.array([[126, 127, 128, 0]], np.uint8))
    assert polygonize(path, 0.5).pixels.tolist() == [2]
    assert polygonize(path, 128 / 254).pixels.tolist() == [1]


def test_nothing_reaches_the_threshold(tmp_path):
    path = write(tmp_path / "map.tif", np.zeros((20, 30), np.uint8))
    bodies = polygonize(path, 0.5)
    assert (len(bodies), tuple(bodies.columns), bodies.crs.to_epsg()) == (0, (*COLUMNS, "geometry"), 32644)
    assert bodies.pixels.dtype == np.int64 and bodies.touches_edge.dtype == bool


def test_holes_are_kept_or_filled_by_size(tmp_path):
    path = write(tmp_path / "map.tif", ring())
    kept, below, above = (polygonize(path, 0.5, fill_holes_m2=limit) for limit in (0, 890, 905))
    assert [frame.area.item() for frame in (kept, below, above)] == [7200, 7200, 8100]
    assert above.pixels.item() == 72 and above["mean"].item() == round(200 / 254, 4)


def test_what_lies_in_a_filled_hole_joins_the_body_around(tmp_path):
    values = ring(size=19, hole=13)
    values[7:14, 7:14] = ring(size=5, hole=1)
    values[10, 10] = 150
    values[0, 0] = 10
    path = write(tmp_path / "map.tif", values)
    assert len(polygonize(path, 0.5)) == 2
    values[10, 10] = 0
    values[9, 9], values[11, 11] = 10, 10
    bodies = polygonize(write(path, values), 0.5, fill_holes_m2=20_000)
    assert len(bodies) == 1
    assert bodies.area.item() == 100 * 19**2
    assert bodies.pixels.item() == ((values >= 127) & (values < 255)).sum()
    one_hole_left = polygonize(path, 0.5, fill_holes_m2=500)
    assert len(one_hole_left) == 2


def test_holes_in_degrees_are_measured_on_the_ground(tmp_path):
    step = 1e-4
    transform = Affine(step, 0, 80, 0, -step, 60)
    path = write(tmp_path / "map.tif", ring(), transform, "EPSG:4326")
    hole = 9 * (step * 111_412) * (step * 111_412 * 0.5)
    assert len(polygonize(path, 0.5, fill_holes_m2=0.98 * hole).geometry.item().interiors) == 1
    assert len(polygonize(path, 0.5, fill_holes_m2=1.02 * hole).geometry.item().interiors) == 0


def test_a_body_across_many_bands_of_rows_is_whole(tmp_path):
    values = np.zeros((1300, 40), np.uint8)
    values[10:1290, 10:14] = 254
    values[510:514, 2:30] = 254
    bodies = polygonize(write(tmp_path / "map.tif", values), 0.5)
    assert bodies.pixels.tolist() == [1280 * 4 + 4 * 24]
    assert gpd.GeoSeries(bodies.geometry).geom_type.tolist() == ["Polygon"]


def test_another_kind_of_raster_is_a_mistake(tmp_path):
    path = write(tmp_path / "map.tif", np.zeros((20, 20), np.uint16))
    with pytest.raises(UserError, match="uint8"):
        polygonize(path, 0.5)
    with rasterio.open(
        path, "w", driver="GTiff", height=4, width=4, count=3, dtype="uint8", crs="EPSG:32644", transform=UTM
    ):
        pass
    with pytest.raises(UserError, match="3 of uint8"):
        polygonize(path, 0.5)


@given(rasters)
@settings(deadline=None, max_examples=30)
def test_filling_holes_below_the_smallest_changes_nothing(tmp_path_factory, values):
    """Two ways to the outlines: by parts, and by bodies that are repaired where they touch at corners."""
    path = write(tmp_path_factory.mktemp("bodies") / "map.tif", values)
    plain, filled = polygonize(path, 0.5), polygonize(path, 0.5, fill_holes_m2=50)
    assert plain.drop(columns="geometry").equals(filled.drop(columns="geometry"))
    assert (shapely.area(shapely.symmetric_difference(plain.geometry.values, filled.geometry.values)) == 0).all()


def test_a_second_band_is_the_spread_of_several_models(tmp_path):
    values = np.zeros((2, 40, 40), np.uint8)
    values[0, 5:10, 5:10], values[1, 5:10, 5:10] = 200, 20
    values[0, 20:30, 20:30], values[1, 20:30, 20:25], values[1, 20:30, 25:30] = 254, 0, 50
    values[1, 0:4] = 99  # the spread decides nothing
    path = tmp_path / "map.tif"
    with CogWriter(path, Grid(40, 40, UTM, CRS.from_epsg(32644)), count=2, nodata=255) as writer:
        writer.write(values, 0)
    bodies = polygonize(path, 0.5)
    assert bodies.pixels.tolist() == [25, 100]
    assert bodies.spread.tolist() == [round(20 / 254, 4), round(25 / 254, 4)]
    values[0] = 0
    with CogWriter(path, Grid(40, 40, UTM, CRS.from_epsg(32644)), count=2, nodata=255) as writer:
        writer.write(values, 0)
    assert "spread" in polygonize(path, 0.5)


def test_small_and_coarse_rasters_have_bodies_too(tmp_path):
    """81 pixels of 120 m, one row, one pixel."""
    coarse = Affine(120, 0, 500_000, 0, -120, 4_000_000)
    for shape in ((9, 9), (1, 7), (81, 1), (1, 1)):
        bodies = polygonize(write(tmp_path / "map.tif", np.full(shape, 254, np.uint8), coarse), 0.5)
        assert (bodies.pixels.item(), bodies.touches_edge.item()) == (shape[0] * shape[1], True)
        assert bodies.area.item() == 14_400 * bodies.pixels.item()


def test_noise_is_a_mistake_before_it_fills_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("lobate.network.polygonize.MAX_RUNS", 500)
    checks = (np.indices((1100, 20)).sum(axis=0) % 2 * 254).astype(np.uint8)
    with pytest.raises(UserError, match="more than 500 stretches: this is no map of bodies but noise"):
        polygonize(write(tmp_path / "map.tif", checks), 0.5)
