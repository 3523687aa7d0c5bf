"""Whatever GDAL reads beside a file is part of its digest and of its fingerprint: tried by effect, not by a list."""

from __future__ import annotations

import shutil

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.enums import Resampling
from shapely.geometry import box

from lobate.errors import UserError
from lobate.io.beside import side_files
from lobate.io.digest import content_digest, file_in, files_of, quick_fingerprint
from lobate.io.raster import open_raster
from lobate.io.vector import read_layer

SIDE = 40
PLACE = Affine(10, 0, 500_000, 0, -10, 4_000_000)
WKT = rasterio.crs.CRS.from_epsg(32645).to_wkt(version="WKT1_ESRI")

RASTERS = {
    "a.tif": {"driver": "GTiff"},
    "B.TIFF": {"driver": "GTiff", "crs": None, "transform": None},
    "c.tif": {"driver": "GTiff", "crs": None, "transform": None},
    "d.jp2": {"driver": "JP2OpenJPEG", "quality": 100, "reversible": "yes"},
    "e.asc": {"driver": "AAIGrid"},
    "f.bil": {"driver": "EHdr"},
    "g.img": {"driver": "ENVI"},
    "h": {"driver": "ENVI"},
    "i.json": {"driver": "ENVI"},
    "j.img": {"driver": "HFA"},
    "k.sdat": {"driver": "SAGA"},
    "l.dt0": {"driver": "DTED"},
    "N35E080.hgt": {"driver": "SRTMHGT"},
}
READ_BESIDE = {
    "a.tif": ("a.tif.aux.xml", "a.tif.ovr", "a.tif.msk"),
    "B.TIFF": ("B.tiffw", "B.TFW", "B.tab", "B.wld"),
    "c.tif": ("c.tfw", "c.tifw", "c.TFW", "c.tab", "c.wld"),
    "d.jp2": ("d.jp2.aux.xml", "d.jp2.ovr"),
    "e.asc": ("e.prj", "e.asc.aux.xml"),
    "f.bil": ("f.hdr", "f.prj"),
    "g.img": ("g.hdr",),
    "h": ("h.hdr",),
    "j.img": ("j.img.aux.xml",),
    "k.sdat": ("k.sgrd", "k.prj"),
}
"""Names that are known to change what is read of a file; the test must find them."""
REPLACING = [
    "aux",
    "aux.xml",
    "ovr",
    "msk",
    "hdr",
    "prj",
    "clr",
    "stx",
    "sta",
    "ige",
    "rrd",
    "sgrd",
    "mgrd",
    "sdat",
    "wld",
    "tfw",
    "tifw",
    "tiffw",
    "j2w",
    "jp2w",
    "asw",
    "ascw",
    "blw",
    "bilw",
    "igw",
    "imgw",
    "dtw",
    "datw",
    "sw",
    "sdatw",
    "hgw",
    "hgtw",
    "dt0w",
    "tab",
    "rpb",
    "rpc",
    "imd",
    "pvl",
    "xml",
    "met",
    "txt",
    "dat",
    "cpg",
    "vat.dbf",
    "tif.ovr",
    "qml",
    "lgo",
    "csvt",
    "xsd",
    "gfs",
]
APPENDED = [
    "aux",
    "aux.xml",
    "ovr",
    "msk",
    "hdr",
    "prj",
    "wld",
    "tab",
    "xml",
    "ovr.ovr",
    "msk.ovr",
    "msk.aux.xml",
    "ovr.aux.xml",
    "ovr.msk",
    "rpb",
    "rrd",
    "w",
    "clr",
]
CAPITALS = ["AUX.XML", "HDR", "PRJ", "WLD", "TFW", "TAB", "OVR", "SGRD"]
SLOW = ("l.dt0", "N35E080.hgt")
"""Formats with files of one size only, tried with few names."""


