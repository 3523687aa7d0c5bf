"""The one way in for vector files that people bring: labels, decisions, areas, and inventories of others.

Features keep the numbers that QGIS shows, and fields their declared types: whole numbers with a gap stay whole. Text is read
in its own encoding, or its owner is asked (``text_encoding``). Arcs become lines, as GDAL draws them, and of a collection of
points, lines and polygons the polygons are taken. lobate's own files are read by ``vector.read_layer``.
"""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely

from lobate.errors import UserError
from lobate.io.drivers import PLACEMARK_FIELDS, VECTOR_FORMATS
from lobate.io.look import MAPINFO, SHAPEFILE, Declaration, look
from lobate.io.parquet import readable_parquet
from lobate.io.place import Boxes, check_features
from lobate.io.polygons import POLYGONAL, polygonal
from lobate.io.text_copy import in_utf8
from lobate.io.text_encoding import (
    RAW,
    UTF8,
    Claim,
    claimed_codec,
    codec_of,
    cpg_claim,
    decoded,
    shapefile_codec,
)
from lobate.io.values import ATTRIBUTE_GEOMETRY, shown_name
from lobate.io.vector import READ_ERRORS, check_complexity, layer_types, readable_path, unwrap_single

log = logging.getLogger(__name__)

NAME_ENCODING = (
    "Name the encoding with the key encoding beside its path in the configuration, for instance GBK or CP1251"
)
NAME_ENCODING_BESIDE = "Save it as GeoPackage in QGIS, which shows its encoding in Layer Properties > Source"
"""The remedy for files whose setting is a path alone; as every remedy, it goes on with the .cpg."""
READ_OPTIONS = {"force_2d": True, "return_fids": True, "datetime_as_string": True}
EXACT_INTEGERS = 2**53
"""Up to this number, a decimal number of 64 bits holds every whole one."""
CHARSET = re.compile(rb'charset\s+"?([\w-]+)', re.IGNORECASE)
"""The character set in the head of a MapInfo file; Neutral says nothing."""
MAX_NAMED = 5


@dataclass(frozen=True)
class LayerFacts:
    """What a layer says of itself: its fields and its key (the name of the features' numbers), the type of its geometries (None for a table), its count, and its CRS or None."""

    fields: list[str]
    key: str
    geometry_type: str | None
    features: int
    crs: str | None


class RawLayer(NamedTuple):
    """What pyogrio reads of a layer: facts, the features' numbers, their well-known binary or None, and the values of each field."""

    meta: dict[str, Any]
    numbers: np.ndarray
    outlines: np.ndarray | None
    values: Sequence[np.ndarray]


