"""Reading vector layers with mistakes told, writing GeoPackages that are the same bytes for the same content, and
geodesic measures on the WGS84 ellipsoid."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import shapely

from lobate.errors import Mistake
from lobate.grid import LONLAT, WGS84
from lobate.vectorfile import readable

# a ring that is not closed, a field that says it holds what it does not: each library has errors of its own
UNREADABLE = (
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
POLYGONAL = (int(shapely.GeometryType.POLYGON), int(shapely.GeometryType.MULTIPOLYGON))


def read_layer(path: str | Path, layer: str | None = None) -> gpd.GeoDataFrame:
    """Read one layer of a vector file, in its own CRS, without Z; single-part multi-geometries become single.

    Raises Mistake when the file or layer is missing, unreadable, ambiguous or without a CRS. An empty layer is fine.
    """
    if not Path(path).exists():
        raise Mistake(f"The vector file {path} does not exist. Check the path in the configuration.")
    with readable(Path(path)) as whole:
        frame = _read(whole, layer)
    frame = frame.rename_geometry("geometry") if frame.geometry.name != "geometry" else frame
    frame["geometry"] = gpd.GeoSeries(_single(frame.geometry.values), index=frame.index, crs=frame.crs)
    return frame


def _read(path: Path, layer: str | None) -> gpd.GeoDataFrame:
    where = f"{path}" + (f", layer {layer}" if layer else "")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            frame = gpd.read_file(path, layer=_layer_name(path, layer), engine="pyogrio", force_2d=True)
    except UNREADABLE as error:
        raise Mistake(
            f"The vector file {where} cannot be read: {' '.join(str(error).split()).rstrip('.')}. Open it in QGIS to see "
            "whether it is whole, and export it again as GeoPackage."
        ) from error
    if not isinstance(frame, gpd.GeoDataFrame):
        raise Mistake(f"The layer {where} is a table without geometry. Give a layer of outlines.")
    if frame.crs is None:
        raise Mistake(
            f"The vector file {where} has no coordinate reference system (a Shapefile needs its .prj), so its place on "
            "Earth is unknown. Assign the right one in QGIS and save it again."
        )
    return frame


def _layer_name(path: str | Path, layer: str | None) -> str | None:
    names = sorted(str(name) for name in pyogrio.list_layers(path)[:, 0])
    if layer is not None and layer not in names:
        raise Mistake(
            f"The vector file {path} has no layer {layer}; it has {', '.join(names) or 'none'}. Name one of these."
        )
    if layer is None and len(names) > 1:
        raise Mistake(
            f"The vector file {path} has several layers ({', '.join(names)}). Name one of them in the setting layer."
        )
    return layer


def _single(geometries: np.ndarray) -> np.ndarray:
    plain = np.asarray(geometries, dtype=object)
    multi = shapely.get_type_id(plain) >= int(shapely.GeometryType.MULTIPOINT)
    lone = multi & (shapely.get_type_id(plain) < int(shapely.GeometryType.GEOMETRYCOLLECTION))
    lone &= shapely.get_num_geometries(plain) == 1
    plain = plain.copy()
    plain[lone] = shapely.get_geometry(plain[lone], 0)
    return plain


def read_polygons(path: str | Path, layer: str | None = None) -> gpd.GeoDataFrame:
    """Read one layer of outlines as ``read_layer`` does; anything but (multi)polygons in it is a Mistake."""
    frame = read_layer(path, layer)
    kinds = shapely.get_type_id(frame.geometry.values)
    wrong = np.flatnonzero(~np.isin(kinds, (*POLYGONAL, -1)))
    if len(wrong):
        kind = frame.geometry.iloc[wrong[0]].geom_type
        raise Mistake(
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
            _write_layer(path, name, frame, "Point" if name in points else _kind(frame), append=number > 0)
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": previous})


def _kind(frame: gpd.GeoDataFrame) -> str | None:
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
