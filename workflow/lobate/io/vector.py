"""Vector files: layers read with clear errors, GeoPackages with reproducible bytes, and geodesic measures.

A zip is unpacked, and a Shapefile's missing index restored, in a temporary folder; the user's file is never changed. A
zip is not trusted: nothing is written outside the folder, and nothing that would fill the disk.
"""

from __future__ import annotations

import logging
import shutil
import time
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
from lobate.io.antimeridian import joined
from lobate.io.complexity import too_complex
from lobate.io.drivers import VECTOR_FORMATS, limit_pyogrio
from lobate.io.filekind import check_kind
from lobate.io.grid import LONLAT, WGS84
from lobate.io.pointers import check_outlines_file
from lobate.io.polygons import POLYGONAL

log = logging.getLogger(__name__)

ARCHIVES = (".zip", ".kmz")
VECTOR_FILES = (".shp", ".gpkg", ".geojson", ".json", ".kml", ".fgb")
SHAPEFILE_PARTS = (".shx", ".dbf", ".prj", ".cpg")
GEODATABASE = ".gdb"
GEODATABASE_PARTS = (".gdbtable", ".gdbtablx", ".gdbindexes", ".freelist", ".horizon", ".atx", ".spx")
MAX_UNPACKED_BYTES = 4 * 2**30
"""Largest size of an unpacked zip: a Shapefile's parts end at 2 GiB each."""
MAX_COMPRESSION = 200
"""Largest ratio of unpacked to packed size, for large zips: outlines as text shrink to a twentieth at best."""
ALWAYS_ALLOWED_BYTES = 64 * 2**20
STYLES_TABLE = "layer_styles"
"""Table of a GeoPackage in which QGIS keeps the looks of its layers."""
RESTORE_INDEX = "SHAPE_RESTORE_SHX"
ACT_S = 5.0
"""Seconds to wait for the end of another program's change; an act in the review takes some hundredths."""
JOURNAL_MAGIC = bytes.fromhex("d9d505f920a163d7")
"""First bytes of SQLite's journal while a change is under way; a finished one is deleted, or begins with zeros."""

limit_pyogrio()

# each library has its own errors for a ring that is not closed or a field with values of another type
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
    """Return one layer of a vector file, in its own CRS, without Z; multi-geometries of one part become single.

    Raises UserError if the file or layer is missing, unreadable, ambiguous, without a CRS or far too complex. An empty layer is no error.
    """
    if not Path(path).exists():
        raise UserError(f"The vector file {path} does not exist. Check the path in the configuration.")
    with readable_path(Path(path)) as readable:
        frame = _read(readable, layer)
    frame = frame.rename_geometry("geometry") if frame.geometry.name != "geometry" else frame
    frame["geometry"] = gpd.GeoSeries(unwrap_single(frame.geometry.values), index=frame.index, crs=frame.crs)
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
            f"whether it is complete, and export it again as GeoPackage. lobate reads {VECTOR_FORMATS}."
        ) from error
    if not isinstance(frame, gpd.GeoDataFrame):
        raise UserError(f"The layer {where} is a table without geometry. Give a layer of outlines.")
    if frame.crs is None:
        raise UserError(
            f"The vector file {where} has no coordinate reference system (a Shapefile needs its .prj), so its place on "
            "Earth is unknown. Assign the right one in QGIS and save it again."
        )
    check_complexity(where, frame)
    return frame


def check_complexity(where: str, frame: gpd.GeoDataFrame) -> None:
    """Raise UserError for an outline on which any further step would work for hours; its index names it."""
    found = too_complex(np.array(frame.geometry.values, dtype=object))
    if found:
        place, flaw = found
        raise UserError(
            f"The vector file {where}: feature {frame.index[place]} {flaw}, more than lobate can work "
            "with. Simplify it in QGIS (Vector > Geometry tools > Simplify), draw it again, or delete it."
        )


