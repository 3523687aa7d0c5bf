"""Reading of a scene of any kind, and selection of a tile's scenes by cloud cover."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from pathlib import Path

from lobate.errors import UserError
from lobate.imagery.reading import bandfolder, multiband, safe, stacitem
from lobate.imagery.reading.scene import Scene, SceneRequest
from lobate.io.digest import MANIFEST
from lobate.io.grid import Grid
from lobate.settings.imagery import Clouds

log = logging.getLogger(__name__)

TILE_PIXELS = 10_980**2
"""Pixels of a Sentinel-2 tile at 10 m."""
MAX_PIXELS = 100_000**2
"""Pixels of a scene: 83 times those of a Sentinel-2 tile."""
READERS = (safe, stacitem, bandfolder, multiband)
"""Modules with ``recognises`` and ``read``, one for each kind of scene; the first that recognises a path reads it."""


def read_scene(path: Path, wanted: SceneRequest) -> Scene:
    """Return the scene at ``path``, where the checksums.json of a fetched scene stands for its folder.

    Raises UserError for a missing path, and for a scene without what is wanted.
    """
    place = scene_place(path)
    for reader in READERS:
        if reader.recognises(place):
            return reader.read(place, wanted)
    raise UserError(f"The scene {path} does not exist. Check the tile's list in imagery.tiles, or fetch the scene.")


def scene_place(path: Path) -> Path:
    """Return the folder of a fetched scene for its checksums.json, and any other path as it is."""
    return path.parent if path.name == MANIFEST and path.is_file() else path


def check_size(grid: Grid, source: Path | str) -> None:
    """Raise UserError for a scene so large that its tile would take days, however few of its pixels hold data."""
    if grid.height * grid.width > MAX_PIXELS:
        raise UserError(
            f"{source} has {grid.width:,} x {grid.height:,} pixels, as many as {grid.height * grid.width / TILE_PIXELS:.0f} tiles of "
            f"Sentinel-2; one tile of a region has {MAX_PIXELS:,} at most. All are mapped, also where the file is empty. Cut "
            "it into several tiles (gdal_translate -projwin), or cut its empty margin off."
        )


@dataclass(frozen=True)
class SceneSelection:
    """The scenes of a tile that are used, in order, and those that are left out, with the reason."""

    used: list[Scene]
    left_out: list[tuple[Scene, str]]


def select_scenes(scenes: list[Scene], clouds: Clouds) -> SceneSelection:
    """Select the scenes under the cloud limit, sorted by cloud cover, date and name.

    Scenes of unknown cloud cover are used after the others. Those left out are logged. Raises UserError when none is left.
    """
    if len({scene.is_8bit for scene in scenes}) > 1:
        raise UserError(
            f"The scenes {', '.join(str(scene.path) for scene in scenes)} of one tile are partly 8 bit and partly "
            "reflectance; they cannot be composed into one image. Give the tile scenes of one kind."
        )
    ordered = sorted(scenes, key=lambda scene: (_cloud(scene, math.inf), scene.date, scene.name))
    used = [scene for scene in ordered if _cloud(scene, 0) <= clouds.max_scene_cloud]
    left_out = [(scene, _reason(scene, clouds)) for scene in ordered if _cloud(scene, 0) > clouds.max_scene_cloud]
    for scene, reason in left_out:
        log.info("scene %s is left out: %s", scene.name, reason)
    if not used:
        reasons = "; ".join(f"{scene.name}: {reason}" for scene, reason in left_out)
        raise UserError(
            f"No scene of the tile is clear enough ({reasons}). Add clearer scenes to the tile, or raise "
            "imagery.clouds.max_scene_cloud."
        )
    return SceneSelection(used, left_out)


def _cloud(scene: Scene, unknown: float) -> float:
    return unknown if scene.cloud is None else scene.cloud


def _reason(scene: Scene, clouds: Clouds) -> str:
    return f"cloud cover {scene.cloud:g} % is over the limit of {clouds.max_scene_cloud:g} %"
