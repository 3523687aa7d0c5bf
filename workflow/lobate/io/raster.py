"""Reading of rasters with clear errors, and a writer of cloud-optimised GeoTIFFs in bounded memory."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
from rasterio._err import CPLE_BaseError
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader

from lobate.errors import UserError
from lobate.io.drivers import RASTER_DRIVERS, RASTER_FORMATS, limit_rasterio
from lobate.io.filekind import check_kind
from lobate.io.grid import Grid
from lobate.io.place import check_place
from lobate.io.pointers import check_dataset, check_images_beside, points_elsewhere, raster_pointer_error

BLOCK = 512

# GDAL's own cache would grow with the machine (5 % of its memory); blocks of rows never need more than this
os.environ.setdefault("GDAL_CACHEMAX", "64")

limit_rasterio()
warnings.filterwarnings(
    "ignore", category=NotGeoreferencedWarning
)  # check_place refuses such a raster in one paragraph


@contextmanager
def open_raster(
    path: str | Path, *, require_place: bool = True, drivers: Sequence[str] = RASTER_DRIVERS
) -> Iterator[DatasetReader]:
    """Open a raster; errors of GDAL, on opening or on reading in the block, become a UserError.

    A raster without a place on Earth is refused, but for ``require_place``. `io.validity` gives the pixels with data.
    ``drivers`` are the allowed formats, whatever the file's suffix.
    """
    if not str(path).startswith("/vsi") and not Path(path).exists():
        raise UserError(f"The raster {path} does not exist. Check the path in the configuration, or make the file.")
    check_kind(path)
    try:
        with open_with_drivers(path, drivers) as dataset:
            if require_place:
                check_place(dataset, path)
            yield dataset
    except (RasterioError, CPLE_BaseError) as error:  # the latter for a broken file beside the raster
        if points_elsewhere(path):
            raise raster_pointer_error(path) from error
        raise UserError(
            f"The raster {path} cannot be read: {_one_line(error)}. It may be truncated or of another format; "
            f"fetch or copy it again. {_formats(drivers)}"
        ) from error


def _formats(drivers: Sequence[str]) -> str:
    if tuple(drivers) == RASTER_DRIVERS:
        return f"lobate reads {RASTER_FORMATS}."
    return "Images and bands are read as GeoTIFF and JPEG 2000: convert others with gdal_translate FILE FILE.tif."


def read_grid(path: str | Path) -> Grid:
    """Return the grid of a raster."""
    with open_raster(path) as dataset:
        return Grid.from_raster(dataset)


def scale_and_offset(dataset: DatasetReader, index: int = 1) -> tuple[float, float]:
    """Return a band's scale and offset, 1 and 0 where they are not set; some writers say so by a scale of 0."""
    scale, offset = dataset.scales[index - 1], dataset.offsets[index - 1]
    return (1.0, 0.0) if scale == 0 else (scale, offset)


def open_with_drivers(path: str | Path, drivers: Sequence[str]) -> DatasetReader:
    """Open a raster in one of these formats; ``rasterio.open`` takes one format at most.

    Raises UserError where the raster or a file beside it points to files or addresses that do not belong to it.
    """
    if not str(path).startswith("/vsi"):
        check_images_beside(Path(path))
    with rasterio.Env():
        dataset = DatasetReader(path, driver=list(drivers))
    try:
        check_dataset(dataset, path)
    except UserError:
        dataset.close()
        raise
    return dataset


def _one_line(error: BaseException) -> str:
    cause = error.__cause__ or error
    return " ".join(str(cause).split()).rstrip(".")


def row_blocks(height: int, rows: int = BLOCK) -> Iterator[tuple[int, int]]:
    """Yield (start, stop) of blocks of ``rows`` rows that cover ``height``; the last may have fewer rows."""
    for start in range(0, height, rows):
        yield start, min(start + rows, height)


class CogWriter:
    """A writer of a COG with overviews, from top to bottom; the same pixels give the same bytes.

    The rows go to a plain tiled file beside ``path`` and are copied into the COG on a clean exit; an exception leaves
    nothing behind. Memory does not depend on the raster's height. ``smooth`` compresses the differences between pixels;
    classes compress better without.
    """

    def __init__(
        self,
        path: Path,
        grid: Grid,
        *,
        dtype: str = "uint8",
        count: int = 1,
        nodata: float | None = None,
        photometric_rgb: bool = False,
        descriptions: Sequence[str] | None = None,
        smooth: bool = True,
    ) -> None:
        self.path = Path(path)
        self._part = self.path.with_name(self.path.name + ".part.tif")
        self._average = photometric_rgb
        self._stack = ExitStack()
        self._rows = 0
        self._profile: dict[str, Any] = {
            **grid.profile(),
            "driver": "GTiff",
            "dtype": dtype,
            "count": count,
            "nodata": nodata,
            "tiled": True,
            "blockxsize": BLOCK,
            "blockysize": BLOCK,
            "interleave": "pixel",
            "bigtiff": "IF_SAFER",
            "sparse_ok": True,
            "photometric": "RGB" if photometric_rgb else "MINISBLACK",  # GDAL would call the last of four bands alpha
        }
        self._descriptions = descriptions
        self._predictor = "YES" if smooth else "NO"

    def __enter__(self) -> CogWriter:
        try:
            self._dataset = self._stack.enter_context(rasterio.open(self._part, "w", **self._profile))
        except RasterioError as error:
            raise UserError(f"The raster {self.path} cannot be written: {_one_line(error)}.") from error
        if self._profile.get("photometric") == "RGB":
            extra = [ColorInterp.undefined] * (self._profile["count"] - 3)
            self._dataset.colorinterp = [ColorInterp.red, ColorInterp.green, ColorInterp.blue, *extra]
        if self._descriptions:
            self._dataset.descriptions = tuple(self._descriptions)
        return self

    def write(self, rows: np.ndarray, start: int) -> None:
        """Write ``rows`` (count, h, width), or (h, width) for a single band, from row ``start`` on; in order, without gaps."""
        if start != self._rows:
            raise ValueError(f"rows must come in order: expected row {self._rows}, got {start}")
        rows = rows[np.newaxis] if rows.ndim == 2 else rows
        height, width = rows.shape[1:]
        self._dataset.write(rows, window=((start, start + height), (0, width)))
        self._rows += height

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._stack.close()
            if kind is None:
                self._finish()
        finally:
            self._part.unlink(missing_ok=True)

    def _finish(self) -> None:
        if self._rows != self._profile["height"]:
            raise ValueError(f"{self._rows} of {self._profile['height']} rows were written to {self.path}")
        # the COG driver uses existing overviews; for its own it would write and read a compressed file
        with rasterio.open(self._part, "r+") as part:
            part.build_overviews(self._overview_factors(), Resampling.average if self._average else Resampling.nearest)
        rasterio.shutil.copy(
            self._part,
            self.path,
            driver="COG",
            compress="DEFLATE",
            level=2,  # a quarter less time than the usual 6, for files 1 % larger
            predictor=self._predictor,
            blocksize=BLOCK,
            num_threads="ALL_CPUS",
            bigtiff="IF_SAFER",
            sparse_ok="YES",
        )

    def _overview_factors(self) -> list[int]:
        """Return the factor of each overview, 2, 4, ..., until one block holds the whole raster."""
        factors = [2]
        while max(self._profile["height"], self._profile["width"]) > factors[-1] * BLOCK:
            factors.append(2 * factors[-1])
        return factors