def layer_types(path: Path) -> dict[str, str | None]:
    """Return the layers of a vector file with the type of their geometries, None for a table; QGIS's table of styles is no layer.

    Raises UserError for a file that only points to data elsewhere, and pyogrio's DataSourceError for an unreadable one.
    """
    check_kind(path)
    check_outlines_file(path)
    return {str(name): kind for name, kind in pyogrio.list_layers(path) if (name, kind) != (STYLES_TABLE, None)}


def _layer_name(path: Path, layer: str | None) -> str | None:
    names = sorted(layer_types(path))
    if layer is not None and layer not in names:
        raise UserError(
            f"The vector file {path} has no layer {layer}; it has {', '.join(names) or 'none'}. Name one of these."
        )
    if layer is None and len(names) > 1:
        raise UserError(
            f"The vector file {path} has several layers ({', '.join(names)}). Name one of them in the setting layer."
        )
    return layer


def unwrap_single(geometries: np.ndarray) -> np.ndarray:
    """Return the geometries with each multi-geometry of one part replaced by that part."""
    result = np.array(geometries, dtype=object)
    types = shapely.get_type_id(result)
    is_multi = (types >= int(shapely.GeometryType.MULTIPOINT)) & (types < int(shapely.GeometryType.GEOMETRYCOLLECTION))
    has_one_part = is_multi & (shapely.get_num_geometries(result) == 1)
    result[has_one_part] = shapely.get_geometry(result[has_one_part], 0)
    return result


def read_polygons(path: str | Path, layer: str | None = None) -> gpd.GeoDataFrame:
    """Return one layer of outlines as ``read_layer`` does. Raises UserError for anything but (multi)polygons."""
    frame = read_layer(path, layer)
    types = shapely.get_type_id(frame.geometry.values)
    wrong = np.flatnonzero(~np.isin(types, (*POLYGONAL, -1)))
    if len(wrong):
        raise UserError(
            f"The vector file {path}{f', layer {layer}' if layer else ''} must hold polygons, but feature {wrong[0]} is a "
            f"{frame.geometry.iloc[wrong[0]].geom_type} ({len(wrong)} such features). Draw outlines as polygons, or name "
            "another layer."
        )
    return frame


def write_layers(path: str | Path, layers: Mapping[str, gpd.GeoDataFrame], points: Collection[str] = ()) -> None:
    """Write a GeoPackage with these layers, in this order, also empty ones; the same content gives the same bytes.

    Layers are declared as multipolygons, except those in ``points`` and those that hold anything else.
    """
    Path(path).unlink(missing_ok=True)
    previous = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": "2000-01-01T00:00:00.000Z"})
    try:
        for number, (name, frame) in enumerate(layers.items()):
            geometry_type = "Point" if name in points else _geometry_type(frame)
            _write_layer(path, name, frame, geometry_type, append=number > 0)
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": previous})


def _geometry_type(frame: gpd.GeoDataFrame) -> str | None:
    polygonal = np.isin(shapely.get_type_id(frame.geometry.values), (*POLYGONAL, -1)).all()
    return "MultiPolygon" if polygonal else None


def _write_layer(
    path: str | Path, name: str, frame: gpd.GeoDataFrame, geometry_type: str | None, *, append: bool
) -> None:
    if frame.crs is None:
        raise ValueError(f"layer {name} has no CRS")
    pyogrio.write_dataframe(
        frame,
        path,
        layer=name,
        driver="GPKG",
        append=append,
        geometry_type=geometry_type,
        promote_to_multi=True if geometry_type == "MultiPolygon" else None,
    )


def geodesic_area_m2(frame: gpd.GeoDataFrame | gpd.GeoSeries) -> np.ndarray:
    """Return areas on the WGS84 ellipsoid in square metres, without holes; (n,)."""
    return geodesic_measures(frame)[0]


def geodesic_perimeter_m(frame: gpd.GeoDataFrame | gpd.GeoSeries) -> np.ndarray:
    """Return lengths of all rings on the WGS84 ellipsoid in metres, with those of holes; (n,)."""
    return geodesic_measures(frame)[1]


