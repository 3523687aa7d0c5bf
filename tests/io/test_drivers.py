"""Only the drivers of the formats that lobate reads are left, and no file makes GDAL ask an address or open another file."""

from __future__ import annotations

import ast
import json
import socket
import subprocess
import sys
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import rasterio
from rasterio.transform import from_origin
from shapely.geometry import box

import lobate
from lobate.cli.main import main
from lobate.errors import UserError
from lobate.inventory.compare import read_inventory
from lobate.io.decisions import read_decisions_layer
from lobate.io.drivers import NO_NETWORK, RASTER_DRIVERS, TOOL_DRIVERS, VECTOR_DRIVERS
from lobate.io.raster import open_raster
from lobate.io.vector import layer_types, read_layer

PACKAGE = Path(lobate.__file__).parent


def fresh_process(code, *arguments):
    """Return what code prints in a process of its own, as JSON."""
    command = [sys.executable, "-W", "ignore", "-c", code, *map(str, arguments)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True, cwd=PACKAGE.parent).stdout)


LIST_RASTER_DRIVERS = "with rasterio.Env() as env: print(json.dumps(sorted(env.drivers())))"
MAKE_RASTERS = """
import json, sys, pathlib, numpy, rasterio, rasterio.shutil
folder, made = pathlib.Path(sys.argv[1]), {}
with rasterio.open(folder / "made.tif", "w", driver="GTiff", width=121, height=121, count=1, dtype="uint8", crs=4326,
                   transform=rasterio.Affine(1/120, 0, 80, 0, -1/120, 36)) as target:
    target.write(numpy.ones((1, 121, 121), "uint8"))
with rasterio.Env() as env:
    drivers = sorted(env.drivers())
for driver in drivers:
    path = folder / f"raster_{driver.replace(' ', '_')}"
    try:
        rasterio.shutil.copy(folder / "made.tif", path, driver=driver)
        with rasterio.open(path) as dataset:
            made[str(path)] = dataset.driver
    except Exception:
        pass
print(json.dumps(made))
"""
MAKE_OUTLINES = """
import json, sys, pathlib, geopandas, pyogrio
from shapely.geometry import box
folder, made = pathlib.Path(sys.argv[1]), {}
frame = geopandas.GeoDataFrame({"a": [1]}, geometry=[box(0, 0, 1, 1)], crs=4326)
for driver in sorted(pyogrio.list_drivers()):
    for suffix in (driver.split()[-1].lower(), "shp", "tab", "csv", "gdb", "xml"):
        path = folder / f"outlines_{driver.replace(' ', '_')}.{suffix}"
        try:
            pyogrio.write_dataframe(frame, path, driver=driver)
            pyogrio.list_layers(path)
            made[str(path)] = pyogrio.read_info(path)["driver"]
            break
        except BaseException:
            pass
print(json.dumps(made))
"""


GEOJSON_TOO = ("JSONFG",)
"""Formats whose files are GeoJSON as well."""


def test_only_the_drivers_of_known_formats_are_left_in_a_process():
    everything = fresh_process(f"import json, rasterio\n{LIST_RASTER_DRIVERS}")
    assert {"VRT", "WMS", "HTTP", "GTiff"} <= {*everything}
    for order in ("import rasterio, lobate.io.raster", "import lobate.io.raster, rasterio"):
        left = {*fresh_process(f"import json\n{order}\n{LIST_RASTER_DRIVERS}")}
        assert left == {*everything} & {*RASTER_DRIVERS, *TOOL_DRIVERS}
        assert left >= {"GTiff", "JP2OpenJPEG", "AAIGrid", "ENVI", "EHdr", "HFA", "COG", "MEM"}
    show = "print(json.dumps(sorted(pyogrio.list_drivers())))"
    everything = fresh_process(f"import json, pyogrio\n{show}")
    assert {"OGR_VRT", "WFS", "GDALG", "OAPIF"} <= {*everything}
    left = {*fresh_process(f"import json, pyogrio, lobate.io.vector\n{show}")}
    assert left == {*everything} & {*VECTOR_DRIVERS}
    assert left >= {"GPKG", "GeoJSON", "ESRI Shapefile", "LIBKML", "FlatGeobuf", "MapInfo File"}


def test_each_format_that_rasterio_can_write_opens_only_when_it_is_allowed(tmp_path):
    made = fresh_process(MAKE_RASTERS, tmp_path)
    assert len(made) > 40
    opened = set()
    for path, driver in made.items():
        try:
            with open_raster(path, require_place=False) as dataset:
                dataset.read()
            opened.add(driver)
        except UserError:
            assert driver not in RASTER_DRIVERS, path
    assert opened == {*made.values()} & {*RASTER_DRIVERS}