def raster(folder, name):
    """Write a raster of pixels 1, 2, 3, ... in a format."""
    options = dict(RASTERS[name])
    driver = options.pop("driver")
    lonlat = driver in ("DTED", "SRTMHGT")
    side = {"DTED": 121, "SRTMHGT": 1201}.get(driver, SIDE)
    place = {"crs": "EPSG:32644", "transform": PLACE} | {
        key: options.pop(key) for key in ("crs", "transform") if key in options
    }
    if lonlat:
        step = 1 / (side - 1)
        place = {"crs": "EPSG:4326", "transform": Affine(step, 0, 80 - step / 2, 0, -step, 36 + step / 2)}
    pixels = (np.arange(side * side) % 200 + 1).reshape(1, side, side).astype("int16" if lonlat else "uint8")
    made = {"driver": "GTiff", "width": side, "height": side, "count": 1, "dtype": pixels.dtype, **place}
    with rasterio.open(folder / "made.tif", "w", **made) as target:
        target.write(pixels)
    rasterio.shutil.copy(folder / "made.tif", folder / name, driver=driver, **options)
    (folder / "made.tif").unlink()
    return folder / name


@pytest.fixture(scope="module")
def contents(tmp_path_factory):
    """Contents of side files that change what is read, whatever their names."""
    folder = tmp_path_factory.mktemp("contents")
    half = {"driver": "GTiff", "width": SIDE // 2, "height": SIDE // 2, "count": 1, "dtype": "uint8"}
    with rasterio.open(folder / "half.tif", "w", **half) as target:
        target.write(np.full((1, SIDE // 2, SIDE // 2), 7, "uint8"))
        target.update_tags(INTERNAL_MASK_FLAGS_1="2")
    whole = half | {"width": SIDE, "height": SIDE}
    with rasterio.open(folder / "mask.tif", "w", **whole) as target:
        target.write(np.eye(SIDE, dtype="uint8")[np.newaxis] * 255)
        target.update_tags(INTERNAL_MASK_FLAGS_1="2")
    pam = "<PAMDataset>{}<PAMRasterBand band='1'>{}</PAMRasterBand></PAMDataset>"
    band = "<Description>red</Description><NoDataValue>5</NoDataValue>"
    return {
        "overview": (folder / "half.tif").read_bytes(),
        "mask": (folder / "mask.tif").read_bytes(),
        "world": b"20\n0\n0\n-20\n600000\n4100000\n",
        "projection": WKT.encode(),
        "scale": pam.format("", "<Offset>3</Offset><Scale>2</Scale>").encode(),
        "place": pam.format(f"<SRS>{WKT}</SRS><GeoTransform>7, 30, 0, 9, 0, -30</GeoTransform>", band).encode(),
        "envi": b"ENVI\nsamples = 20\nlines = 20\nbands = 1\nheader offset = 3\ndata type = 1\ninterleave = bsq\nbyte order = 0\n",
        "bil": b"NROWS 20\nNCOLS 20\nNBANDS 1\nNBITS 8\nLAYOUT BIL\nULXMAP 10\nULYMAP 20\nXDIM 3\nYDIM 3\nNODATA 4\n",
        "saga": b"NAME = x\nDATAFORMAT = BYTE_UNSIGNED\nPOSITION_XMIN = 5\nPOSITION_YMIN = 5\nCELLCOUNT_X = 20\nCELLCOUNT_Y = 20\n"
        b"CELLSIZE = 3\nNODATA_VALUE = 9\nZ_FACTOR = 1\n",
        "table": b'!table\n!version 300\n!charset WindowsLatin1\n\nDefinition Table\n  File "x.tif"\n  Type "RASTER"\n'
        b'  (600000,4100000) (0,0) Label "a",\n  (600800,4100000) (40,0) Label "b",\n  (600000,4099200) (0,40) Label "c"\n'
        b'  CoordSys Earth Projection 8, 104, "m", 81, 0, 0.9996, 500000, 0\n  Units "m"\n',
    }


def read_raster(path):
    """Return all that lobate may read of a raster, or the error."""
    try:
        with open_raster(path, require_place=False) as dataset:
            small = (dataset.count, dataset.height // 2, dataset.width // 2)
            return (
                dataset.driver,
                dataset.transform,
                dataset.crs and dataset.crs.to_wkt(),
                dataset.scales,
                dataset.offsets,
                dataset.nodatavals,
                dataset.descriptions,
                dataset.dtypes,
                dataset.colorinterp,
                dataset.read().tobytes(),
                dataset.read(out_shape=small, resampling=Resampling.nearest).tobytes(),
                dataset.dataset_mask().tobytes(),
                dataset.read_masks(1, out_shape=small[1:]).tobytes(),
            )
    except UserError as error:
        return str(error)


def effects(path, candidates, contents, read):
    """Return the side files that change what is read, and those of them that change no digest or no fingerprint."""
    before, digests = read(path), (content_digest(path), quick_fingerprint(path))
    effective, unseen = set(), set()
    for candidate in candidates:
        kept = candidate.read_bytes() if candidate.exists() else None
        for kind, content in contents.items():
            candidate.write_bytes(content)
            if (found := read(path)) != before:
                effective.add(candidate.name)
                if isinstance(found, str):
                    continue  # nothing is read, so nothing wrong is kept
                now = content_digest(path), quick_fingerprint(path)
                if now[0] == digests[0] or now[1] == digests[1]:
                    unseen.add(f"{candidate.name}: {kind}")
        candidate.unlink()
        if kept is not None:
            candidate.write_bytes(kept)
    assert read(path) == before
    assert (content_digest(path), quick_fingerprint(path)) == digests
    return effective, unseen


def candidates(path):
    appended = ("aux.xml", "ovr", "msk") if path.name in SLOW else APPENDED
    replacing = ("prj", "hdr", "wld", "tab") if path.name in SLOW else (*REPLACING, *CAPITALS)
    names = {f"{path.stem}.{suffix}" for suffix in replacing} | {f"{path.name}.{suffix}" for suffix in appended}
    return [path.with_name(name) for name in sorted({*names, f"{path.stem}_RPC.TXT"} - {path.name})]


@pytest.mark.parametrize("name", RASTERS)
def test_all_that_changes_the_reading_of_a_raster_changes_its_digest(tmp_path, contents, name):
    path = raster(tmp_path, name)
    assert not isinstance(read_raster(path), str)
    effective, unseen = effects(path, candidates(path), contents, read_raster)
    assert not unseen
    assert effective >= {*READ_BESIDE.get(name, ())}


VECTORS = {
    "a.shp": "ESRI Shapefile",
    "b.dbf": "ESRI Shapefile",
    "c.gpkg": "GPKG",
    "d.geojson": "GeoJSON",
    "e.geojsonl": "GeoJSONSeq",
    "f.fgb": "FlatGeobuf",
    "g.kml": "LIBKML",
    "h.tab": "MapInfo File",
    "i.mif": "MapInfo File",
    "j.csv": "CSV",
}
VECTORS_READ_BESIDE = {
    ".shp": (".dbf", ".prj", ".cpg", ".shx"),
    ".dbf": (".shp", ".prj"),
    ".tab": (".dat", ".map", ".id"),
    ".mif": (".mid",),
    ".csv": (".prj",),
}
VECTOR_SIDES = [
    "shp",
    "shx",
    "dbf",
    "prj",
    "cpg",
    "qix",
    "sbn",
    "sbx",
    "shp.xml",
    "qpj",
    "tab",
    "dat",
    "map",
    "id",
    "ind",
    "mif",
    "mid",
    "tda",
    "tin",
    "tma",
    "csvt",
    "gfs",
    "xsd",
    "xml",
    "aux.xml",
    "wld",
    "hdr",
    "qml",
    "qmd",
    "lyr",
    "idm",
    "json",
    "gpkg-journal",
    "gpkg.aux.xml",
    "PRJ",
    "CPG",
    "DBF",
    "CSVT",
]


def vector(folder, name, fields=("one", "two"), shift=0.0):
    """Write three squares with a text of letters beyond ASCII."""
    crs = 4326 if VECTORS[name] in ("GeoJSON", "GeoJSONSeq", "LIBKML", "CSV") else 32644
    squares = [box(x + shift, 1, x + 1 + shift, 2) for x in range(3)]
    frame = gpd.GeoDataFrame({name: ["é", "b", "c"] for name in fields}, geometry=squares, crs=crs)
    options = {"GEOMETRY": "AS_WKT", "CREATE_CSVT": "YES"} if VECTORS[name] == "CSV" else {}
    written = (folder / name).with_suffix(".shp") if name.endswith(".dbf") else folder / name
    frame.to_file(written, driver=VECTORS[name], **options)
    if VECTORS[name] == "CSV":
        (folder / name).with_suffix(".prj").write_text(WKT)
    return folder / name


def read_vector(path):
    """Return all that lobate may read of a vector file, or the error."""
    try:
        frame = read_layer(path)
    except UserError as error:
        return str(error)
    return frame.to_wkb().to_csv(), frame.crs.to_wkt(), frame.dtypes.to_string()


@pytest.mark.parametrize("name", VECTORS)
def test_all_that_changes_the_reading_of_outlines_changes_their_digest(tmp_path, name):
    other = tmp_path / "other"
    other.mkdir()
    parts = vector(other, name, ("one", "three"), 5.0).parent.glob("*")
    contents = {f"other {part.suffix}": part.read_bytes() for part in parts}
    contents |= {
        "projection": WKT.encode(),
        "encoding": b"UTF-16",
        "types": b'"WKT","Integer","String"',
        "junk": b"junk",
    }
    path = vector(tmp_path, name)
    assert not isinstance(read_vector(path), str)
    sides = [path.with_suffix(f".{suffix}") for suffix in VECTOR_SIDES]
    effective, unseen = effects(path, [side for side in sides if side != path], contents, read_vector)
    assert not unseen
    assert effective >= {path.with_suffix(suffix).name for suffix in VECTORS_READ_BESIDE.get(path.suffix, ())}


@pytest.mark.parametrize("name", ["a.tif", "d.jp2"])
def test_a_neighbour_that_is_not_read_changes_nothing(tmp_path, name):
    path = raster(tmp_path, name)
    digest = content_digest(path)
    names = f"{path.stem}2{path.suffix}", f"{path.stem}.gpkg", f"{path.stem}.json", f"{path.stem}_classes.tif", "x.ovr"
    for neighbour in names:
        path.with_name(neighbour).write_bytes(b"II*\0")
    path.with_name(f"{path.name}.aux.xml").write_text(
        "<PAMDataset><PAMRasterBand band='1'><Histograms><HistItem/></Histograms><Metadata>"
        '<MDI key="STATISTICS_MEAN">3</MDI></Metadata></PAMRasterBand></PAMDataset>'
    )
    assert content_digest(path) == digest


def test_a_geopackage_beside_a_shapefile_keeps_its_digest(tmp_path):
    path = vector(tmp_path, "c.gpkg")
    digest = content_digest(path)
    shutil.copy(vector(tmp_path, "a.shp").with_suffix(".prj"), tmp_path / "c.prj")
    assert files_of(path) == {"": path}
    assert content_digest(path) == digest


def test_an_image_and_a_shapefile_of_the_usual_parts_keep_their_keys(tmp_path):
    path = raster(tmp_path, "a.tif")
    assert files_of(path) == {"": path}
    for suffix in (".tfw", ".wld"):
        path.with_suffix(suffix).write_text("1")
    assert files_of(path) == {"": path, "*.tfw": tmp_path / "a.tfw", "*.wld": tmp_path / "a.wld"}
    assert sorted(files_of(vector(tmp_path, "a.shp"))) == [".cpg", ".dbf", ".prj", ".shp", ".shx"]


def test_a_tile_of_srtm_counts_its_name(tmp_path):
    for name in ("N35E080.hgt", "N36E080.hgt"):
        (tmp_path / name).write_bytes(b"same")
    assert content_digest(tmp_path / "N35E080.hgt") != content_digest(tmp_path / "N36E080.hgt")
    assert file_in(tmp_path / "N35E080.hgt", "N35E080.hgt") == tmp_path / "N35E080.hgt"


def test_side_files_stand_where_the_family_put_them(tmp_path):
    path = raster(tmp_path, "j.img")
    for name in ("j.img.aux.xml", "j.img.msk.ovr", "j.img.msk", "j.rrd", "j.img.hdr", "j.igw"):
        (tmp_path / name).write_text("x")
    found = side_files(path)
    assert sorted(found) == ["*..hdr", "*.aux.xml", "*.igw", "*.msk", "*.msk.ovr", "*.rrd"]
    assert all(file_in(path, name) == file for name, file in found.items())


def test_side_files_are_found_in_a_folder_that_cannot_be_listed(tmp_path, monkeypatch):
    path = raster(tmp_path, "a.tif")
    (tmp_path / "a.TFW").write_text("1")
    monkeypatch.setattr("lobate.io.beside._members", lambda folder: {})
    assert list(files_of(path).values()) == [path, tmp_path / "a.TFW"]


def test_a_side_file_is_seen_at_once(tmp_path):
    path = raster(tmp_path, "a.tif")
    digests = {content_digest(path)}
    for suffix in ("tfw", "wld", "tab", "tifw"):
        path.with_suffix(f".{suffix}").write_text("1")
        digests.add(content_digest(path))
    assert len(digests) == 5