@dataclass(frozen=True)
class VectorSource:
    """A file that GDAL can read, a copy where that is needed; ``name`` is the path for messages, ``remedy`` how to name an encoding."""

    path: Path
    name: str
    encoding: str | None = None
    remedy: str = NAME_ENCODING
    beside: Claim | None = None
    """What a .cpg beside the file says of its encoding."""

    @cached_property
    def layers(self) -> list[str]:
        """The names of the layers, sorted."""
        try:
            return sorted(layer_types(self.path))
        except READ_ERRORS as error:
            raise self._unreadable(None, error) from error

    def chosen(self, layer: str | Sequence[str] | None) -> list[str | None]:
        """Return the layers to read, [None] for the only one. Raises UserError for one that is not there, and for several unnamed."""
        wanted = [layer] if isinstance(layer, str) else list(layer or [])
        for missing in (name for name in wanted if name not in self.layers):
            raise UserError(
                f"The vector file {self.name} has no layer {missing}; it has {', '.join(self.layers) or 'none'}. Name one of these."
            )
        if not wanted and len(self.layers) > 1:
            raise UserError(
                f"The vector file {self.name} has several layers ({', '.join(self.layers)}). Name one of them in the setting layer, or "
                f"several in a list: layer: [{', '.join(self.layers[:2])}]."
            )
        return list(wanted) or [None]

    def facts(self, layer: str | None) -> LayerFacts:
        """Return what a layer says of itself, with the names of its fields in their encoding."""
        declared = look(self.path, layer)
        codec = self._codec(layer, declared)
        with self._errors(layer):
            key = _key_name(self.path, layer, declared)
            info = pyogrio.read_info(self.path, layer=layer, encoding=_read_as(codec), force_feature_count=True)
        names = [_decode(str(name), None if codec == UTF8 else codec) for name in info["fields"]]
        return LayerFacts(
            [shown_name(name) for name in _own_names(names)], key, info["geometry_type"], info["features"], info["crs"]
        )

    def bounds(self, layer: str | None) -> np.ndarray:
        """Return left, bottom, right and top of each feature in the layer's CRS, (4, n), NaN without a geometry."""
        with self._errors(layer):
            features = Boxes(*pyogrio.read_bounds(self.path, layer=layer))
            crs = pyogrio.read_info(self.path, layer=layer, encoding=RAW)["crs"]
        if crs:
            check_features(self._where(layer), features, crs)
        return features.boxes

    def table(self, layer: str | None) -> pd.DataFrame:
        """Return the fields of a layer without its outlines; rows are named as in ``frame``."""
        return pd.DataFrame(self._read(layer, attributes=True, outlines=False))

    def frame(self, layer: str | None, *, attributes: bool = True) -> gpd.GeoDataFrame:
        """Return the features of a layer in its own CRS, without Z; their index is their number in QGIS."""
        frame = self._read(layer, attributes=attributes, outlines=True)
        if not isinstance(frame, gpd.GeoDataFrame):
            raise UserError(f"The layer {self._where(layer)} is a table without geometry. Give a layer of outlines.")
        if frame.crs is None:
            raise UserError(
                f"The vector file {self._where(layer)} has no coordinate reference system (a Shapefile needs its .prj), so its place on "
                "Earth is unknown. Assign the right one in QGIS and save it again."
            )
        check_complexity(self._where(layer), frame)
        check_features(self._where(layer), Boxes(frame.index, shapely.bounds(frame.geometry.values).T), frame.crs)
        return frame

    def _read(self, layer: str | None, *, attributes: bool, outlines: bool) -> pd.DataFrame:
        declared = look(self.path, layer)
        codec = self._codec(layer, declared) if attributes else RAW
        options: dict[str, Any] = {
            **READ_OPTIONS,
            "layer": layer,
            "columns": None if attributes else [],
            "read_geometry": outlines,
        }
        with self._errors(layer):
            raw, codec = self._raw(codec, options)
            index = pd.Index(raw.numbers, name=_key_name(self.path, layer, declared))
            frame = pd.DataFrame(self._columns(layer, raw, declared, codec), index=index)
            if raw.outlines is None:
                return frame
            return gpd.GeoDataFrame(
                frame, geometry=unwrap_single(_shapes(raw.outlines, raw.numbers)), crs=raw.meta["crs"]
            )

    def _raw(self, codec: str | None, options: dict[str, Any]) -> tuple[RawLayer, str | None]:
        """Return what pyogrio reads, and the codec in which its text is still to be decoded, None for none."""
        try:
            return RawLayer(
                *pyogrio.raw.read(self.path, encoding=_read_as(codec), **options)
            ), None if codec == UTF8 else codec
        except UnicodeDecodeError as error:
            codec = codec or self._named_codec(error)
            return RawLayer(*pyogrio.raw.read(self.path, encoding=RAW, **options)), codec

    def _columns(self, layer: str | None, raw: RawLayer, declared: Declaration, codec: str | None) -> dict[str, Any]:
        """Return name -> values as declared: whole numbers and flags with gaps stay such, and text is decoded."""
        whole, fields = declared.whole_numbers(), [str(name) for name in raw.meta["fields"]]
        columns: dict[str, Any] = {}
        names = _own_names([_decode(name, codec) for name in fields])
        for name, field, values, kind in zip(names, fields, raw.values, raw.meta["dtypes"], strict=True):
            columns[name] = values
            if values.dtype.kind == "f" and kind == "bool":
                columns[name] = pd.array(pd.Series(values).map({1.0: True, 0.0: False}), dtype="boolean")
            elif values.dtype.kind == "f" and (str(kind).startswith(("int", "uint")) or field in whole):
                columns[name] = self._whole(layer, field, values)
            elif values.dtype.kind == "O" and codec:
                columns[name] = [_decode(value, codec) for value in values]
        return columns

    def _whole(self, layer: str | None, name: str, values: np.ndarray) -> Any:
        """Return whole numbers with gaps; large ones are read again, since decimals have changed them."""
        if np.nanmax(np.abs(values), initial=0) < EXACT_INTEGERS:
            return pd.array(values, dtype="Int64")
        table = pyogrio.read_arrow(self.path, layer=layer, columns=[name], read_geometry=False)[1]
        return pd.array(table.column(name).to_pylist(), dtype="Int64")

    def _codec(self, layer: str | None, declared: Declaration) -> str | None:
        """Return the codec of the text where GDAL must not decode it, None for UTF-8."""
        if declared.driver == SHAPEFILE or self.path.suffix.lower() == ".shp":
            file = self.path / f"{layer or self.layers[0]}.shp" if self.path.is_dir() else self.path
            return shapefile_codec(file, self.encoding, self.remedy, self.beside)
        if declared.driver == MAPINFO and self.path.is_file():
            with self.path.open("rb") as file_:
                charset = CHARSET.search(file_.read(512))
            return None if charset and charset[1].lower() != b"neutral" else self.encoding and codec_of(self.encoding)
        return None

    def _named_codec(self, error: UnicodeDecodeError) -> str:
        claim = Claim(self.encoding, "the setting") if self.encoding else self.beside
        return claimed_codec(self.name, claim, [bytes(error.object)], self.remedy)

    def _where(self, layer: str | None) -> str:
        return self.name + (f", layer {layer}" if layer else "")

    @contextmanager
    def _errors(self, layer: str | None) -> Iterator[None]:
        """Turn what GDAL cannot read into a UserError; what it leaves out is told."""
        try:
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always")
                yield
        except READ_ERRORS as error:
            raise self._unreadable(layer, error) from error
        for text in sorted({str(warning.message) for warning in told if str(warning.message).startswith("Skipping")}):
            log.warning("%s: %s", self._where(layer), text)

    def _unreadable(self, layer: str | None, error: Exception) -> UserError:
        return UserError(
            f"The vector file {self._where(layer)} cannot be read: {' '.join(str(error).split()).rstrip('.')}. Open it in QGIS to see "
            f"whether it is complete, and export it again as GeoPackage. lobate reads {VECTOR_FORMATS}."
        )


