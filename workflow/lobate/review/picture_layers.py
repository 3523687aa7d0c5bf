"""What a picture can show: a tile's image, each date of its scenes, relief, the probability, the phase of motion."""

from __future__ import annotations

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pyproj import Proj, Transformer
from rasterio.crs import CRS

from lobate.errors import UserError
from lobate.imagery.reading.scene import Band
from lobate.io.dem import PLAUSIBLE_RANGE_M, heights_of, horn_gradient
from lobate.io.grid import LONLAT
from lobate.io.mask_values import PROBABILITY_NODATA
from lobate.review.colours import (
    CONTOUR_COLOUR,
    PHASE_RAMP,
    PROBABILITY_RAMP,
    SLOPE_RAMP,
    contour_opacity,
    hillshade,
    ramp,
    rgba,
    stretched,
)
from lobate.review.windows import OPEN, Frame, read_frame

STEEPEST_DEG = 60.0
CONTOUR_STEPS_M = (5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)
CONTOUR_PIXELS_M = 2.5
"""Metres between contour lines, at least, for each metre of a pixel."""
PROBABILITY_SCALE = PROBABILITY_NODATA - 1


@dataclass(frozen=True)
class Look:
    """How a picture is asked for: the contrast, in the layer's units, and the bands."""

    low: float | None = None
    high: float | None = None
    bands: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PictureLayer(ABC):
    """One layer of pictures. ``contrast``: the range that is stretched over the grey levels, None where there is none."""

    id: str
    title: str
    planes: tuple[str, ...]
    contrast: tuple[float, float] | None = None
    limits: tuple[float, float] | None = None
    """Ends of the contrast's slider."""
    bands: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    """The bands of the picture, three or one, where the request names none."""
    date: str = ""
    group: str = ""
    attribution: str = ""
    """Whose picture it is, where a licence asks for it."""
    reveals: bool = False
    """Whether it shows what our map says, so that nobody who answers blindly may see it."""

    @abstractmethod
    def paint(self, plane: str, frame: Frame, look: Look) -> np.ndarray | None:
        """Return the picture as RGBA (h, w, 4), None where there is nothing to show.

        Raises UserError for a file that cannot be read, and for bands that the layer has not.
        """

    @abstractmethod
    def files(self) -> list[str]:
        """Return the files that the layer reads."""

    def facts(self) -> dict[str, Any]:
        """Return what the page needs to know."""
        return {
            "id": self.id,
            "title": self.title,
            "kind": "picture",
            "group": self.group,
            "reveals": self.reveals,
            "attribution": self.attribution,
            "planes": list(self.planes),
            "date": self.date or None,
            "bands": list(self.bands),
            "shown": list(self.shown),
            "contrast": list(self.contrast) if self.contrast else None,
            "limits": list(self.limits) if self.limits else None,
            "stamp": self.stamp(),
        }

    def stamp(self) -> str:
        """Return a text that changes when the layer's files do, for the browser's cache."""
        return hashlib.sha256(repr([_file_state(file) for file in self.files()]).encode()).hexdigest()[:12]

    def _range(self, look: Look) -> tuple[float, float]:
        low, high = self.contrast or (0.0, 1.0)
        return (low if look.low is None else look.low), (high if look.high is None else look.high)

    def _chosen(self, look: Look) -> list[str]:
        """Return three names of bands, or one."""
        names = look.bands or self.shown
        unknown = [name for name in names if name not in self.bands]
        if unknown or len(names) not in (1, 3):
            raise UserError(
                f"The layer {self.title} has the bands {', '.join(self.bands)}; name one or three of them, each once or more."
            )
        return list(names)


def _file_state(file: str) -> tuple[str, int, int]:
    try:
        facts = os.stat(file)  # noqa: PTH116 - of addresses for GDAL too
    except OSError:
        return file, 0, 0
    return file, facts.st_mtime_ns, facts.st_size


@dataclass(frozen=True, kw_only=True)
class ImageLayer(PictureLayer):
    """The composed 8-bit images of tiles, by plane; the first tile that shows a pixel counts."""

    images: Mapping[str, Sequence[str]]

    def paint(self, plane: str, frame: Frame, look: Look) -> np.ndarray | None:
        """Return the picture."""
        indexes = [self.bands.index(name) + 1 for name in self._chosen(look)]
        numbers, valid = np.zeros((len(indexes), *frame.shape)), np.zeros(frame.shape, dtype=bool)
        for image in self.images.get(plane, ()):
            read, has_data = read_frame(image, indexes, frame, image=True)
            new = has_data & ~valid
            numbers[:, new] = read[:, new]
            valid |= new
            if valid.all():
                break
        return _composed(numbers, valid, self._range(look))

    def files(self) -> list[str]:
        """Return the images."""
        return [image for images in self.images.values() for image in images]


@dataclass(frozen=True, kw_only=True)
class DateLayer(PictureLayer):
    """The scenes of one date, by plane: their bands as reflectance, or as they are in finished 8-bit scenes."""

    scenes: Mapping[str, Sequence[Mapping[str, Band]]]

    def paint(self, plane: str, frame: Frame, look: Look) -> np.ndarray | None:
        """Return the picture."""
        chosen = self._chosen(look)
        values, valid = np.zeros((len(chosen), *frame.shape)), np.zeros(frame.shape, dtype=bool)
        for scene in self.scenes.get(plane, ()):
            if any(name not in scene for name in chosen):
                continue
            bands = {name: _reflectance(scene[name], frame) for name in dict.fromkeys(chosen)}
            new = np.logical_and.reduce([has_data for _, has_data in bands.values()]) & ~valid
            for number, name in enumerate(chosen):
                values[number, new] = bands[name][0][new]
            valid |= new
        return _composed(values, valid, self._range(look))

    def files(self) -> list[str]:
        """Return the files of the bands."""
        return [band.address for scenes in self.scenes.values() for scene in scenes for band in scene.values()]


