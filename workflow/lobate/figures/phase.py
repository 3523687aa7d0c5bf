"""The phase of an interferogram on the ground of a figure, wrapped into one cycle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from affine import Affine
from rasterio.enums import Resampling
from rasterio.io import DatasetReader
from rasterio.warp import reproject
from rasterio.windows import Window

from lobate.errors import Mistake
from lobate.figures.ground import window_on
from lobate.grid import Grid
from lobate.rasters import open_raster


def wrapped_phase(path: Path, grid: Grid) -> np.ndarray:
    """Return a raster's phase on ``grid`` in radians, -pi to pi, float32 (height, width), NaN where there is none.

    The raster (its first band) holds radians, wrapped or not, or complex numbers; the nearest pixel is shown, for a mean of
    phases is none. Raises Mistake for integers, which cannot be radians, and where nothing lies on the grid.
    """
    phase = np.full(grid.shape, np.nan, dtype=np.float32)
    with open_raster(path) as dataset:
        _check_kind(dataset, path)
        window = window_on(dataset, grid)
        if window is not None:
            corner = dataset.transform @ Affine.translation(window.col_off, window.row_off)
            reproject(
                _angles(dataset, window), phase, src_transform=corner, src_crs=dataset.crs, src_nodata=np.nan,
                dst_transform=grid.transform, dst_crs=grid.crs, dst_nodata=np.nan, resampling=Resampling.nearest,
            )  # fmt: skip
    if not np.isfinite(phase).any():
        raise Mistake(
            f"The phase raster {path} has no value round the landform that is to be shown. Name one that covers it, or "
            "another landform, in figures.motion."
        )
    return phase


def _check_kind(dataset: DatasetReader, path: Path) -> None:
    if np.dtype(dataset.dtypes[0]).kind not in "fc":
        raise Mistake(
            f"The phase raster {path} holds {dataset.dtypes[0]}, but radians (float) or complex numbers are wanted. "
            "Export the phase itself, not a picture of it, or leave figures.motion.phase out."
        )


def _angles(dataset: DatasetReader, window: Window) -> np.ndarray:
    """The wrapped phase of a raster's own pixels; a complex zero is no signal, so it has none."""
    values, seen = dataset.read(1, window=window), dataset.read_masks(1, window=window) > 0
    with np.errstate(invalid="ignore"):  # of an infinite phase
        signal = values if np.iscomplexobj(values) else np.exp(1j * values.astype(float))
    angles = np.angle(signal).astype(np.float32)
    angles[~seen | ~np.isfinite(signal) | (signal == 0)] = np.nan
    return angles