def cpg_name(path: Path) -> str:
    """Return what the .cpg is called that names the encoding of a file; in a folder of Shapefiles, each has one."""
    return "the .cpg beside each Shapefile in it" if path.is_dir() else f"{path.stem}.cpg beside it"


@contextmanager
def opened_source(
    path: str | Path, encoding: str | None = None, remedy: str = NAME_ENCODING, *, attributes: bool = True
) -> Iterator[VectorSource]:
    """Yield the file at ``path``, unpacked, with its index and in an encoding that GDAL reads, where that needs a copy.

    Raises UserError if the file is missing, unreadable, or has text in an encoding that nothing names.
    """
    if not Path(path).exists():
        raise UserError(f"The vector file {path} does not exist. Check the path in the configuration.")
    beside, remedy = cpg_claim(Path(path)), f"{remedy}, or write the encoding's name into {cpg_name(Path(path))}"
    with readable_path(Path(path)) as readable:
        try:
            with (
                readable_parquet(readable) as known,
                in_utf8(known, encoding, remedy, beside, ask=attributes) as copy,
            ):
                yield VectorSource(copy, str(path), encoding, remedy, beside)
        except UserError as error:
            error.args = (str(error).replace(str(readable), str(path)),)
            raise


def read_features(
    path: str | Path,
    layer: str | Sequence[str] | None = None,
    *,
    encoding: str | None = None,
    remedy: str = NAME_ENCODING,
    attributes: bool = True,
) -> gpd.GeoDataFrame:
    """Return the features of a file in its own CRS, without Z; their index is the number that QGIS shows.

    Of several layers, the index is layer and number, as in ``north/7``, and the CRS that of the first. An attribute called
    `geometry` has a column of its own (``values.column``). Raises UserError if the file or a layer is missing, unreadable,
    ambiguous, without a CRS, far too complex, or has text in an encoding that nothing names. An empty layer is no error.
    """
    with opened_source(path, encoding, remedy, attributes=attributes) as source:
        names = source.chosen(layer)
        frames = [source.frame(name, attributes=attributes) for name in names]
    if len(frames) == 1:
        return frames[0]
    labelled = [
        frame.to_crs(frames[0].crs).set_axis([f"{name}/{number}" for number in frame.index])
        for name, frame in zip(names, frames, strict=True)
    ]
    return gpd.GeoDataFrame(pd.concat(labelled), crs=frames[0].crs)