def geodesic_measures(frame: gpd.GeoDataFrame | gpd.GeoSeries) -> tuple[np.ndarray, np.ndarray]:
    """Return geodesic areas in square metres and lengths in metres, as above, by Karney (2013) in pyproj.Geod; both (n,).

    The coordinates of all rings are extracted at once, which is faster than one geometry at a time.
    """
    outlines = joined(np.asarray(frame.geometry.to_crs(LONLAT).values, dtype=object))  # a cut is no part of a line
    polygons, outline_of_polygon = shapely.get_parts(outlines, return_index=True)
    rings, polygon_of_ring = shapely.get_rings(polygons, return_index=True)
    outline_of_ring = outline_of_polygon[polygon_of_ring]
    is_hole = np.diff(polygon_of_ring, prepend=-1) == 0  # a polygon's first ring is its exterior
    lon, lat = shapely.get_coordinates(rings).T.copy()
    counts = shapely.get_num_coordinates(rings)
    stops = np.cumsum(counts)
    measures = np.array(
        [
            WGS84.polygon_area_perimeter(lon[start:stop], lat[start:stop])
            for start, stop in zip(stops - counts, stops, strict=True)
        ]
    ).reshape(-1, 2)
    signed_areas = np.abs(measures[:, 0]) * np.where(is_hole, -1, 1)
    area = np.bincount(outline_of_ring, signed_areas, minlength=len(outlines))
    return area, np.bincount(outline_of_ring, measures[:, 1], minlength=len(outlines))


@contextmanager
def readable_path(path: Path) -> Iterator[Path]:
    """Yield a path that OGR can read: ``path`` itself, or a readable copy in a temporary folder.

    Raises UserError for a zip that is damaged, unsafe, or without exactly one file of outlines. Raises UserError also for
    a GeoPackage with changes that are not saved in it yet.
    """
    check_kind(path)
    check_no_pending_edits(path)
    if path.suffix.lower() not in ARCHIVES or not path.is_file():
        check_outlines_file(path)
        with _with_index(path) as readable:
            yield readable
        return
    with TemporaryDirectory() as folder, _name_original(folder, str(path)):
        _unpack(path, Path(folder))
        outlines = _outline_file(path, Path(folder))
        check_outlines_file(outlines)
        with _with_index(outlines) as readable:
            yield readable


def check_no_pending_edits(path: Path) -> None:
    """Raise UserError if a GeoPackage's write-ahead log or journal says that its own bytes are not the last ones.

    A change that is under way, an act in `lobate review` for instance, is waited for.
    """
    wal, journal = (path.with_name(f"{path.name}{suffix}") for suffix in ("-wal", "-journal"))
    until = time.monotonic() + ACT_S
    while (changing := _begins_with(journal, JOURNAL_MAGIC)) and time.monotonic() < until:
        time.sleep(0.05)
    if changing:
        raise UserError(
            f"The file {path} is being changed by another program, or one crashed while it did so, and {journal.name} beside it "
            "keeps what it replaced. Close the file there, or open it once in QGIS or in lobate review and close it, and run again."
        )
    if wal.exists() and wal.stat().st_size:
        raise UserError(
            f"The file {path} is open in another program, and the latest changes are still in {wal.name} beside "
            "it. Save the edits and close the file there (in QGIS, close the project), then run again. If no program has it "
            "open, one crashed: open the file once in QGIS and close it."
        )


def _begins_with(path: Path, magic: bytes) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(magic)) == magic
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return False


@contextmanager
def _name_original(folder: str, path: str) -> Iterator[None]:
    """Replace the temporary folder by the user's ``path`` in the messages of errors."""
    try:
        yield
    except UserError as error:
        error.args = (str(error).replace(folder, path),)
        raise