def _reflectance(band: Band, frame: Frame) -> tuple[np.ndarray, np.ndarray]:
    numbers, valid = read_frame(band.address, [band.index], frame, image=True)
    if band.calibration is None:
        return numbers[0].astype(float), valid
    return (numbers[0] + band.calibration.offset) / band.calibration.quantification, valid


def _composed(values: np.ndarray, valid: np.ndarray, contrast: tuple[float, float]) -> np.ndarray | None:
    if not valid.any():
        return None
    colours = stretched(values, *contrast)
    return rgba(colours[0] if len(colours) == 1 else np.moveaxis(colours, 0, -1), np.where(valid, 255, 0))


@dataclass(frozen=True, kw_only=True)
class ReliefLayer(PictureLayer):
    """Elevation as ``style``: hillshade, slope or contours. Of several DEMs the first with a value counts."""

    dems: Sequence[str]
    style: str

    def paint(self, plane: str, frame: Frame, look: Look) -> np.ndarray | None:
        """Return the picture."""
        heights = self._heights(frame.grown(1))
        if not np.isfinite(heights).any():
            return None
        across, down = _pixel_m(frame)
        if self.style == "contours":
            interval = next((step for step in CONTOUR_STEPS_M if step >= CONTOUR_PIXELS_M * down), CONTOUR_STEPS_M[-1])
            colours = np.broadcast_to(np.array(CONTOUR_COLOUR, dtype=np.uint8), (*frame.shape, 3))
            return rgba(colours, contour_opacity(heights[1:, 1:], interval))
        east, north = horn_gradient(heights, across, down)
        valid = np.where(np.isfinite(east) & np.isfinite(north), 255, 0)
        if self.style == "hillshade":
            return rgba(hillshade(east, north), valid)
        low, high = self._range(look)
        slope = np.degrees(np.arctan(np.hypot(east, north)))
        share = np.clip((np.nan_to_num(slope) - low) / max(high - low, 1e-9), 0, 1)
        return rgba(ramp(share, SLOPE_RAMP), valid)

    def _heights(self, frame: Frame) -> np.ndarray:
        heights = np.full(frame.shape, np.nan)
        for dem in self.dems:
            facts = heights_of(OPEN.get(dem))
            numbers, valid = read_frame(dem, [1], frame, image=False, smooth=True)
            metres = numbers[0].astype(float) * facts.scale + facts.offset
            low, high = PLAUSIBLE_RANGE_M
            new = valid & (metres >= low) & (metres <= high) & np.isnan(heights)
            heights[new] = metres[new]
            if not np.isnan(heights).any():
                break
        return heights

    def files(self) -> list[str]:
        """Return the DEMs."""
        return list(self.dems)


def _pixel_m(frame: Frame) -> tuple[float, float]:
    """Return width and height of a frame's pixels in metres on the ground."""
    width, height = frame.pixel
    west, south, east, north = frame.bounds
    middle = (west + east) / 2, (south + north) / 2
    lon, lat = Transformer.from_crs(frame.crs.to_wkt(), LONLAT, always_xy=True).transform(*middle)
    if frame.crs.is_geographic:
        return width * 111_320 * max(np.cos(np.radians(lat)), 0.01), height * 110_570
    factors = Proj(frame.crs.to_wkt()).get_factors(lon, lat)
    metres = _metres(frame.crs)
    return width * metres / factors.parallel_scale, height * metres / factors.meridional_scale


def _metres(crs: CRS) -> float:
    return float(crs.linear_units_factor[1])


@dataclass(frozen=True, kw_only=True)
class ProbabilityLayer(PictureLayer):
    """The network's probability of the landform, by plane; more probable ground is more opaque."""

    maps: Mapping[str, Sequence[str]]

    def paint(self, plane: str, frame: Frame, look: Look) -> np.ndarray | None:
        """Return the picture."""
        probability, valid = np.zeros(frame.shape), np.zeros(frame.shape, dtype=bool)
        for path in self.maps.get(plane, ()):
            numbers, has_data = read_frame(path, [1], frame, image=False)
            new = has_data & (numbers[0] != PROBABILITY_NODATA)
            probability[new] = np.maximum(probability[new], numbers[0][new] / PROBABILITY_SCALE)
            valid |= new
        if not valid.any():
            return None
        low, high = self._range(look)
        share = np.clip((probability - low) / max(high - low, 1e-9), 0, 1)
        return rgba(ramp(share, PROBABILITY_RAMP), np.where(valid, 60 + 195 * share, 0))

    def files(self) -> list[str]:
        """Return the maps."""
        return [path for paths in self.maps.values() for path in paths]


@dataclass(frozen=True, kw_only=True)
class PhaseLayer(PictureLayer):
    """The phase of an interferogram, complex or in radians, in colours that go round."""

    path: str

    def paint(self, plane: str, frame: Frame, look: Look) -> np.ndarray | None:
        """Return the picture."""
        numbers, valid = read_frame(self.path, [1], frame, image=False)
        if not valid.any():
            return None
        phase = np.angle(numbers[0]) if np.iscomplexobj(numbers) else numbers[0].astype(float)
        share = np.mod(np.nan_to_num(phase) + np.pi, 2 * np.pi) / (2 * np.pi)
        return rgba(ramp(share, PHASE_RAMP), np.where(valid, 255, 0))

    def files(self) -> list[str]:
        """Return the interferogram."""
        return [self.path]


def existing(paths: Sequence[str | Path]) -> list[str]:
    """Return the paths of files that exist."""
    return [str(path) for path in paths if Path(path).exists()]
