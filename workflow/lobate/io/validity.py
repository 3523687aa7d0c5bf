"""The pixels of a raster that hold data, by everything that the file says of it. The rule is the same for every reader.

A pixel has no data where a mask band is 0 (inside the file or in a ``.msk`` beside it), where an alpha band is 0, or where
its numbers are nodata. Alpha above 0 is data, however transparent: GDAL's rule, and soft edges keep their colours. A file
may say several of these, and each counts; GDAL itself obeys the first.

A number is nodata where it equals the band's nodata value, or is NaN or infinite. In images 0 is nodata too. A pixel of a
finished 8-bit image is nodata where the numbers of all its bands are, because 0 in one band is a colour. Any other raster is
a measurement, and a pixel is nodata where one of its numbers is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.io import DatasetReader

from lobate.errors import UserError
from lobate.io.band_names import ALPHA, band_named
from lobate.io.mask_values import IMAGE_NODATA

Window = Any
"""A window as rasterio takes it."""


def alpha_bands(dataset: DatasetReader) -> tuple[int, ...]:
    """Return the numbers of a raster's alpha bands: those called alpha, or of that colour without the name of a band.

    GDAL gives the fourth band of 8-bit images the colour alpha where their writer says nothing.
    """
    alpha = []
    for index, (colour, text) in enumerate(zip(dataset.colorinterp, dataset.descriptions, strict=True), 1):
        name = band_named(text or "")
        if name == ALPHA or (colour is ColorInterp.alpha and name is None):
            alpha.append(index)
    return tuple(alpha) if len(alpha) < dataset.count else ()


def check_composed(image: DatasetReader) -> None:
    """Raise UserError for an image that says by a mask or alpha where it has no data: compose-rgb writes 0 there."""
    if Validity.of_image(image).has_masks:
        raise UserError(
            f"The image {image.name} has a mask or an alpha band, but pixels without data must be 0 in the images of training. Name it "
            "as a scene (imagery.tiles), so that compose-rgb makes such an image of it."
        )


@dataclass
class Validity:
    """The data of ``bands`` of an open raster; ``zero_is_nodata`` for images."""

    dataset: DatasetReader
    bands: tuple[int, ...]
    zero_is_nodata: bool = True
    alpha: tuple[int, ...] | None = None
    """Numbers of the alpha bands; None for those that the file says."""
    _masked: dict[int, int] = field(default_factory=dict)
    """Band -> band whose mask is its own, for bands with a mask."""
    _latest: tuple[Window, np.ndarray | None] | None = None

    def __post_init__(self) -> None:
        if self.alpha is None:
            self.alpha = alpha_bands(self.dataset)
        for band in self.bands:
            flags = self.dataset.mask_flag_enums[band - 1]
            own = (
                MaskFlags.nodata not in flags or MaskFlags.per_dataset in flags
            )  # the latter: NODATA_VALUES of all bands
            if own and MaskFlags.all_valid not in flags and MaskFlags.alpha not in flags:
                self._masked[band] = self.bands[0] if MaskFlags.per_dataset in flags else band
        self.is_finished = all(self.dataset.dtypes[band - 1] == "uint8" for band in self.bands)

    @classmethod
    def of_image(cls, dataset: DatasetReader) -> Validity:
        """Return the validity of all bands of an image but alpha."""
        alpha = alpha_bands(dataset)
        return cls(dataset, tuple(index for index in dataset.indexes if index not in alpha), alpha=alpha)

    @property
    def has_masks(self) -> bool:
        """Whether the file has masks or alpha, which must be read besides its numbers."""
        return bool(self._masked or self.alpha)

    @property
    def first_band_tells(self) -> bool:
        """Whether pixels whose first number is not 0 hold data, so that the other bands need not be read for them."""
        return self.is_finished and not self.has_masks and self._only_zero

    def masks(self, window: Window) -> np.ndarray | None:
        """Return where mask bands and alpha allow data, (h, w) bool, not to be written to; None where the file has neither."""
        if self._latest is None or self._latest[0] != window:  # the bands of a scene are read one after another
            self._latest = window, self.masks_at(window, None)
        return self._latest[1]

    def masks_at(self, window: Window, shape: tuple[int, int] | None) -> np.ndarray | None:
        """Return the same for a window that is read in another shape, as from an overview; None for its own shape."""
        bands = sorted({*self._masked.values()})
        parts = [self.dataset.read_masks(band, window=window, out_shape=shape) > 0 for band in bands]
        valid = self._joined(parts) if len(self._masked) == len(self.bands) or not self.is_finished else None
        for band in self.alpha or ():
            opaque = self.dataset.read(band, window=window, out_shape=shape) > 0
            valid = opaque if valid is None else valid & opaque
        return valid

    def _joined(self, parts: Sequence[np.ndarray]) -> np.ndarray | None:
        if not parts:
            return None
        join = np.logical_or if self.is_finished else np.logical_and
        return parts[0] if len(parts) == 1 else join.reduce(parts)

    def is_number(self, numbers: np.ndarray, band: int) -> np.ndarray:
        """Return where ``numbers`` of a band are data, of the same shape, bool."""
        nodata = self.dataset.nodatavals[band - 1]
        valid = np.isfinite(numbers) if numbers.dtype.kind in "fc" else np.ones(numbers.shape, dtype=bool)
        if nodata is not None and np.isfinite(nodata):
            valid &= numbers != nodata
        if self.zero_is_nodata:
            valid &= numbers != IMAGE_NODATA
        return valid

    def of(self, numbers: np.ndarray, window: Window) -> np.ndarray:
        """Return where the pixels of ``window`` hold data, (h, w) bool, from the ``numbers`` (bands, h, w) read there."""
        valid = self._of_numbers(numbers)
        masks = self.masks(window)
        return valid if masks is None else valid & masks

    def _of_numbers(self, numbers: np.ndarray) -> np.ndarray:
        if self.is_finished and self._only_zero:
            return np.bitwise_or.reduce(numbers) > 0  # the images of lobate, in a tenth of the time
        join = np.logical_or if self.is_finished else np.logical_and
        return join.reduce([self.is_number(*pair) for pair in zip(numbers, self.bands, strict=True)])

    @property
    def _only_zero(self) -> bool:
        """Whether 0 is the only nodata value of all bands."""
        return self.zero_is_nodata and all(self.dataset.nodatavals[band - 1] in (None, 0) for band in self.bands)

    def clear(self, numbers: np.ndarray, window: Window) -> np.ndarray:
        """Set ``numbers`` (bands, h, w) of pixels without data to 0, in place; return where there is data, (h, w) bool."""
        valid = self.of(numbers, window)
        if self.has_masks or not self.is_finished or not self._only_zero:
            numbers[:, ~valid] = IMAGE_NODATA
        return valid
