"""One raster band seen on another grid by nearest neighbour, a band of rows at a time.

The classification (SCL) and some bands come on coarser grids than the image. A pixel takes the value of the cell in which
its centre lies; a pixel outside takes 0. Only the cells under the rows asked for are read.
"""

from __future__ import annotations

import numpy as np
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader

from lobate.errors import Mistake
from lobate.grid import Grid


class OnGrid:
    """A band of an open dataset on ``grid``; Mistake when the two grids have different CRSs or are turned."""

    def __init__(self, dataset: DatasetReader, index: int, grid: Grid) -> None:
        own = Grid.of(dataset)
        self.dtype = dataset.dtypes[index - 1]
        self.resolution_m = own.resolution_m
        self._dataset, self._index, self._own = dataset, index, own
        self._same = own.same_as(grid)
        if not self._same:
            _check_alike(dataset.name, own, grid)
            self._rows, self._cols = _cells(own, grid)

    def read(self, start: int, stop: int) -> np.ndarray:
        """Return rows ``start``..``stop`` of the grid, (stop - start, width)."""
        first, last = self.own_rows(start, stop)
        return self.spread(self.read_own(first, last), first, start, stop)

    def own_rows(self, start: int, stop: int, halo: int = 0) -> tuple[int, int]:
        """Return the band's own rows under the grid's rows, ``halo`` more on either side, clipped to the band."""
        if self._same:
            first, last = start, stop - 1
        else:
            first, last = int(self._rows[start:stop].min()), int(self._rows[start:stop].max())
        first, last = (min(max(row, 0), self._own.height - 1) for row in (first - halo, last + halo))
        return first, last + 1

    def spread(self, own: np.ndarray, first: int, start: int, stop: int, fill: int = 0) -> np.ndarray:
        """Lay ``own``, whose first row is the band's row ``first``, out on the grid's rows; ``fill`` outside the band."""
        if self._same:
            return own[start - first : stop - first]
        rows, cols = self._rows[start:stop], self._cols
        laid = own[np.clip(rows - first, 0, len(own) - 1)][:, np.clip(cols, 0, self._own.width - 1)]
        laid[(rows < 0) | (rows >= self._own.height)] = fill
        laid[:, (cols < 0) | (cols >= self._own.width)] = fill
        return laid

    def read_own(self, first: int, last: int) -> np.ndarray:
        """Return the band's own rows ``first``..``last``, whole; Mistake when the file breaks off there."""
        try:
            return self._dataset.read(self._index, window=((first, last), (0, self._own.width)))
        except RasterioError as error:
            raise damaged(self._dataset.name, error) from None


def damaged(name: str, error: Exception) -> Mistake:
    """Return the mistake of a raster that breaks off while it is read."""
    cause = " ".join(str(error.__cause__ or error).split()).rstrip(".")
    return Mistake(f"{name} cannot be read to its end ({cause}); it is truncated or damaged, so fetch it again.")


def _check_alike(name: str, own: Grid, grid: Grid) -> None:
    turned = any(part for one in (own, grid) for part in (one.transform.b, one.transform.d))
    if own.crs != grid.crs or turned:
        raise Mistake(
            f"{name} lies in {own.crs} and the scene's finest band in {grid.crs}{', one of them turned' if turned else ''}; "
            "the bands of one scene must share a CRS and point north. Fetch the scene again."
        )


def _cells(own: Grid, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Return for each row and each column of ``grid`` the row and column of ``own`` in which its centre lies."""
    xs, _ = grid.transform @ (np.arange(grid.width) + 0.5, np.full(grid.width, 0.5))
    _, ys = grid.transform @ (np.full(grid.height, 0.5), np.arange(grid.height) + 0.5)
    t = own.transform
    return np.floor((ys - t.f) / t.e).astype(np.int64), np.floor((xs - t.c) / t.a).astype(np.int64)