def _unpack(path: Path, folder: Path) -> None:
    try:
        with ZipFile(path) as archive:
            members = [member for member in archive.infolist() if _is_vector_file(member)]
            _check_safe(path, members)
            for member in members:
                archive.extract(member, folder)
    except (BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise UserError(
            f"The zip {path} cannot be unpacked: {str(error).rstrip('.')}. It may be truncated or have a password; copy it "
            "again, or unpack it and name the file inside."
        ) from error


def _is_vector_file(member: ZipInfo) -> bool:
    path = PurePosixPath(member.filename)
    is_hidden = path.name.startswith(".")
    is_known = path.suffix.lower() in VECTOR_FILES + SHAPEFILE_PARTS or _is_of_geodatabase(path)
    return is_known and not is_hidden and not member.is_dir()


def _is_of_geodatabase(path: PurePosixPath) -> bool:
    """Whether a member of a zip is part of an Esri geodatabase, a folder of many files, or of its content."""
    in_folder = any(parent.suffix.lower() == GEODATABASE for parent in path.parents)
    return in_folder or path.suffix.lower() in GEODATABASE_PARTS or path.name in ("gdb", "timestamps")


def _check_safe(path: Path, members: list[ZipInfo]) -> None:
    for member in members:
        if member.filename.startswith(("/", "\\")) or ".." in member.filename.replace("\\", "/").split("/"):
            raise UserError(
                f"The zip {path} would write outside its folder ({member.filename}), as only malicious zips do. Do not "
                "trust it; get the outlines from their author as a GeoPackage."
            )
    size, packed = sum(member.file_size for member in members), sum(member.compress_size for member in members)
    if size > MAX_UNPACKED_BYTES or size > max(ALWAYS_ALLOWED_BYTES, MAX_COMPRESSION * packed):
        raise UserError(
            f"The zip {path} ({packed / 2**20:.1f} MiB) would unpack to {size / 2**20:.0f} MiB, more than outlines need. If "
            "you trust it all the same, unpack it and name the file inside."
        )


def _outline_file(path: Path, folder: Path) -> Path:
    """Return the only file of outlines in an unpacked zip; for several Shapefiles their folder, so that they are layers.

    A geodatabase counts as one file.
    """
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in VECTOR_FILES)
    files += sorted({table.parent for table in folder.rglob(f"*{GEODATABASE_PARTS[0]}")})
    if files == [folder]:
        return _in_own_folder(folder)
    if len(files) > 1 and {(file.parent, file.suffix.lower()) for file in files} == {(files[0].parent, ".shp")}:
        return files[0].parent
    if len(files) != 1:
        names = ", ".join(file.relative_to(folder).as_posix() for file in files)
        raise UserError(
            f"The zip {path} holds {f'several files of outlines ({names})' if files else 'no file of outlines'}. Unpack it "
            "and name the file in the configuration."
        )
    return files[0]


def _in_own_folder(folder: Path) -> Path:
    """Move a geodatabase that lies in a zip without its folder into one, by whose name GDAL knows it; return that."""
    members = sorted(folder.iterdir())
    geodatabase = folder / f"outlines{GEODATABASE}"
    geodatabase.mkdir()
    for member in members:
        member.rename(geodatabase / member.name)
    return geodatabase


@contextmanager
def _with_index(path: Path) -> Iterator[Path]:
    """Yield ``path``, or for a Shapefile without its index (.shx) a copy with one."""
    parts = [file for file in path.parent.glob("*") if path.suffix.lower() == ".shp" and file.stem == path.stem]
    if not parts or any(file.suffix.lower() == ".shx" for file in parts):
        yield path
        return
    log.info("%s has no .shx; the index is restored from the shapes (save the file again to mend it)", path.name)
    with TemporaryDirectory() as folder, _name_original(folder, str(path.parent)):
        for file in parts:
            shutil.copyfile(file, Path(folder) / file.name)
        _restore_index(Path(folder) / path.name)
        yield Path(folder) / path.name


def _restore_index(path: Path) -> None:
    """Open the file so that GDAL writes the index; if that fails, reading the file raises the error."""
    pyogrio.set_gdal_config_options({RESTORE_INDEX: "YES"})
    try:
        pyogrio.list_layers(path)
    except pyogrio.errors.DataSourceError as error:
        log.debug("%s", error)
    finally:
        pyogrio.set_gdal_config_options({RESTORE_INDEX: None})
