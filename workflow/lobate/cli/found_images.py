"""What `lobate init` finds in images: tiles, grid, date, and what a person must say about them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain, count
from pathlib import Path

from pyproj import Transformer

from lobate.cli.result_names import clash
from lobate.errors import UserError
from lobate.imagery.reading import multiband
from lobate.imagery.reading.calibration import DEFAULT_QUANTIFICATION
from lobate.imagery.reading.scene import Scene, SceneRequest
from lobate.imagery.reading.scenes import read_scene
from lobate.io.drivers import SINGLE_FILE_DRIVERS
from lobate.io.grid import LONLAT, Grid
from lobate.io.raster import open_raster

MGRS_TILE = re.compile(r"(?<![A-Z0-9])T?(\d{2}[C-HJ-NP-X][A-HJ-NP-Z]{2})(?![A-Z0-9])")
BANDS = ("B04", "B03", "B02")
Box = tuple[float, float, float, float]
"""West, south, east and north in degrees."""


@dataclass
class FoundImages:
    """Images by tile, notes on each, and the questions that the files leave open, each with the setting that answers it."""

    tiles: dict[str, list[Path]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)
    settings: list[str] = field(default_factory=list)
    """Lines of settings, below imagery."""
    is_sentinel: bool = True


@dataclass(frozen=True)
class _Image:
    path: Path
    grid: Grid
    scene: Scene | None
    question: str


def find_images(paths: Sequence[Path]) -> FoundImages:
    """Return what the images say of themselves. Raises UserError for a file that is no image."""
    images = [_look_at(path) for path in paths]
    found = FoundImages(is_sentinel=all(MGRS_TILE.search(path.name) for path in paths), settings=_questions(images))
    names: dict[object, str] = {}
    for image in images:
        match = MGRS_TILE.search(image.path.name)
        place = match[1] if match else image.grid
        names.setdefault(place, f"T{match[1]}" if match else _new_name(image.path, names.values()))
        found.tiles.setdefault(names[place], []).append(image.path)
        found.notes.append(_note(image))
        found.boxes.append(box_of(image.grid))
    return found


def _new_name(path: Path, taken: Iterable[str]) -> str:
    """Return a name for a tile, made of the file's name, that no other tile and no result has."""
    stem = re.sub(r"[^A-Za-z0-9_-]+", "_", path.stem).strip("_-") or "tile"
    names = chain([stem], (f"{stem}-{number}" for number in count(2)))
    return next(name for name in names if name not in [*taken] and not clash("tile", name))


def box_of(grid: Grid) -> Box:
    """Return the bounds of a grid in degrees."""
    return Transformer.from_crs(grid.crs.to_wkt(), LONLAT, always_xy=True).transform_bounds(*grid.bounds)


def _look_at(path: Path) -> _Image:
    """Return an image, with its scene where the default settings can read it, else with the reader's own paragraph."""
    try:
        scene = read_scene(path, SceneRequest(BANDS, "metadata", needs_classes=False))
        return _Image(path, _grid(scene), scene, "")
    except UserError as unreadable:
        try:  # an offset, or a meaning of numbers, that no metadata tells
            scene = read_scene(
                path, SceneRequest(BANDS, "none", needs_classes=False, quantification=DEFAULT_QUANTIFICATION)
            )
            return _Image(path, _grid(scene), scene, str(unreadable))
        except UserError:
            if not multiband.recognises(path):
                raise unreadable from None
            with open_raster(path, drivers=SINGLE_FILE_DRIVERS) as dataset:
                return _Image(path, Grid.from_raster(dataset), None, str(unreadable))


def _grid(scene: Scene) -> Grid:
    if scene.grid:
        return scene.grid
    with open_raster(scene.bands[0].address, drivers=SINGLE_FILE_DRIVERS) as band:
        return Grid.from_raster(band)


def _note(image: _Image) -> str:
    grid, scene = image.grid, image.scene
    kind = "not read yet" if scene is None else "8 bit" if scene.is_8bit else "reflectance"
    date = f", {scene.date[:10]}" if scene and scene.date else ""
    cloud = f", {scene.cloud:.0f} % cloud" if scene and scene.cloud is not None else ""
    size = abs(grid.transform.a)
    unit = "degrees" if grid.crs.is_geographic else "m"
    return f"{image.path.name}: {kind}, {grid.width} x {grid.height} pixels of {size:g} {unit}, {grid.crs.to_string()[:20]}{date}{cloud}"


def _questions(images: Sequence[_Image]) -> list[str]:
    """Return lines for the section imagery: a question as a comment, and below it the setting that waits for the answer."""
    lines = []
    by_text = {image.question.split(": ", 1)[-1]: image for image in images if image.question}
    for text, image in by_text.items():
        alike = sum(other.question.split(": ", 1)[-1] == text for other in images)
        of_others = f" ({alike} such images)" if alike > 1 else ""
        lines += [f"# Question: {image.path.name}{of_others}: {text}"]
        lines += ["# quantification: 10000"] if image.scene and "imagery.quantification" in text else []
        lines += ["# offset: none"] if image.scene else ["# band_order: [B04, B03, B02]"]
    plain = [image for image in images if image.scene and not image.scene.is_8bit and not image.scene.classes]
    if any(multiband.recognises(image.path) for image in plain):
        lines += [
            "# Question: is there cloud on them? They have no scene classification, so no cloud is masked.",
        ]
    return lines
