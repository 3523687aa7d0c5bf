"""The phase of an interferogram on the ground of a figure, wrapped into one cycle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rasterio.enums import Resampling
from rasterio.warp import reproject
from rasterio.windows import transform as window_transform

from lobate.errors import Mistake
from lobate.figures.ground import window_on
from lobate.grid import Grid
from lobate.rasters import open_raster


def wrapped_phase(path: Path, grid: Grid) -> np.ndarray:
    """Return a raster's phase on ``grid`` in radians, -pi to pi, float32 (height, width), NaN where there is none.

    The raster (its first band) holds radians, wrapped or not, or complex numbers; the nearest pixel is shown, for a mean of
    phases is none. Raises Mistake for integers, which cannot be radians, and where nothing lies on the grid.
    """
    with open_raster(path) as dataset:
        kind = np.dtype(dataset.dtypes[0]).kind
        if kind not in "fc":
            raise Mistake(
                f"The phase raster {path} holds {dataset.dtypes[0]}, but radians (float) or complex numbers are wanted. "
                "Export the phase itself, not a picture of it, or leave figures.motion.phase out."
            )
        phase = np.full(grid.shape, np.nan, dtype=np.float32)
        window = window_on(dataset, grid)
        if window is not None:
            values, seen = dataset.read(1, window=window), dataset.read_masks(1, window=window) > 0
            angle = (np.angle(values) if kind == "c" else np.angle(np.exp(1j * values.astype(float)))).astype(
                np.float32
            )
            angle[~seen | ~np.isfinite(values) | ((kind == "c") & (values == 0))] = np.nan
            place = {"src_transform": window_transform(window, dataset.transform), "src_crs": dataset.crs}
            reproject(
                angle, phase, dst_transform=grid.transform, dst_crs=grid.crs, src_nodata=np.nan, dst_nodata=np.nan,
                resampling=Resampling.nearest, **place,
            )  # fmt: skip
    if not np.isfinite(phase).any():
        raise Mistake(
            f"The phase raster {path} has no value round the landform that is to be shown. Name one that covers it, or "
            "another landform, in figures.motion."
        )
    return phase
