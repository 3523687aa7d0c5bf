"""From a path to a scene, whichever of the known kinds it is; and which scenes of a tile are used, in which order."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from pathlib import Path

from lobate.errors import UserError
from lobate.imagery.reading import bandfolder, multiband, safe, stacitem
from lobate.imagery.reading.scene import Scene, SceneRequest
from lobate.io.digest import MANIFEST
from lobate.settings.imagery import Clouds

log = logging.getLogger(__name__)

READERS = (safe, stacitem, bandfolder, multiband)
"""Each kind is a module that ``recognises`` a path and can ``read`` it; the first that recognises it reads it."""


def read_scene(path: Path, wanted: SceneRequest) -> Scene:
    """Return the scene at ``path``; UserError when nothing is there, or when it lacks what is wanted.

    A fetched scene's checksums.json stands for its folder.
    """
    place = path.parent if path.name == MANIFEST and path.is_file() else path
    for kind in READERS:
        if kind.recognises(place):
            return kind.read(place, wanted)
    raise UserError(f"The scene {path} does not exist. Check the tile's list in imagery.tiles, or fetch the scene.")


@dataclass(frozen=True)
class SceneSelection:
    """The scenes of a tile that are used, the first first, and those that are not, each with its reason."""

    used: list[Scene]
    left_out: list[tuple[Scene, str]]


def select_scenes(scenes: list[Scene], clouds: Clouds) -> SceneSelection:
    """Choose the scenes that are clear enough, the clearest first, then the earliest, then by name.

    Scenes that do not say how cloudy they are are used, after the others. Whatever is left out is told in the log, too;
    UserError when nothing is left.
    """
    if len({scene.is_8bit for scene in scenes}) > 1:
        raise UserError(
            f"The scenes {', '.join(str(scene.path) for scene in scenes)} of one tile are partly 8 bit and partly "
            "reflectance; they cannot make one image. Give the tile scenes of one kind."
        )
    listed = sorted(scenes, key=lambda scene: (_cloud(scene, math.inf), scene.date, scene.name))
    used = [scene for scene in listed if _cloud(scene, 0) <= clouds.max_scene_cloud]
    left_out = [(scene, _reason(scene, clouds)) for scene in listed if _cloud(scene, 0) > clouds.max_scene_cloud]
    for scene, reason in left_out:
        log.info("scene %s is left out: %s", scene.name, reason)
    if not used:
        worst = "; ".join(f"{scene.name}: {reason}" for scene, reason in left_out)
        raise UserError(
            f"No scene of the tile is clear enough ({worst}). Add clearer scenes to the tile, or raise "
            "imagery.clouds.max_scene_cloud."
        )
    return SceneSelection(used, left_out)


def _cloud(scene: Scene, unknown: float) -> float:
    return unknown if scene.cloud is None else scene.cloud


def _reason(scene: Scene, clouds: Clouds) -> str:
    return f"cloud cover {scene.cloud:g} % is over the limit of {clouds.max_scene_cloud:g} %"
