"""The pictures of a region: its grids, and the layers of pictures that its files give, before a run and after it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lobate.errors import UserError
from lobate.imagery.reading.scene import Band, Scene, SceneRequest
from lobate.imagery.reading.scenes import read_scene
from lobate.imagery.scene_table import scenes_by_tile
from lobate.io.grid import Grid
from lobate.io.raster import read_grid
from lobate.review.basemap import basemap_layers
from lobate.review.picture_layers import (
    STEEPEST_DEG,
    DateLayer,
    ImageLayer,
    PhaseLayer,
    PictureLayer,
    ProbabilityLayer,
    ReliefLayer,
    existing,
)
from lobate.review.planes import Plane, planes_of
from lobate.settings import Region

log = logging.getLogger(__name__)

EIGHT_BIT = (0.0, 255.0)
MAX_REFLECTANCE = 1.0
INFRARED, RED, GREEN, BLUE = "B08", "B04", "B03", "B02"
SHORTWAVE = "B11"
COMBINATIONS = (
    ("true colour", (RED, GREEN, BLUE)),
    ("false colour (near infrared)", (INFRARED, RED, GREEN)),
    ("false colour (short-wave infrared)", (SHORTWAVE, INFRARED, RED)),
)
EXTRA_BANDS = (BLUE, GREEN, RED, INFRARED, SHORTWAVE)
"""Bands that are shown where a scene has them, besides those of the image."""


@dataclass(frozen=True)
class RegionPictures:
    """The planes by id, the grid of each tile, the layers in order, and what could not be opened (``notes``)."""

    planes: dict[str, Plane]
    grids: dict[str, Grid]
    layers: dict[str, PictureLayer]
    notes: list[str]

    def plane_of(self, tile: str) -> str:
        """Return the id of the plane of a tile."""
        return next(plane.id for plane in self.planes.values() if tile in plane.tiles)


def read_pictures(region: Region) -> RegionPictures:
    """Return the pictures of a region. A file that cannot be opened is told in ``notes``.

    Raises UserError where no tile has an image or a scene.
    """
    notes: list[str] = []
    scenes = _read_scenes(region, notes)
    grids = _grids(region, scenes, notes)
    if not grids:
        raise UserError(
            f"The region {region.region} has no image to look at yet: {notes[0] if notes else 'it has no scenes.'} Name products "
            "or images in imagery.tiles, or find and fetch scenes first (docs/tutorial.md)."
        )
    planes = planes_of(grids)
    plane_of = {tile: plane.id for plane in planes.values() for tile in plane.tiles}
    layers = [
        *_image_layers(region, plane_of),
        *_date_layers(region, scenes, plane_of),
        *_relief_layers(region, tuple(planes), notes),
        *_map_layers(region, plane_of),
        *_phase_layers(region, tuple(planes)),
        *basemap_layers(region.review.basemap, tuple(planes)),
    ]
    return RegionPictures(planes, grids, {layer.id: layer for layer in layers}, notes)


def image_path(region: Region, tile: str) -> Path:
    """Return the path of a tile's composed image."""
    return Path("results", region.region, "imagery", f"{tile}.tif")


def probability_path(region: Region, tile: str) -> Path:
    """Return the path of a tile's map of probability."""
    return Path("results", region.region, "mapping", f"{tile}_probability.tif")


OpenScene = tuple[Scene, dict[str, Band]]
"""A scene and its bands by name."""


def _read_scenes(region: Region, notes: list[str]) -> dict[str, list[OpenScene]]:
    """Return the scenes of each tile that are there."""
    try:
        tiles = scenes_by_tile(region.imagery)
    except UserError as error:
        notes.append(str(error))
        return {}
    found: dict[str, list[OpenScene]] = {}
    for tile, paths in tiles.items():
        found[tile] = []
        for path in paths:
            try:
                found[tile].append(_read_scene(region, Path(path)))
            except UserError as error:
                notes.append(str(error))
    return found


def _read_scene(region: Region, path: Path) -> OpenScene:
    """Return a scene with the bands of the image, and the further ones that it has."""
    scene = read_scene(path, _request(region, tuple(region.imagery.bands)))
    bands = dict(zip(region.imagery.bands, scene.bands, strict=True))
    if scene.is_8bit:
        return scene, bands
    for name in EXTRA_BANDS:
        if name not in bands:
            try:
                bands[name] = read_scene(path, _request(region, (name,))).bands[0]
            except UserError:
                continue  # this product has no such band
    return scene, bands


def _request(region: Region, bands: tuple[str, ...]) -> SceneRequest:
    return SceneRequest(
        bands, region.imagery.offset, needs_classes=False, band_order=tuple(region.imagery.band_order or ())
    )


def _grids(region: Region, scenes: Mapping[str, list[OpenScene]], notes: list[str]) -> dict[str, Grid]:
    """Return the grid of each tile: of its image, else of its first scene."""
    grids: dict[str, Grid] = {}
    for tile, found in scenes.items():
        image = image_path(region, tile)
        files = [str(image)] if image.exists() else [band.address for scene, _ in found for band in scene.bands[:1]]
        for file in files[:1]:
            try:
                grids[tile] = read_grid(file)
            except UserError as error:
                notes.append(str(error))
    return grids


