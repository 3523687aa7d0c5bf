"""The pixels of one scene on the grid of its finest band, read a band of rows at a time.

``Resampled`` reads a raster band on another grid by nearest neighbour: the scene classification (SCL) and some bands are
coarser than the image. ``ClassRanks`` tells clear, avoided and masked pixels by SCL class and distance. ``ScenePixels`` puts
both together.
"""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType

import numpy as np
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader

from lobate.errors import UserError
from lobate.imagery.digital_numbers import CALIBRATION, TYPES, DigitalNumbers
from lobate.imagery.reading.calibration import Calibration
from lobate.imagery.reading.scene import Band, Scene
from lobate.imagery.stretch import Range, apply_lut, lookup_table
from lobate.io.drivers import SINGLE_FILE_DRIVERS
from lobate.io.grid import Grid, transform_points
from lobate.io.raster import open_raster, open_with_drivers
from lobate.io.validity import Validity
from lobate.settings.imagery import Clouds

CLEAR, AVOIDED, MASKED = range(3)
"""Ranks of a pixel in its scene: good, good enough where no scene has it clear, and not to be used."""

NODATA_CLASS = 0
UTM_TOLERANCE = 1.002
"""A UTM cell of 20 m is up to 0.1 % shorter or longer on the ground; 40 m must still be two cells."""


class Resampled:
    """A band of an open dataset, resampled to ``grid`` by nearest neighbour; pixels outside the band are 0.

    A pixel takes the value of the cell around its centre. Pixels that the file masks are 0 too. ``converted`` makes 16-bit
    numbers of others. Raises UserError for grids in two CRSs, or rotated ones.
    """

    def __init__(
        self,
        dataset: DatasetReader,
        index: int,
        grid: Grid,
        validity: Validity | None = None,
        converted: DigitalNumbers | None = None,
    ) -> None:
        own = Grid.from_raster(dataset)
        self.name = f"{dataset.name}, band {index},"
        self.dtype = "uint16" if converted else dataset.dtypes[index - 1]
        self._converted = converted
        self.resolution_m = own.resolution_m
        self._dataset, self._index, self._own = dataset, index, own
        self._validity = validity if validity and validity.has_masks else None
        self._same = own.same_as(grid)
        if not self._same:
            _check_comparable(dataset.name, own, grid)
            self._rows, self._cols = _cell_indices(own, grid)

    def read(self, start: int, stop: int) -> np.ndarray:
        """Return rows ``start``..``stop`` of the grid, (stop - start, width)."""
        first, last = self.own_rows(start, stop)
        return self.to_grid(self.read_own(first, last), first, start, stop)

    def own_rows(self, start: int, stop: int, halo: int = 0) -> tuple[int, int]:
        """Return first and last+1 of the band's own rows under the grid's rows, with a ``halo``, clipped to the band."""
        if self._same:
            first, last = start, stop - 1
        else:
            first, last = int(self._rows[start:stop].min()), int(self._rows[start:stop].max())
        first, last = (min(max(row, 0), self._own.height - 1) for row in (first - halo, last + halo))
        return first, last + 1

    def to_grid(self, own: np.ndarray, first: int, start: int, stop: int, fill: int = 0) -> np.ndarray:
        """Return ``own``, the band's rows from ``first`` on, resampled to the grid's rows; ``fill`` outside the band."""
        if self._same:
            return own[start - first : stop - first]
        rows, cols = self._rows[start:stop], self._cols
        resampled = own[np.clip(rows - first, 0, len(own) - 1)][:, np.clip(cols, 0, self._own.width - 1)]
        resampled[(rows < 0) | (rows >= self._own.height)] = fill
        resampled[:, (cols < 0) | (cols >= self._own.width)] = fill
        return resampled

    def read_own(self, first: int, last: int) -> np.ndarray:
        """Return the band's own rows ``first``..``last``. Raises UserError for a truncated file."""
        window = ((first, last), (0, self._own.width))
        try:
            numbers = self._dataset.read(self._index, window=window)
            masks = self._validity.masks(window) if self._validity else None
        except RasterioError as error:
            raise truncated_raster(self._dataset.name, error) from None
        if self._converted:
            numbers = self._converted.of(numbers)
        if masks is not None:
            numbers[~masks] = 0
        return numbers


def truncated_raster(name: str, error: Exception) -> UserError:
    """Return the error of a raster that cannot be read to its end."""
    cause = " ".join(str(error.__cause__ or error).split()).rstrip(".")
    return UserError(f"{name} cannot be read to its end ({cause}); it is truncated or damaged, so fetch it again.")


def _check_comparable(name: str, own: Grid, grid: Grid) -> None:
    rotated = any(term for transform in (own.transform, grid.transform) for term in (transform.b, transform.d))
    if own.crs != grid.crs or rotated:
        raise UserError(
            f"{name} is in {own.crs} and the scene's finest band in {grid.crs}{', one of them rotated' if rotated else ''}; "
            "the bands of one scene must share a CRS and point north. Fetch the scene again."
        )


