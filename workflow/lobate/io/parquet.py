"""GeoParquet where GDAL's library comes without a driver for it, as pyogrio's wheels do: a copy that GDAL reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import geopandas as gpd
import pyogrio

from lobate.errors import UserError
from lobate.io.drivers import VECTOR_FORMATS
from lobate.io.values import as_text
from lobate.io.vector import READ_ERRORS

MAGIC = b"PAR1"


@contextmanager
def readable_parquet(path: Path) -> Iterator[Path]:
    """Yield ``path``, or for a GeoParquet that GDAL cannot read a copy as FlatGeobuf, whose features have the same numbers.

    Lists become texts. Raises UserError for a Parquet file without outlines.
    """
    if not _is_parquet(path) or "Parquet" in pyogrio.list_drivers():
        yield path
        return
    with TemporaryDirectory() as folder:
        copy = Path(folder, f"{path.stem}.fgb")
        frame = _without_lists(_read(path))
        options = {"driver": "FlatGeobuf", "layer": path.stem, "geometry_type": "Unknown", "SPATIAL_INDEX": "NO"}
        pyogrio.write_dataframe(frame, copy, **options)
        yield copy


def _is_parquet(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def _read(path: Path) -> gpd.GeoDataFrame:
    try:
        return gpd.read_parquet(path)
    except READ_ERRORS as error:
        raise UserError(
            f"The vector file {path} cannot be read as GeoParquet: {' '.join(str(error).split()).rstrip('.')}. Export it again as "
            f"GeoPackage. lobate reads {VECTOR_FORMATS}."
        ) from error


def _without_lists(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    named = [name for name in frame.columns.drop(frame.geometry.name) if frame[name].dtype == object]
    return frame.assign(**{name: frame[name].map(as_text) for name in named})