def read_drawn(
    path: str | Path,
    layer: str | Sequence[str] | None = None,
    *,
    encoding: str | None = None,
    remedy: str = NAME_ENCODING,
    attributes: bool = True,
) -> gpd.GeoDataFrame:
    """Return the features of a file as ``read_features`` does, all of them polygons or without a geometry.

    Of a collection, only the polygons are taken, and the rest is told. Raises UserError for a feature without any polygon.
    """
    frame = read_features(path, layer, encoding=encoding, remedy=remedy, attributes=attributes)
    names = layer if isinstance(layer, str) else ", ".join(layer or [])
    return polygons_only(frame, f"{path}" + (f", layer {names}" if names else ""))


def polygons_only(frame: gpd.GeoDataFrame, where: str) -> gpd.GeoDataFrame:
    """Return the features; of a collection of points or lines and polygons, as virtual globes write it, only the polygons.

    Raises UserError when a feature holds no polygon; it is named by its index. ``where`` names the file.
    """
    shapes = np.array(frame.geometry.values, dtype=object)
    mixed = np.flatnonzero(shapely.get_type_id(shapes) == shapely.GeometryType.GEOMETRYCOLLECTION)
    taken = shapes.copy()
    taken[mixed] = polygonal(shapes[mixed])
    taken[mixed[shapely.is_empty(taken[mixed])]] = shapes[mixed[shapely.is_empty(taken[mixed])]]
    wrong = np.flatnonzero(~np.isin(shapely.get_type_id(taken), (*POLYGONAL, -1)))
    if len(wrong):
        raise UserError(
            f"{where} must hold polygons, but feature {frame.index[wrong[0]]} is a {shapes[wrong[0]].geom_type} ({len(wrong)} such "
            "features). Draw outlines as polygons, or name another layer."
        )
    if not len(mixed):
        return frame
    numbers = ", ".join(map(str, frame.index[mixed[:MAX_NAMED]])) + (" and others" if len(mixed) > MAX_NAMED else "")
    log.info(
        "%s: %d features hold points or lines beside polygons; only the polygons are taken (features %s)",
        *(where, len(mixed), numbers),
    )
    return frame.set_geometry(gpd.GeoSeries(taken, index=frame.index, crs=frame.crs))


def _read_as(codec: str | None) -> str:
    """Return the encoding in which GDAL's library reads: UTF-8, or byte by byte."""
    return UTF8 if codec in (None, UTF8) else RAW


def _shapes(outline_bytes: np.ndarray, fids: np.ndarray) -> np.ndarray:
    """Return the geometries (n,). Raises ValueError that names the first feature that is none."""
    try:
        return np.asarray(shapely.from_wkb(outline_bytes), dtype=object)
    except shapely.errors.ShapelyError:
        for number, outline in zip(fids, outline_bytes, strict=True):
            try:
                shapely.from_wkb(outline)
            except shapely.errors.ShapelyError as error:
                raise ValueError(f"feature {number}: {error}") from error
        raise


def _key_name(path: Path, layer: str | None, declared: Declaration) -> str:
    """Return the name under which QGIS shows the features' numbers: the key of a database, else fid."""
    if declared.driver not in ("GPKG", "OpenFileGDB"):
        return "fid"
    return pyogrio.read_info(path, layer=layer)["fid_column"] or "fid"


def _own_names(names: list[str]) -> list[str]:
    """Return the names of columns: those of KML's placemarks where no field of the owner's has them."""
    placemark = {own: own.removeprefix("placemark_") for own in PLACEMARK_FIELDS.values()}
    names = [placemark[name] if name in placemark and placemark[name] not in names else name for name in names]
    return [ATTRIBUTE_GEOMETRY if name == "geometry" else name for name in names]


def _decode(value: Any, codec: str | None) -> Any:
    """Return a text that was read byte by byte in its own encoding; a last letter that was cut off is left out."""
    if codec is None or not isinstance(value, str) or value.isascii():
        return value
    text = decoded(value.encode(RAW), codec, may_be_cut=True)
    return value if text is None else text