def _cell_indices(own: Grid, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Return the row of ``own`` around each row centre of ``grid``, and the column around each column centre."""
    xs, _ = transform_points(grid.transform, np.arange(grid.width) + 0.5, np.full(grid.width, 0.5))
    _, ys = transform_points(grid.transform, np.full(grid.height, 0.5), np.arange(grid.height) + 0.5)
    t = own.transform
    return np.floor((ys - t.f) / t.e).astype(np.int64), np.floor((xs - t.c) / t.a).astype(np.int64)


class ClassRanks:
    """The ranks of one scene's pixels by its classification (SCL), on the image's grid.

    Masked areas grow on the classification's own grid first. The rim around them is avoided, except around nodata.
    """

    def __init__(self, classes: Resampled, clouds: Clouds) -> None:
        self._classes = classes
        self._ranks = np.full(256, CLEAR, dtype=np.uint8)
        self._ranks[clouds.avoided_classes] = AVOIDED
        self._ranks[clouds.invalid_classes] = MASKED
        per_metre = UTM_TOLERANCE / classes.resolution_m
        self._radius, self._reach = clouds.dilate_m * per_metre, (clouds.dilate_m + clouds.avoided_rim_m) * per_metre
        self._latest: tuple[tuple[int, int], np.ndarray] | None = None

    def rows(self, start: int, stop: int) -> np.ndarray:
        """Return the ranks of rows ``start``..``stop`` of the image, (stop - start, width) uint8, not to be written to."""
        if self._latest is None or self._latest[0] != (start, stop):
            self._latest = (start, stop), self._read(start, stop)
        return self._latest[1]

    def _whole_numbers(self, classes: np.ndarray) -> np.ndarray:
        """Return classes, (h, w), as integers of 0 to 255; some writers give all bands of a file one floating-point type."""
        if classes.dtype.kind == "f":
            classes = np.nan_to_num(classes, nan=NODATA_CLASS, posinf=NODATA_CLASS, neginf=NODATA_CLASS)
            if (classes % 1).any():
                raise _no_classes(self._classes.name)
        return np.clip(classes, 0, 255).astype(np.uint8)

    def _read(self, start: int, stop: int) -> np.ndarray:
        first, last = self._classes.own_rows(start, stop, halo=int(self._reach))
        classes = self._whole_numbers(self._classes.read_own(first, last))
        ranks = self._ranks[classes]
        masked = ranks == MASKED
        rim = dilate(masked & (classes != NODATA_CLASS), self._reach)
        np.maximum(ranks, AVOIDED, out=ranks, where=rim)
        ranks[dilate(masked, self._radius)] = MASKED
        return self._classes.to_grid(ranks, first, start, stop, fill=int(self._ranks[0]))


def _no_classes(source: str) -> UserError:
    return UserError(
        f"{source} holds other numbers than the classes 0 to 11 of a scene classification (SCL). Fetch SCL again, and resample "
        "it by nearest neighbour only."
    )


def dilate(masked: np.ndarray, radius: float) -> np.ndarray:
    """Return the mask, (h, w) bool, of all pixels within ``radius`` pixels of a masked one, centre to centre.

    The disc is a stack of horizontal runs, and cumulative counts dilate by a run: work is proportional to the radius.
    """
    height, width = masked.shape
    if radius < 1 or not masked.any():
        return masked
    reach = min(int(radius), width)
    counts = np.zeros((height, width + 2 * reach + 1), dtype=np.int32)
    np.cumsum(masked, axis=1, out=counts[:, reach + 1 : reach + 1 + width])
    counts[:, reach + 1 + width :] = counts[:, reach + width, np.newaxis]
    result = np.zeros_like(masked)
    for shift in range(min(int(radius), height - 1) + 1):
        run = min(int((radius**2 - shift**2) ** 0.5), reach)
        wide = counts[:, reach + run + 1 :][:, :width] > counts[:, reach - run :][:, :width]
        result[shift:] |= wide[: height - shift]
        result[: height - shift] |= wide[shift:]
    return result


class ScenePixels:
    """An open scene: 8-bit rows on the grid of its finest band, with 0 in all bands of masked pixels.

    A pixel is masked where a band has no number or the classification masks it; else its rank is that of its class.
    """

    def __init__(self, scene: Scene, ranges: tuple[Range, ...], clouds: Clouds) -> None:
        self.scene = scene
        self._ranges, self._clouds = ranges, clouds
        self._stack = ExitStack()
        self._open: dict[str, DatasetReader] = {}
        self._validities: dict[str, Validity] = {}
        self._bands: list[Resampled] = []
        self._tables: list[np.ndarray] = []
        self.calibrations: list[Calibration] = []
        """Calibration of the digital numbers of each band, as they are read."""

    def __enter__(self) -> ScenePixels:
        with ExitStack() as opening:
            opening.callback(self._stack.close)
            datasets = [self._open_dataset(band) for band in self.scene.bands]
            self.grid = min((Grid.from_raster(dataset) for dataset in datasets), key=lambda grid: grid.resolution)
            self.block_rows = max(dataset.block_shapes[0][0] for dataset in datasets)
            if not self.scene.is_8bit:
                for dataset, band, stretch_range in zip(datasets, self.scene.bands, self._ranges, strict=True):
                    self._add_band(dataset, band, stretch_range)
            self._ranks = self._class_ranks()
            opening.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def rows(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Return rows ``start``..``stop``: values (bands, h, width) and ranks (h, width), both uint8."""
        if self.scene.is_8bit:
            return self._8bit_rows(start, stop)
        return self.to_8bit(self.numbers(start, stop), start, stop)

    @property
    def dtypes(self) -> list[str]:
        """Data type of the digital numbers of each band."""
        return [band.dtype for band in self._bands]

    def class_rank(self, start: int, stop: int) -> np.ndarray:
        """Return the ranks of rows ``start``..``stop`` by the classification alone, (h, width) uint8, not to be written to."""
        if self._ranks is None:
            return np.full((stop - start, self.grid.width), CLEAR, dtype=np.uint8)
        return self._ranks.rows(start, stop)

    def numbers(self, start: int, stop: int) -> list[np.ndarray]:
        """Return the digital numbers (DN) of rows ``start``..``stop``, (h, width) of two bytes, for each band."""
        return [band.read(start, stop) for band in self._bands]

    def to_8bit(self, numbers: list[np.ndarray], start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Return values and ranks of rows ``start``..``stop`` from their digital numbers, like ``rows``."""
        values = np.empty((len(self._bands), stop - start, self.grid.width), dtype=np.uint8)
        for band_values, band_numbers, table in zip(values, numbers, self._tables, strict=True):
            apply_lut(table, band_numbers, band_values)
        valid = values[0] != 0
        for band_values in values[1:]:
            valid &= band_values != 0
        ranks = np.where(valid, self.class_rank(start, stop), np.uint8(MASKED))
        values *= ranks < MASKED
        return values, ranks

    def _8bit_rows(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Return unchanged rows of an 8-bit image; pixels that are nodata in the file become 0."""
        dataset, validity = self._open[self.scene.bands[0].address], self._validity(self.scene.bands[0])
        window = ((start, stop), (0, self.grid.width))
        try:
            values = dataset.read(validity.bands, window=window)
            valid = validity.clear(values, window)
        except RasterioError as error:
            raise truncated_raster(dataset.name, error) from None
        return values, np.where(valid, np.uint8(CLEAR), np.uint8(MASKED))

    def _validity(self, band: Band) -> Validity:
        """Return the validity of a band's file, one for all its bands, so that they share the masks that it reads."""
        if band.address not in self._validities:
            bands = tuple(other.index for other in self.scene.bands if other.address == band.address) or (band.index,)
            self._validities[band.address] = Validity(self._open[band.address], bands, alpha=self.scene.alpha)
        return self._validities[band.address]

    def _open_dataset(self, band: Band) -> DatasetReader:
        if band.address not in self._open:
            with open_raster(band.address, drivers=SINGLE_FILE_DRIVERS):
                pass  # raises a UserError for an unreadable file
            self._open[band.address] = self._stack.enter_context(open_with_drivers(band.address, SINGLE_FILE_DRIVERS))
        return self._open[band.address]

    def _add_band(self, dataset: DatasetReader, band: Band, stretch_range: Range) -> None:
        """Add a band to those that are read, as 16-bit numbers on the scene's grid."""
        calibration, nodata, converted = band.require_calibration(), dataset.nodatavals[band.index - 1], None
        if dataset.dtypes[band.index - 1] not in TYPES:
            source = f"{band.address}, band {band.index},"
            converted = DigitalNumbers(dataset, band.index, calibration, source)
            calibration, nodata = CALIBRATION, None
        read = Resampled(dataset, band.index, self.grid, self._validity(band), converted)
        self._bands.append(read)
        self.calibrations.append(calibration)
        self._tables.append(lookup_table(stretch_range, calibration, read.dtype, nodata))

    def _class_ranks(self) -> ClassRanks | None:
        classes = self.scene.classes
        if classes is None or not (self._clouds.invalid_classes or self._clouds.avoided_classes):
            return None
        dataset = self._open_dataset(classes)
        if np.dtype(dataset.dtypes[classes.index - 1]).kind == "c":
            raise _no_classes(f"{classes.address}, band {classes.index},")
        return ClassRanks(Resampled(dataset, classes.index, self.grid, self._validity(classes)), self._clouds)
