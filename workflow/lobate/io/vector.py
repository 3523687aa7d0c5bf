"""Reading vector layers with mistakes told, writing GeoPackages that are the same bytes for the same content, and
geodesic measures on the WGS84 ellipsoid.

Files of outlines as people send them, made readable: zipped ones unpacked, a Shapefile's lost index made again.

Both happen in a folder that is gone afterwards; the file itself is never touched. A zip is not trusted: nothing is
written outside the folder, and nothing that would fill the disk.
"""

from __future__ import annotations

import logging
import shutil
import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from zipfile import BadZipFile, ZipFile, ZipInfo

import geopandas as gpd
import numpy as np
import pyogrio
import shapely

from lobate.errors import UserError
from lobate.io.grid import LONLAT, WGS84
from lobate.io.polygons import POLYGONAL

log = logging.getLogger(__name__)

RESTORE_INDEX = "SHAPE_RESTORE_SHX"
ARCHIVES = (".zip", ".kmz")
VECTOR_FILES = (".shp", ".gpkg", ".geojson", ".json", ".kml", ".fgb", ".gml")
SHAPEFILE_PARTS = (".shx", ".dbf", ".prj", ".cpg")
MAX_UNPACKED_BYTES = 4 * 2**30
"""What a zip may hold unpacked; a Shapefile's parts end at 2 GiB each."""
MAX_COMPRESSION = 200
"""How many times its packed size a large zip may hold: outlines as text shrink to a twentieth at best."""
ALWAYS_ALLOWED_BYTES = 64 * 2**20


@contextmanager
def readable_path(path: Path) -> Iterator[Path]:
    """Yield a path that OGR can read: ``path`` itself, or what was made of it in a folder of its own.

    Raises UserError for a zip that is damaged, unsafe, or holds no outlines or several files of them, and for a GeoPackage
    whose latest changes are not in it yet.
    """
    check_no_pending_edits(path)
    if path.suffix.lower() not in ARCHIVES or not path.is_file():
        with _with_index(path) as whole:
            yield whole
        return
    with TemporaryDirectory() as folder, _name_original(folder, str(path)):
        _unpack(path, Path(folder))
        with _with_index(_outline_file(path, Path(folder))) as whole:
            yield whole


def check_no_pending_edits(path: Path) -> None:
    """Raise UserError while changes lie beside a GeoPackage and not in it: its own bytes, and time stamp, are the old ones."""
    waiting = path.with_name(f"{path.name}-wal")
    if waiting.exists() and waiting.stat().st_size:
        raise UserError(
            f"The file {path} is open in another program, and the latest changes are still in {waiting.name} beside "
            "it. Save the edits and close the file there (in QGIS, close the project), then run again. Where nothing has it "
            "open, a program broke off: open it once in QGIS and close it."
        )


@contextmanager
def _name_original(folder: str, path: str) -> Iterator[None]:
    """Let mistakes name the user's file, not the folder where it was made readable."""
    try:
        yield
    except UserError as mistake:
        raise UserError(str(mistake).replace(folder, path)) from mistake


