"""A scene as the composer sees it, whatever kind of product it came from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from lobate.errors import UserError
from lobate.imagery.reading.calibration import Calibration, OffsetRule
from lobate.io.grid import Grid

COMMON_NAMES = {
    "B01": "coastal",
    "B02": "blue",
    "B03": "green",
    "B04": "red",
    "B05": "rededge1",
    "B06": "rededge2",
    "B07": "rededge3",
    "B08": "nir",
    "B8A": "nir08",
    "B09": "nir09",
    "B11": "swir16",
    "B12": "swir22",
}
"""Sentinel-2's band names and what catalogues call them."""


@dataclass(frozen=True)
class SceneRequest:
    """What is asked of a scene."""

    bands: tuple[str, ...]
    """Bands of the image, in order."""
    offset_rule: OffsetRule
    """What decides the offset where the product does not say."""
    needs_classes: bool
    """Whether the scene classification (SCL) will be looked at."""
    band_order: tuple[str, ...] = ()
    """Bands of files of several bands, in their order; empty where the files themselves say it."""


@dataclass(frozen=True)
class Band:
    """One band: the address that GDAL opens, its number in there (from 1), and what its numbers mean."""

    address: str
    index: int = 1
    calibration: Calibration | None = None
    """None where the numbers are not reflectance: classes, or pixels that are ready for the image."""

    def require_calibration(self) -> Calibration:
        """Return the calibration; ValueError where the numbers are not reflectance."""
        if self.calibration is None:
            raise ValueError(f"{self.address}, band {self.index}: the numbers are not reflectance")
        return self.calibration


@dataclass(frozen=True)
class Scene:
    """One product: its bands in the order asked for, its classification if any, its date and its cloud cover."""

    name: str
    path: Path
    bands: tuple[Band, ...]
    classes: Band | None = None
    date: str = ""
    """ISO date of sensing, empty where unknown."""
    cloud: float | None = None
    """Cloud cover in per cent, None where the product does not say."""
    baseline: str | None = None
    """Processing baseline (05.09), None where the product does not say."""
    grid: Grid | None = None
    """The bands' grid, where reading the scene opened them anyway."""

    @property
    def is_8bit(self) -> bool:
        """Whether the pixels are 8 bit already and pass through unchanged."""
        return all(band.calibration is None for band in self.bands)


def missing_band_error(where: Path, wanted: list[str], found: list[str]) -> UserError:
    """Return the mistake of a scene that lacks bands."""
    present = ", ".join(found) or "none at all"
    return UserError(
        f"{where} lacks {' and '.join(wanted)} (bands found: {present}). Fetch the scene again with all its bands, or "
        "change imagery.bands."
    )


def missing_classes_error(where: Path) -> UserError:
    """Return the mistake of a product without its scene classification."""
    return UserError(
        f"{where} has no scene classification (SCL), so its clouds cannot be masked. Fetch SCL too, or set "
        "imagery.clouds.invalid_classes: [] if the scene needs no mask."
    )


def find_date(name: str) -> str:
    """Return the first date in a name (20180711 or 2018-07-11) as an ISO date, else an empty string."""
    found = re.search(r"(?<!\d)((?:19|20)\d\d)-?([01]\d)-?([0-3]\d)(?!\d)", name)
    return "-".join(found.groups()) if found else ""