def _by_plane(paths: Mapping[str, Sequence[str]], plane_of: Mapping[str, str]) -> dict[str, list[str]]:
    planes: dict[str, list[str]] = {}
    for tile, files in paths.items():
        if files and tile in plane_of:
            planes.setdefault(plane_of[tile], []).extend(files)
    return planes


def _combinations(bands: Sequence[str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the combinations of colours that these bands allow; the first three bands, or one, where there is none."""
    found = tuple((title, names) for title, names in COMBINATIONS if set(names) <= set(bands))
    plain = tuple(bands[:3]) if len(bands) >= 3 else tuple(bands[:1])
    return found if any(title == "true colour" for title, _ in found) else (("the image's bands", plain), *found)


def _image_layers(region: Region, plane_of: Mapping[str, str]) -> list[PictureLayer]:
    images = _by_plane({tile: existing([image_path(region, tile)]) for tile in plane_of}, plane_of)
    if not images:
        return []
    bands = tuple(region.imagery.bands)
    return [
        ImageLayer(
            id=_numbered("image", number),
            title=f"image of the map, {title}",
            group="image",
            planes=tuple(images),
            contrast=EIGHT_BIT,
            limits=EIGHT_BIT,
            bands=bands,
            shown=names,
            images=images,
        )
        for number, (title, names) in enumerate(_combinations(bands))
    ]


def _numbered(name: str, number: int) -> str:
    """Return the id of a layer's combination of bands; the first has no number."""
    return f"{name}_{number}" if number else name


def _date_layers(
    region: Region, scenes: Mapping[str, list[OpenScene]], plane_of: Mapping[str, str]
) -> list[PictureLayer]:
    """Return one layer for each date, the latest first; scenes without a date by their names."""
    dates: dict[str, list[tuple[str, OpenScene]]] = {}
    for tile, found in scenes.items():
        for scene, bands in found:
            if tile in plane_of:
                dates.setdefault(scene.date[:10] or scene.name, []).append((plane_of[tile], (scene, bands)))
    ordered = sorted(dates.items(), reverse=True)
    numbered = enumerate(ordered, start=1)
    return [layer for number, (date, found) in numbered for layer in _layers_of_date(region, number, date, found)]


def _layers_of_date(region: Region, number: int, date: str, found: list[tuple[str, OpenScene]]) -> list[PictureLayer]:
    scenes: dict[str, list[dict[str, Band]]] = {}
    for plane, (_, bands) in found:
        scenes.setdefault(plane, []).append(bands)
    first, _ = found[0][1]
    names = list(dict.fromkeys(name for _, (_, bands) in found for name in bands))
    stretch = region.imagery.stretch
    return [
        DateLayer(
            id=_numbered(f"date{number}", order),
            title=f"{date}, {title}",
            group="dates",
            planes=tuple(scenes),
            contrast=EIGHT_BIT if first.is_8bit else (stretch.lowest, stretch.highest),
            limits=EIGHT_BIT if first.is_8bit else (0.0, MAX_REFLECTANCE),
            bands=tuple(names),
            shown=chosen,
            date=first.date[:10],
            scenes=scenes,
        )
        for order, (title, chosen) in enumerate(_combinations(names))
    ]


def _relief_layers(region: Region, planes: tuple[str, ...], notes: list[str]) -> list[PictureLayer]:
    named = region.inventory.dem or []
    dems = existing([named] if isinstance(named, str) else named)
    for dem in dems:
        try:
            read_grid(dem)
        except UserError as error:
            notes.append(str(error))
            return []
    if not dems:
        return []
    styles = {"hillshade": "hillshade", "slope": "slope", "contours": "contour lines"}
    slopes = {"slope": (0.0, STEEPEST_DEG)}
    return [
        ReliefLayer(
            id=style,
            title=title,
            group="terrain",
            planes=planes,
            dems=dems,
            style=style,
            contrast=slopes.get(style),
            limits=(0.0, 90.0) if style in slopes else None,
        )
        for style, title in styles.items()
    ]


def _map_layers(region: Region, plane_of: Mapping[str, str]) -> list[PictureLayer]:
    maps = _by_plane({tile: existing([probability_path(region, tile)]) for tile in plane_of}, plane_of)
    if not maps:
        return []
    return [
        ProbabilityLayer(
            id="probability",
            title=f"probability of {region.landform}",
            group="map",
            reveals=True,
            planes=tuple(maps),
            contrast=(0.0, 1.0),
            limits=(0.0, 1.0),
            maps=maps,
        )
    ]


def _phase_layers(region: Region, planes: tuple[str, ...]) -> list[PictureLayer]:
    phase = region.figures.motion.phase
    if not phase or not Path(phase).exists():
        return []
    return [PhaseLayer(id="phase", title="phase of motion", group="motion", planes=planes, path=phase)]