def _unpack(path: Path, folder: Path) -> None:
    try:
        with ZipFile(path) as archive:
            wanted = [one for one in archive.infolist() if _is_wanted(one)]
            _check_safe(path, wanted)
            for one in wanted:
                archive.extract(one, folder)
    except (BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise UserError(
            f"The zip {path} cannot be unpacked: {str(error).rstrip('.')}. It may be truncated or have a password; copy it "
            "again, or unpack it and name the file inside."
        ) from error


def _is_wanted(one: ZipInfo) -> bool:
    inside = PurePosixPath(one.filename)
    return (
        inside.suffix.lower() in VECTOR_FILES + SHAPEFILE_PARTS and not inside.name.startswith(".") and not one.is_dir()
    )


def _check_safe(path: Path, wanted: list[ZipInfo]) -> None:
    for one in wanted:
        if one.filename.startswith(("/", "\\")) or ".." in one.filename.replace("\\", "/").split("/"):
            raise UserError(
                f"The zip {path} wants to write outside its folder ({one.filename}), which no honest one does. Do not trust "
                "it; get the outlines from their author as a GeoPackage."
            )
    size, packed = sum(one.file_size for one in wanted), sum(one.compress_size for one in wanted)
    if size > MAX_UNPACKED_BYTES or size > max(ALWAYS_ALLOWED_BYTES, MAX_COMPRESSION * packed):
        raise UserError(
            f"The zip {path} ({packed / 2**20:.1f} MiB) would unpack to {size / 2**20:.0f} MiB, more than outlines can be. If "
            "it is honest all the same, unpack it and name the file inside."
        )


def _outline_file(path: Path, folder: Path) -> Path:
    """Return the file of outlines in a folder, or its folder where there are several Shapefiles: they are layers then."""
    found = sorted(one for one in folder.rglob("*") if one.suffix.lower() in VECTOR_FILES)
    if len(found) > 1 and {(one.parent, one.suffix.lower()) for one in found} == {(found[0].parent, ".shp")}:
        return found[0].parent
    if len(found) != 1:
        names = ", ".join(one.relative_to(folder).as_posix() for one in found)
        raise UserError(
            f"The zip {path} holds {f'several files of outlines ({names})' if found else 'no file of outlines'}. Unpack it "
            "and name the file in the configuration."
        )
    return found[0]


@contextmanager
def _with_index(path: Path) -> Iterator[Path]:
    """Yield ``path``, or where it is a Shapefile without its index (.shx) a copy with one."""
    family = [file for file in path.parent.glob("*") if path.suffix.lower() == ".shp" and file.stem == path.stem]
    if not family or any(file.suffix.lower() == ".shx" for file in family):
        yield path
        return
    log.info("%s has no .shx; its index is made again from the shapes (save the file anew to mend it)", path.name)
    with TemporaryDirectory() as folder, _name_original(folder, str(path.parent)):
        for file in family:
            shutil.copyfile(file, Path(folder) / file.name)
        _restore_index(Path(folder) / path.name)
        yield Path(folder) / path.name


def _restore_index(path: Path) -> None:
    """Let GDAL write the index while it opens the file; one it cannot open is told when it is read."""
    pyogrio.set_gdal_config_options({RESTORE_INDEX: "YES"})
    try:
        pyogrio.list_layers(path)
    except pyogrio.errors.DataSourceError as error:
        log.debug("%s", error)
    finally:
        pyogrio.set_gdal_config_options({RESTORE_INDEX: None})


# a ring that is not closed, a field that says it holds what it does not: each library has errors of its own
READ_ERRORS = (
    pyogrio.errors.DataSourceError,
    pyogrio.errors.DataLayerError,
    shapely.errors.ShapelyError,
    ArithmeticError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


def read_layer(path: str | Path, layer: str | None = None) -> gpd.GeoDataFrame:
    """Read one layer of a vector file, in its own CRS, without Z; single-part multi-geometries become single.

    Raises UserError when the file or layer is missing, unreadable, ambiguous or without a CRS. An empty layer is fine.
    """
    if not Path(path).exists():
        raise UserError(f"The vector file {path} does not exist. Check the path in the configuration.")
    with readable_path(Path(path)) as whole:
        frame = _read(whole, layer)
    frame = frame.rename_geometry("geometry") if frame.geometry.name != "geometry" else frame
    frame["geometry"] = gpd.GeoSeries(_unwrap_single(frame.geometry.values), index=frame.index, crs=frame.crs)
    return frame


def _read(path: Path, layer: str | None) -> gpd.GeoDataFrame:
    where = f"{path}" + (f", layer {layer}" if layer else "")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            frame = gpd.read_file(path, layer=_layer_name(path, layer), engine="pyogrio", force_2d=True)
    except READ_ERRORS as error:
        raise UserError(
            f"The vector file {where} cannot be read: {' '.join(str(error).split()).rstrip('.')}. Open it in QGIS to see "
            "whether it is whole, and export it again as GeoPackage."
        ) from error
    if not isinstance(frame, gpd.GeoDataFrame):
        raise UserError(f"The layer {where} is a table without geometry. Give a layer of outlines.")
    if frame.crs is None:
        raise UserError(
            f"The vector file {where} has no coordinate reference system (a Shapefile needs its .prj), so its place on "
            "Earth is unknown. Assign the right one in QGIS and save it again."
        )
    return frame


def _layer_name(path: str | Path, layer: str | None) -> str | None:
    names = sorted(str(name) for name in pyogrio.list_layers(path)[:, 0])
    if layer is not None and layer not in names:
        raise UserError(
            f"The vector file {path} has no layer {layer}; it has {', '.join(names) or 'none'}. Name one of these."
        )
    if layer is None and len(names) > 1:
        raise UserError(
            f"The vector file {path} has several layers ({', '.join(names)}). Name one of them in the setting layer."
        )
    return layer


def _unwrap_single(geometries: np.ndarray) -> np.ndarray:
    plain = np.asarray(geometries, dtype=object)
    multi = shapely.get_type_id(plain) >= int(shapely.GeometryType.MULTIPOINT)
    lone = multi & (shapely.get_type_id(plain) < int(shapely.GeometryType.GEOMETRYCOLLECTION))
    lone &= shapely.get_num_geometries(plain) == 1
    plain = plain.copy()
    plain[lone] = shapely.get_geometry(plain[lone], 0)
    return plain


def read_polygons(path: str | Path, layer: str | None = None) -> gpd.GeoDataFrame:
    """Read one layer of outlines as ``read_layer`` does; anything but (multi)polygons in it is a UserError."""
    frame = read_layer(path, layer)
    kinds = shapely.get_type_id(frame.geometry.values)
    wrong = np.flatnonzero(~np.isin(kinds, (*POLYGONAL, -1)))
    if len(wrong):
        kind = frame.geometry.iloc[wrong[0]].geom_type
        raise UserError(
            f"The vector file {path}{f', layer {layer}' if layer else ''} must hold polygons, but feature {wrong[0]} is a "
            f"{kind} ({len(wrong)} such features). Draw outlines as polygons, or name another layer."
        )
    return frame


def write_layers(path: str | Path, layers: Mapping[str, gpd.GeoDataFrame], points: Collection[str] = ()) -> None:
    """Write a GeoPackage with these layers, in this order; empty ones too. Same content, same bytes.

    Layers are of polygons unless ``points`` names them or something else is in them.
    """
    Path(path).unlink(missing_ok=True)
    previous = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": "2000-01-01T00:00:00.000Z"})
    try:
        for number, (name, frame) in enumerate(layers.items()):
            _write_layer(path, name, frame, "Point" if name in points else _geometry_type(frame), append=number > 0)
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": previous})


def _geometry_type(frame: gpd.GeoDataFrame) -> str | None:
    polygonal = np.isin(shapely.get_type_id(frame.geometry.values), (*POLYGONAL, -1)).all()
    return "MultiPolygon" if polygonal else None


def _write_layer(path: str | Path, name: str, frame: gpd.GeoDataFrame, kind: str | None, *, append: bool) -> None:
    if frame.crs is None:
        raise ValueError(f"layer {name} has no CRS")
    pyogrio.write_dataframe(
        frame,
        path,
        layer=name,
        driver="GPKG",
        append=append,
        geometry_type=kind,
        promote_to_multi=True if kind == "MultiPolygon" else None,
    )


def geodesic_area_m2(frame: gpd.GeoDataFrame | gpd.GeoSeries) -> np.ndarray:
    """Areas on the WGS84 ellipsoid in square metres, holes left out. Shape (n,)."""
    return geodesic_measures(frame)[0]


def geodesic_perimeter_m(frame: gpd.GeoDataFrame | gpd.GeoSeries) -> np.ndarray:
    """Lengths of all rings on the WGS84 ellipsoid in metres, holes included. Shape (n,)."""
    return geodesic_measures(frame)[1]


def geodesic_measures(frame: gpd.GeoDataFrame | gpd.GeoSeries) -> tuple[np.ndarray, np.ndarray]:
    """Return geodesic areas in square metres and lengths in metres, as above, by Karney (2013) in pyproj.Geod; both (n,).

    The coordinates of all rings are taken out of their geometries in one go, which is most of the work saved.
    """
    outlines = np.asarray(frame.geometry.to_crs(LONLAT).values, dtype=object)
    polygons, owner = shapely.get_parts(outlines, return_index=True)
    rings, polygon = shapely.get_rings(polygons, return_index=True)
    owner = owner[polygon]
    inner = np.diff(polygon, prepend=-1) == 0  # a polygon's first ring is its exterior
    lon, lat = shapely.get_coordinates(rings).T.copy()
    counts = shapely.get_num_coordinates(rings)
    stops = np.cumsum(counts)
    measured = np.array(
        [
            WGS84.polygon_area_perimeter(lon[start:stop], lat[start:stop])
            for start, stop in zip(stops - counts, stops, strict=True)
        ]
    ).reshape(-1, 2)
    area = np.bincount(owner, np.abs(measured[:, 0]) * np.where(inner, -1, 1), minlength=len(outlines))
    return area, np.bincount(owner, measured[:, 1], minlength=len(outlines))
