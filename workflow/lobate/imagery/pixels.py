"""The pixels of one scene as the image will have them, a band of rows at a time."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType

import numpy as np
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader

from lobate.errors import Mistake
from lobate.grid import Grid
from lobate.imagery.mask import CloudMask
from lobate.imagery.nearest import OnGrid, damaged
from lobate.imagery.ranges import Range
from lobate.imagery.reading.scene import Band, Scene
from lobate.imagery.stretch import check_dtype, look_up, lookup_table
from lobate.rasters import SELF_CONTAINED, open_raster, opened_as
from lobate.settings.imagery import Clouds


class ScenePixels:
    """An open scene: 8-bit rows on the grid of its finest band, with 0 in all bands where nothing was seen.

    A pixel is seen where every band has a number and the classification does not mask it.
    """

    def __init__(self, scene: Scene, ranges: tuple[Range, ...], clouds: Clouds) -> None:
        self.scene = scene
        self._ranges, self._clouds = ranges, clouds
        self._stack = ExitStack()
        self._open: dict[str, DatasetReader] = {}

    def __enter__(self) -> ScenePixels:
        with ExitStack() as opening:
            opening.callback(self._stack.close)
            datasets = [self._dataset(band) for band in self.scene.bands]
            self.grid = min((Grid.of(one) for one in datasets), key=lambda grid: grid.resolution)
            self.block_rows = max(one.block_shapes[0][0] for one in datasets)
            if not self.scene.ready:
                self._bands = [OnGrid(one, band.index, self.grid) for one, band in self._pairs(datasets)]
                pairs = zip(self._pairs(datasets), self._ranges, strict=True)
                self._tables = [self._table(one, band, shown) for (one, band), shown in pairs]
            self._mask = self._cloud_mask()
            opening.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def rows(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Return rows ``start``..``stop``: values (bands, h, width) uint8 and where they were seen (h, width) bool."""
        if self.scene.ready:
            return self._ready_rows(start, stop)
        return self.shown(self.numbers(start, stop), start, stop)

    def numbers(self, start: int, stop: int) -> list[np.ndarray]:
        """Return the digital numbers of rows ``start``..``stop``, (h, width) of two bytes each, for each band."""
        return [band.read(start, stop) for band in self._bands]

    def shown(self, numbers: list[np.ndarray], start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Return what ``rows`` does of the digital numbers of these rows."""
        values = np.empty((len(self._bands), stop - start, self.grid.width), dtype=np.uint8)
        for value, band, table in zip(values, numbers, self._tables, strict=True):
            look_up(table, band, value)
        seen = values[0] != 0
        for value in values[1:]:
            seen &= value != 0
        if self._mask is not None:
            seen &= ~self._mask.rows(start, stop)
        values *= seen
        return values, seen

    def _ready_rows(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Return rows that pass through unchanged; what the file itself declares void becomes 0."""
        dataset, indices = self._open[self.scene.bands[0].address], [band.index for band in self.scene.bands]
        window = ((start, stop), (0, self.grid.width))
        try:
            values = dataset.read(indices, window=window)
            masks = dataset.read_masks(indices, window=window)
        except RasterioError as error:
            raise damaged(dataset.name, error) from None
        values *= masks.any(axis=0)
        return values, values.any(axis=0)

    def _pairs(self, datasets: list[DatasetReader]) -> list[tuple[DatasetReader, Band]]:
        return list(zip(datasets, self.scene.bands, strict=True))

    def _dataset(self, band: Band) -> DatasetReader:
        if band.address not in self._open:
            with open_raster(band.address, drivers=SELF_CONTAINED):
                pass  # says in words what is wrong with it
            self._open[band.address] = self._stack.enter_context(opened_as(band.address, SELF_CONTAINED))
        return self._open[band.address]

    def _table(self, dataset: DatasetReader, band: Band, shown: Range) -> np.ndarray:
        dtype = dataset.dtypes[band.index - 1]
        check_dtype(dtype, f"{band.address}, band {band.index}")
        return lookup_table(shown, band.calibration, dtype, dataset.nodatavals[band.index - 1])

    def _cloud_mask(self) -> CloudMask | None:
        classes = self.scene.classes
        if classes is None or not self._clouds.invalid_classes:
            return None
        dataset = self._dataset(classes)
        dtype = dataset.dtypes[classes.index - 1]
        if dtype not in ("uint8", "uint16", "int16"):
            raise Mistake(
                f"{classes.address}, band {classes.index}, holds {dtype} numbers, not the classes 0 to 11 of a scene "
                "classification (SCL). Fetch SCL again."
            )
        return CloudMask(OnGrid(dataset, classes.index, self.grid), self._clouds)
