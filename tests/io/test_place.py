"""A raster or outlines without a place on Earth are refused; the advice places it, and what is placed is taken."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.warp import transform as warp_points
from shapely.geometry import box

from lobate.errors import UserError
from lobate.inventory.compare import read_inventory
from lobate.inventory.decisions import read_decisions
from lobate.io.features import opened_source, read_features
from lobate.io.raster import open_raster
from lobate.labels.outlines import read_outlines
from lobate.settings.base import PolygonFile

SIDE, LEFT, TOP, PIXEL = 40, 500_000.0, 4_000_000.0, 10.0
PLACED = Affine(PIXEL, 0, LEFT, 0, -PIXEL, TOP)
CORNERS = [(0, 0), (0, SIDE), (SIDE, 0), (SIDE, SIDE)]
LOCAL = (
    'LOCAL_CS["site",UNIT["metre",1]]',
    'ENGCRS["mine",EDATUM["x"],CS[Cartesian,2],AXIS["x",east],AXIS["y",north],LENGTHUNIT["metre",1]]',
    "EPSG:4978",
)


def write(path, **place):
    with rasterio.open(path, "w", driver="GTiff", count=1, dtype="uint8", height=SIDE, width=SIDE, **place) as target:
        target.write(np.random.default_rng(0).integers(1, 255, (1, SIDE, SIDE)).astype("uint8"))
    return path


def control_points(crs):
    points = []
    for row, col in CORNERS:
        (x,), (y,) = warp_points("EPSG:32644", crs, [LEFT + PIXEL * col], [TOP - PIXEL * row])
        points.append(GroundControlPoint(row, col, x, y))
    return points


def refused(path):
    with pytest.raises(UserError) as caught, open_raster(path):
        pass
    message = str(caught.value)
    assert "\n" not in message and str(path) in message
    return message


@pytest.mark.parametrize("crs", ["EPSG:32644", "EPSG:4326", "EPSG:3857"])
def test_the_line_for_control_points_places_them(tmp_path, crs):
    path = write(tmp_path / "points.tif", gcps=control_points(crs), crs=crs)
    message = refused(path)
    assert "placed by ground control points only" in message
    line = re.search(r"gdalwarp -t_srs \S+ -dstalpha points\.tif points_placed\.tif", message)[0]
    if not shutil.which("gdalwarp"):
        pytest.skip("no gdalwarp")
    subprocess.run(shlex.split(f"{line} -q"), cwd=tmp_path, check=True)
    with open_raster(tmp_path / "points_placed.tif") as placed:
        (left,), (top,) = warp_points(placed.crs, "EPSG:32644", [placed.bounds.left], [placed.bounds.top])
        assert abs(left - LEFT) < 2 * PIXEL and abs(top - TOP) < 2 * PIXEL


def test_control_points_without_a_system_are_asked_for_it(tmp_path):
    assert "gdalwarp -s_srs EPSG:<code of the points> -t_srs" in refused(
        write(tmp_path / "points.tif", gcps=control_points("EPSG:32644"), crs=CRS())
    )


@pytest.mark.parametrize("transform", [None, Affine.identity(), Affine.scale(1, -1)])
def test_a_crs_alone_is_no_place(tmp_path, transform):
    path = write(tmp_path / "bare.tif", crs="EPSG:32644", **({"transform": transform} if transform else {}))
    message = refused(path)
    assert "has a coordinate reference system, but no geotransform" in message
    line = re.search(r"gdal_translate -a_ullr .*", message)[0]
    if not shutil.which("gdal_translate"):
        pytest.skip("no gdal_translate")
    corners = {"<left>": LEFT, "<top>": TOP, "<right>": LEFT + SIDE * PIXEL, "<bottom>": TOP - SIDE * PIXEL}
    for word, value in corners.items():
        line = line.replace(word, str(value))
    subprocess.run(shlex.split(f"{line} -q"), cwd=tmp_path, check=True)
    with open_raster(tmp_path / "bare_placed.tif") as placed:
        assert placed.transform == PLACED


def test_neither_is_told_in_one_go(tmp_path):
    message = refused(write(tmp_path / "none.tif"))
    assert "has no coordinate reference system and no geotransform" in message
    assert "gdal_translate -a_srs EPSG:<code> -a_ullr" in message


def test_a_geotransform_alone_is_no_place(tmp_path):
    assert "has no coordinate reference system, so" in refused(write(tmp_path / "none.tif", transform=PLACED))


@pytest.mark.parametrize("crs", LOCAL)
def test_a_local_system_is_no_place(tmp_path, crs):
    assert "local or engineering" in refused(write(tmp_path / "local.tif", transform=PLACED, crs=crs))


def test_degrees_beyond_the_earth_are_another_system_s(tmp_path):
    message = refused(write(tmp_path / "wrong.tif", transform=PLACED, crs="EPSG:4326"))
    assert "whose coordinates are degrees" in message and "500000" in message


@pytest.mark.parametrize("crs", ["EPSG:32644", "EPSG:32644+5773", "EPSG:3413", "ESRI:102025"])
def test_a_placed_raster_is_taken(tmp_path, crs):
    with open_raster(write(tmp_path / "placed.tif", transform=PLACED, crs=crs)) as raster:
        assert raster.crs.is_projected


def test_a_global_grid_that_counts_from_centres_is_taken(tmp_path):
    path = write(tmp_path / "globe.tif", transform=Affine(9.25, 0, -182, 0, -4.55, 91), crs="EPSG:4326")
    with open_raster(path) as raster:
        assert raster.bounds.top == 91


@pytest.mark.parametrize(
    "outline",
    [box(36.0, 183.0, 36.1, 183.1), box(500_000, 3_999_000, 500_200, 3_999_200)],
    ids=["latitude and longitude exchanged", "metres called degrees"],
)
def test_outlines_past_the_poles_are_of_another_system(tmp_path, outline):
    frame = gpd.GeoDataFrame({"id": ["a", "b"]}, geometry=[box(83, 34, 83.1, 34.1), outline], crs="EPSG:4326")
    frame.to_file(tmp_path / "a.gpkg")
    with pytest.raises(
        UserError, match=r"a\.gpkg.*WGS 84.*feature 2 reaches from .*1 such features.*assign the right one"
    ):
        read_features(tmp_path / "a.gpkg")


def as_labels(path):
    return read_outlines(path, PolygonFile(path=str(path)), "positive")


def bounds_of(path):
    """What `lobate check` reads of a file that it need not read whole."""
    with opened_source(path) as source:
        return source.bounds(None)


def test_outlines_beyond_180_and_at_the_pole_are_taken(tmp_path):
    """Some count from 0 to 360, and some cut at 180 by going on."""
    outlines = [box(179.9, 66, 180.1, 66.1), box(300, -90, 301, -89), box(-181, 89, -180, 90)]
    gpd.GeoDataFrame({"id": [1, 2, 3]}, geometry=outlines, crs="EPSG:4326").to_file(tmp_path / "a.gpkg")
    assert len(read_features(tmp_path / "a.gpkg")) == 3


EVERY_READER = (read_features, read_decisions, read_inventory, as_labels, bounds_of)


@pytest.mark.parametrize("reader", EVERY_READER, ids=lambda reader: reader.__name__)
@pytest.mark.parametrize(
    ("outline", "crs", "says"),
    [
        (box(0, 0, 300, 300), LOCAL[0], "is in site, a local, engineering or geocentric"),
        (box(1e6, 5e6, 1e6 + 300, 5e6 + 300), "EPSG:4978", "is in WGS 84, a local, engineering or geocentric"),
        (box(5e8, 4e6, 5e8 + 300, 4e6 + 300), "EPSG:32644", "unit is the metre, but feature 1 .*are of another system"),
        (box(83, 34, 83.01, 34.01), "EPSG:32644", "unit is the metre, but feature 1 .*These are degrees"),
        (box(83, 34, 83.01, 34.01), "EPSG:2225", "unit is the US survey foot, but .*These are degrees"),
    ],
    ids=["local", "geocentric", "outside its projection", "degrees called metres", "degrees called feet"],
)
def test_outlines_without_a_place_are_refused_by_every_reader(tmp_path, reader, outline, crs, says):
    frame = gpd.GeoDataFrame({"id": ["a"], "status": ["accepted"]}, geometry=[outline], crs=crs)
    frame.to_file(tmp_path / "a.gpkg", layer="review")
    with pytest.raises(UserError, match=rf"a\.gpkg.*{says}.*Layer > Set CRS") as caught:
        reader(tmp_path / "a.gpkg")
    assert "\n" not in str(caught.value)


def test_a_small_outline_by_the_origin_of_its_system_is_taken(tmp_path):
    """A site may have a system of its own, with the origin in the landform."""
    crs = "+proj=laea +lat_0=34 +lon_0=83 +datum=WGS84 +units=m"
    gpd.GeoDataFrame({"id": ["a"]}, geometry=[box(-20, -20, 20, 20)], crs=crs).to_file(tmp_path / "a.gpkg")
    assert len(read_features(tmp_path / "a.gpkg")) == 1
