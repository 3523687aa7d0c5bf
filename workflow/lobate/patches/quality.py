"""What can be seen in a part of an image: the share of valid pixels and the entropy of the grey levels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from rasterio.io import DatasetReader

from lobate.patches.cores import Window
from lobate.rasters import row_bands
from lobate.settings.patches import Crop

PIXELS_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class Quality:
    """``valid``: share of valid pixels, 0 to 1; ``entropy``: of their grey levels, base 10, 0 to log10(256) = 2.41."""

    valid: float
    entropy: float

    def objection(self, crop: Crop) -> str | None:
        """Why a sub-image of this quality is left out; None when it is kept."""
        if not self.valid > crop.min_valid:
            return f"valid share {self.valid:.3f} is not greater than {crop.min_valid:g}"
        if not self.entropy >= crop.min_entropy:
            return f"entropy {self.entropy:.3f} is less than {crop.min_entropy:g}"
        return None


def valid_pixels(pixels: np.ndarray, nodata: float | None) -> np.ndarray:
    """Return where ``pixels`` (bands, h, w) show something: any band differs from nodata (0 unless said). Shape (h, w)."""
    return (pixels != (nodata or 0)).any(axis=0)


def grey_counts(pixels: np.ndarray, nodata: float | None) -> np.ndarray:
    """Count the valid pixels of each grey level; grey is the mean of the bands, rounded half up. Shape (256,)."""
    bands = len(pixels)
    grey = (pixels.sum(axis=0, dtype=np.uint16) + bands // 2) // bands
    return np.bincount(grey[valid_pixels(pixels, nodata)], minlength=256)


def judge(counts: np.ndarray, pixels: int) -> Quality:
    """Return the quality of ``pixels`` pixels with these grey-level ``counts``.

    Entropy is Shannon's, -sum p log10 p, over valid pixels only (nodata would count as one more grey level).
    """
    total = int(counts.sum())
    shares = counts[counts > 0] / max(total, 1)
    entropy = float(-(shares * np.log10(shares)).sum()) if total else 0.0
    return Quality(round(total / pixels, 6), round(abs(entropy), 6))


def look(image: DatasetReader, window: Window) -> Quality:
    """Return the quality of one window of an open image, read in bands of rows so that its size does not matter."""
    counts = sum(grey_counts(pixels, image.nodata) for pixels in _bands(image, window))
    return judge(np.asarray(counts), window.height * window.width)


def _bands(image: DatasetReader, window: Window) -> Iterator[np.ndarray]:
    _, cols = window.slices
    for start, stop in row_bands(window.height, max(1, PIXELS_AT_ONCE // window.width)):
        yield image.read(window=((window.row + start, window.row + stop), cols))