def test_each_format_that_pyogrio_can_write_is_read_and_listed_only_when_it_is_allowed(tmp_path):
    made = fresh_process(MAKE_OUTLINES, tmp_path)
    assert len({*made.values()}) > 12
    for path, driver in made.items():
        if driver in VECTOR_DRIVERS or driver in GEOJSON_TOO:
            assert layer_types(Path(path))
        else:
            with pytest.raises((pyogrio.errors.DataSourceError, UserError)):
                layer_types(Path(path))
            with pytest.raises(UserError, match="cannot be read"):
                read_layer(path)


@pytest.mark.parametrize("name", sorted(str(file.relative_to(PACKAGE)) for file in PACKAGE.rglob("*.py")))
def test_files_are_opened_where_the_drivers_are_limited(name):
    """A module that calls rasterio or pyogrio for a file imports ``io.raster`` or ``io.vector``, which limit the drivers."""
    tree = ast.parse((PACKAGE / name).read_text(encoding="utf-8"))
    calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    imports = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    if any(call.startswith(("pyogrio.read", "pyogrio.list", "gpd.read_file")) for call in calls):
        assert name == "io/vector.py" or "lobate.io.vector" in imports
    assert name == "io/vector.py" or "pyogrio.list_layers" not in calls, "layer_types looks at the file first"
    opens = [
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "rasterio.open"
    ]
    assert all(len(node.args) > 1 for node in opens), "rasterio.open is for writing; open_raster reads"


