"""A scene and its bands, the same for all kinds of products."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from lobate.errors import UserError
from lobate.imagery.reading.calibration import Calibration, OffsetRule
from lobate.io.grid import Grid


@dataclass(frozen=True)
class SceneRequest:
    """What to read of a scene."""

    bands: tuple[str, ...]
    """Bands of the image, in order."""
    offset_rule: OffsetRule
    """Setting for the offset of products without calibration."""
    needs_classes: bool
    """Whether the scene classification (SCL) is needed."""
    quantification: float | None = None
    """Setting for the number that is a reflectance of 1, for files that do not say it."""
    band_order: tuple[str, ...] = ()
    """Names of the bands of multi-band files, in order; empty where the files describe their bands."""


@dataclass(frozen=True)
class Band:
    """One band: the path or address for GDAL, its number in that file (from 1), and its calibration."""

    address: str
    index: int = 1
    calibration: Calibration | None = None
    """None where the numbers are not reflectance: classes, or 8-bit pixels of a finished image."""

    def require_calibration(self) -> Calibration:
        """Return the calibration; ValueError where the numbers are not reflectance."""
        if self.calibration is None:
            raise ValueError(f"{self.address}, band {self.index}: the numbers are not reflectance")
        return self.calibration


@dataclass(frozen=True)
class Scene:
    """One product: its bands in the requested order, its classification if any, its date and its cloud cover."""

    name: str
    path: Path
    bands: tuple[Band, ...]
    classes: Band | None = None
    date: str = ""
    """ISO date of sensing, empty where unknown."""
    cloud: float | None = None
    """Cloud cover in per cent, None where unknown."""
    baseline: str | None = None
    """Processing baseline (05.09), None where unknown."""
    grid: Grid | None = None
    """Grid of the bands, where reading the scene opened them anyway."""
    alpha: tuple[int, ...] | None = None
    """Numbers of the alpha bands of a scene in one file; None for those that its files say."""

    @property
    def is_8bit(self) -> bool:
        """Whether the pixels are 8 bit already and pass through unchanged."""
        return all(band.calibration is None for band in self.bands)


def missing_band_error(path: Path, missing: list[str], present: list[str]) -> UserError:
    """Return the error of a scene without some of the requested bands."""
    return UserError(
        f"{path} lacks {' and '.join(missing)} (bands found: {', '.join(present) or 'none at all'}). Fetch the scene again with "
        "all its bands, or change imagery.bands."
    )


def missing_classes_error(path: Path) -> UserError:
    """Return the error of a product without its scene classification."""
    return UserError(
        f"{path} has no scene classification (SCL), so its clouds cannot be masked. Fetch SCL too, or set "
        "imagery.clouds.invalid_classes: [] if the scene needs no mask."
    )


def find_date(name: str) -> str:
    """Return the first date in a name (20180711 or 2018-07-11) as an ISO date, else an empty string."""
    match = re.search(r"(?<!\d)((?:19|20)\d\d)-?([01]\d)-?([0-3]\d)(?!\d)", name)
    return "-".join(match.groups()) if match else ""