@pytest.fixture
def server():
    """A socket that listens and never answers, with its address; it is asked by nobody."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(BlockingIOError):
            listener.accept()


def geojson(**members):
    shape = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}
    feature = {"type": "Feature", "properties": {"status": "accepted"}, "geometry": shape}
    return json.dumps({"type": "FeatureCollection", **members, "features": [feature]})


def linked_crs(kind, server):
    return geojson(crs={"type": kind, "properties": {"href": f"{server}/crs", "url": f"{server}/crs"}})


GML = """<wfs:FeatureCollection xmlns:wfs="http://www.opengis.net/wfs" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
 xsi:schemaLocation="http://a/ SERVER/wfs?REQUEST=DescribeFeatureType&amp;VERSION=1.1.0&amp;TYPENAME=a" xmlns:a="http://a/"
 xmlns:gml="http://www.opengis.net/gml"><gml:featureMember><a:a fid="f.0"><a:b>1</a:b></a:a></gml:featureMember></wfs:FeatureCollection>"""
VECTOR_POINTERS = {
    "vrt": "<OGRVRTDataSource><OGRVRTLayer name='a'><SrcDataSource>/vsicurl/SERVER/x.geojson</SrcDataSource></OGRVRTLayer>"
    "</OGRVRTDataSource>",
    "wfs": "<OGRWFSDataSource><URL>SERVER/wfs</URL></OGRWFSDataSource>",
    "csw": "<OGRCSWDataSource><URL>SERVER/csw</URL></OGRCSWDataSource>",
    "gdalg": '{"type": "gdal_streamed_alg", "command_line": "gdal vector pipeline ! read /vsicurl/SERVER/x.geojson"}',
    "gml": GML,
    "oapif": '{"links": [{"rel": "data", "href": "SERVER/collections"}], "title": "a", "conformsTo": []}',
    "link": linked_crs("link", "SERVER"),
    "url": linked_crs("URL", "SERVER"),
    "escaped": linked_crs("link", "SERVER").replace('"crs"', '"\\u0063rs"').replace('"link"', '"l\\u0069nk"'),
}


@pytest.mark.parametrize("suffix", [".geojson", ".gpkg", ".kml", ".tab", ".json"])
@pytest.mark.parametrize("kind", VECTOR_POINTERS)
def test_outlines_that_lead_elsewhere_are_refused_without_a_question_to_a_server(tmp_path, server, kind, suffix):
    path = tmp_path / f"outlines{suffix}"
    path.write_text(VECTOR_POINTERS[kind].replace("SERVER", server))
    for read in (read_layer, read_decisions_layer, read_inventory):
        with pytest.raises(UserError) as error:
            read(path)
        assert "\n" not in str(error.value)
    assert main(["compare", str(path), str(path)]) == 2


RASTER_POINTERS = {
    "vrt": "<VRTDataset rasterXSize='20' rasterYSize='20'><VRTRasterBand dataType='Byte' band='1'><SimpleSource>"
    "<SourceFilename>/vsicurl/SERVER/a.tif</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>",
    "wms": "<GDAL_WMS><Service name='TMS'><ServerUrl>SERVER/${z}/${x}/${y}.png</ServerUrl></Service><DataWindow><UpperLeftX>0"
    "</UpperLeftX><UpperLeftY>9</UpperLeftY><LowerRightX>9</LowerRightX><LowerRightY>0</LowerRightY><TileLevel>2</TileLevel>"
    "</DataWindow><Projection>EPSG:3857</Projection><BandsCount>3</BandsCount></GDAL_WMS>",
    "wmts": "<GDAL_WMTS><GetCapabilitiesUrl>SERVER/wmts</GetCapabilitiesUrl></GDAL_WMTS>",
    "wcs": "<WCS_GDAL><ServiceURL>SERVER/wcs?</ServiceURL><CoverageName>a</CoverageName></WCS_GDAL>",
    "tiles": "<GDALTileIndexDataset><IndexDataset>/vsicurl/SERVER/a.gpkg</IndexDataset></GDALTileIndexDataset>",
    "mrf": "<MRF_META><CachedSource><Source>/vsicurl/SERVER/a.tif</Source></CachedSource><Raster><Size x='9' y='9'/></Raster></MRF_META>",
}


@pytest.mark.parametrize("suffix", [".tif", ".vrt", ".jp2", ".asc"])
@pytest.mark.parametrize("kind", RASTER_POINTERS)
def test_a_raster_that_leads_elsewhere_is_refused_without_a_question_to_a_server(tmp_path, server, kind, suffix):
    path = tmp_path / f"dem{suffix}"
    path.write_text(RASTER_POINTERS[kind].replace("SERVER", server))
    with pytest.raises(UserError, match="only points to other files or addresses"), open_raster(path):
        pass


def image(path, **tags):
    place = {"crs": "EPSG:32644", "transform": from_origin(500_000, 4_000_000, 10, 10)}
    with rasterio.open(path, "w", driver="GTiff", width=64, height=64, count=1, dtype="uint8", **place) as target:
        target.write(np.ones((1, 64, 64), "uint8"))
        if tags:
            target.update_tags(ns="OVERVIEWS", **tags)
    return path


PAM = "<PAMDataset><Metadata domain='OVERVIEWS'><MDI key='OVERVIEW_FILE'>{}</MDI></Metadata></PAMDataset>"


@pytest.mark.parametrize("suffix", [".ovr", ".msk", ".msk.ovr", ".aux.xml"])
@pytest.mark.parametrize("kind", ["vrt", "wms", "wcs"])
def test_a_file_beside_a_raster_leads_nowhere(tmp_path, server, kind, suffix):
    path = image(tmp_path / "a.tif")
    side = path.with_name(f"a.tif{suffix}")
    text = RASTER_POINTERS[kind] if suffix != ".aux.xml" else PAM.format(f"/vsicurl/SERVER/{kind}.tif")
    side.write_text(text.replace("SERVER", server))
    if suffix == ".msk.ovr":
        image(path.with_name("a.tif.msk"))
    with pytest.raises(UserError, match=r"Delete it|does not belong to it"), open_raster(path) as dataset:
        dataset.read(1, out_shape=(8, 8))


@pytest.mark.parametrize("where", ["{server}/o.tif", "/vsicurl/{server}/o.tif", "{folder}/other.tif"])
def test_a_raster_takes_no_overviews_from_elsewhere_by_its_own_tags(tmp_path, server, where):
    image(tmp_path / "other.tif")
    path = image(tmp_path / "a.tif", OVERVIEW_FILE=where.format(server=server, folder=tmp_path))
    with pytest.raises(UserError, match="takes its overviews from"), open_raster(path) as dataset:
        dataset.read(1, out_shape=(8, 8))


def test_gdal_itself_reaches_no_address(server):
    """What the checks of files might miss ends at a port where nothing answers."""
    for address in (f"/vsicurl/{server}/a.tif", f"{server}/a.tif"):
        with pytest.raises(rasterio.errors.RasterioIOError):
            rasterio.open(address)
        with pytest.raises(pyogrio.errors.DataSourceError):
            pyogrio.read_info(address.replace(".tif", ".geojson"))
    assert NO_NETWORK["GDAL_HTTP_PROXY"].startswith("http://127.0.0.1:")


@pytest.mark.parametrize(
    "text",
    ['!table\n!version 100\nOpen Table "other" Hide\nCreate View a As Select * From other\n', "!table\nopen table x\n"],
)
def test_a_table_of_mapinfo_that_joins_others_is_refused(tmp_path, text):
    path = tmp_path / "a.tab"
    path.write_text(text)
    with pytest.raises(UserError, match="only points to data in other files"):
        read_layer(path)


def test_an_erdas_image_whose_pixels_are_in_a_file_of_another_name_is_refused(tmp_path):
    image(tmp_path / "a.tif")
    rasterio.shutil.copy(tmp_path / "a.tif", tmp_path / "big.img", driver="HFA", USE_SPILL="YES")
    with open_raster(tmp_path / "big.img") as dataset:
        assert dataset.read().any()
    whole = (tmp_path / "big.img").read_bytes()
    (tmp_path / "dem.img").write_bytes(whole)
    with pytest.raises(UserError, match=r"big\.ige, which does not belong to it"), open_raster(tmp_path / "dem.img"):
        pass


def test_ordinary_geojson_with_a_named_crs_and_fields_of_any_name_is_read(tmp_path):
    frame = gpd.GeoDataFrame({"url": ["link"], "crs": ["url"]}, geometry=[box(0, 0, 1, 1)], crs=32644)
    frame.to_file(tmp_path / "a.geojson", driver="GeoJSON")
    assert read_layer(tmp_path / "a.geojson").crs.to_epsg() == 32644
