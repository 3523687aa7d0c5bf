"""What a run of a region will cost, before it: tiles, patches, jobs, disk and the network's time, all of it rough.

Counts follow from the configuration and the outlines it names; bytes and seconds are those counts times the rates below.
They are there to tell an afternoon from a month, and a full disk before it is full; `snakemake -n` counts jobs exactly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import pyogrio
import rasterio

from lobate.imagery.scene_table import scene_rows, scenes_by_tile
from lobate.io.vector import LONLAT, geodesic_area_m2, readable
from lobate.patches.windows import largest_side, window_spans
from lobate.settings import Region
from lobate.settings.base import PolygonFile

PIXELS = 10_980  # side of a Sentinel-2 tile at 10 m
PIXEL_M = 10.0
LENGTH_TO_WIDTH = 3.0  # of a rock glacier, as the docstring of patches.cores reckons

# Bytes: a 10 m band of a scene (two a pixel, less where it is packed well), a pixel of a composed image with its overviews
# (as in the embedded example), and of labels, probability and the record of scenes.
BAND_BYTES, IMAGE_BYTES, OTHER_BYTES = 2.0 * PIXELS**2, 3.0, 0.5
# Bytes of a model file: 42 million weights of four bytes in the paper's network, a tenth of it in a small one.
LARGE_MODEL, SMALL_MODEL = 170e6, 20e6
# Seconds of a 480 x 480 window on two processor cores, through the network and in a training step (forward and back):
# measured on the machine this was written on, with other work beside it.
SECONDS = {"xception": (6.0, 45.0), "": (0.2, 1.0)}
SIDE = 480
FINER = 3.0  # what an output stride of 8 costs in the place of 16

PER_TILE = 5  # compose, rasterize, crop, predict, vectorize
PER_ROUND = 2  # train, mine
ONCE = 35  # the steps that see the whole region, and the figures


@dataclass(frozen=True)
class Cost:
    """Rough counts; ``outlines`` and what follows from them are 0 where no outlines are there yet."""

    tiles: int
    fetches: int
    outlines: int
    patches: int
    jobs: int
    disk_bytes: float
    windows: int
    map_hours: float
    round_hours: float
    rounds: int


def estimate_cost(region: Region) -> Cost:
    """Reckon what a run of ``region`` costs; its files must be in order (`check_region`)."""
    tiles, training = scenes_by_tile(region.imagery), region.training
    fetches = [row["scene"] for row in scene_rows(region.imagery)]
    outlines, patches = _patches(region)
    pixels = sum(_pixels(scenes, region) for scenes in tiles.values())
    windows = sum(math.ceil(_side(scenes, region) / _step(region)) ** 2 for scenes in tiles.values())
    look, step = _seconds(region)
    return Cost(
        tiles=len(tiles),
        fetches=len(set(fetches)),
        outlines=outlines,
        patches=patches,
        jobs=PER_TILE * len(tiles) + len(set(fetches)) + PER_ROUND * training.max_rounds + ONCE,
        disk_bytes=_disk(region, pixels, len(set(fetches)), patches),
        windows=windows,
        map_hours=windows * look * _looks(region) / 3600,
        round_hours=training.schedule.iterations * training.schedule.batch * step / 3600,
        rounds=training.max_rounds,
    )


def cost_text(reckoned: Cost, region: Region) -> str:
    """Return a cost as lines for a terminal."""
    if not reckoned.tiles:
        return "What a run will cost can be said when its scenes are found.\n"
    network = region.training.network.backbone
    rounds = f"{reckoned.rounds} round" + "s" * (reckoned.rounds != 1)
    lines = [
        "A run will cost roughly:",
        f"  tiles    {reckoned.tiles}" + (f", from {reckoned.fetches} scenes to fetch" if reckoned.fetches else ""),
        f"  patches  {_patches_told(reckoned)}",
        f"  jobs     about {reckoned.jobs} (`snakemake -n` counts them)",
        f"  disk     {_size(reckoned.disk_bytes)} in results/ and resources/",
        f"  mapping  {reckoned.windows:,} windows through {network}: {_time(reckoned.map_hours)} on two processor cores",
        f"  training {_time(reckoned.round_hours)} a round on two processor cores, at most {rounds}"
        + (" and one on the other protocol's split" if region.training.both_protocols else ""),
        "Times are the network's own, from one machine with two cores, and may be wrong by a factor of three; a GPU takes a small part "
        "of them (the log of `train` tells images a second after the first minutes). Mining maps every tile once more a round.",
    ]
    return "\n".join(lines) + "\n"


def _patches_told(reckoned: Cost) -> str:
    if not reckoned.outlines:
        return "not known before the outlines are there"
    return f"about {reckoned.patches:,}, of {reckoned.outlines:,} outlines"


def _patches(region: Region) -> tuple[int, int]:
    """Return the number of outlines used, and of patches they would give were each three times as long as wide."""
    files = [*region.labels.positives, *region.labels.negatives]
    removed = _removed(region)
    areas = [area for file in files for area in _areas(file)]
    if not areas:
        return 0, 0
    used = max(len(areas) - removed, 1)
    pixel_m = _pixel_m(region)
    return used, round(sum(_of_one(area, region, pixel_m) for area in areas) * used / len(areas))


def _of_one(area_m2: float, region: Region, pixel_m: float) -> int:
    crop = region.patches.crop
    width = math.sqrt(area_m2 / LENGTH_TO_WIDTH)
    sides = (width, LENGTH_TO_WIDTH * width)
    spans = [window_spans(round((side + 2 * crop.buffer_m) / pixel_m), crop.core, crop.margin) for side in sides]
    return len(spans[0]) * len(spans[1])


def _areas(file: PolygonFile) -> list[float]:
    if not Path(file.path).exists():
        return []
    with readable(Path(file.path)) as whole:
        rows = pyogrio.read_dataframe(whole, layer=file.layer)
    for field, value in file.where.items():
        rows = rows[rows[field] == value]
    areas = geodesic_area_m2(rows[~rows.geometry.isna()].to_crs(LONLAT)).tolist()
    return [area for area in areas if math.isfinite(area)]  # what has no place is told when outlines are cleaned


def _removed(region: Region) -> int:
    from lobate.labels.table import read_removed

    listed_in = region.labels.removed
    return len(read_removed(Path(listed_in))) if listed_in and Path(listed_in).exists() else 0


def _side(scenes: list[str], region: Region) -> float:
    return math.sqrt(_pixels(scenes, region))


def _pixels(scenes: list[str], region: Region) -> int:
    """Return the pixels of a tile: the example's, a ready image's own, else a Sentinel-2 tile's."""
    if region.example:
        return region.example.side**2
    if _is_ready(scenes):
        with rasterio.open(scenes[0]) as image:
            return image.width * image.height
    return PIXELS**2


def _pixel_m(region: Region) -> float:
    """Return the side of a pixel in metres: a ready image's own, else Sentinel-2's."""
    ready = [scenes for scenes in scenes_by_tile(region.imagery).values() if _is_ready(scenes)]
    if not ready:
        return PIXEL_M
    with rasterio.open(ready[0][0]) as image:
        projected = image.crs is not None and image.crs.is_projected
        return image.res[0] * image.crs.linear_units_factor[1] if projected else PIXEL_M


def _is_ready(scenes: list[str]) -> bool:
    return Path(scenes[0]).is_file() and Path(scenes[0]).suffix.lower() in (".tif", ".tiff")


def _step(region: Region) -> int:
    predict = region.mapping.predict
    return predict.window - predict.overlap


def _looks(region: Region) -> float:
    predict, finer = region.mapping.predict, 1.0
    if predict.output_stride == 8 or (predict.output_stride == "model" and region.training.network.output_stride == 8):
        finer = FINER
    looks = sum(scale**2 for scale in predict.tta.scales) * (8 if predict.tta.symmetries else 1)
    return finer * looks * (predict.window / SIDE) ** 2 * (1 + len(predict.ensemble))


def _seconds(region: Region) -> tuple[float, float]:
    """Return the seconds of a window of 480 px, and of a training patch of the crop's size."""
    look, step = SECONDS["xception" if _large(region) else ""]
    return look, step * (region.training.schedule.crop / SIDE) ** 2


def _large(region: Region) -> bool:
    return "mobilenet" not in region.training.network.backbone


def _disk(region: Region, pixels: int, fetches: int, patches: int) -> float:
    crop = region.patches.crop
    patch = largest_side(crop.core, crop.margin) ** 2 * (len(region.imagery.bands) + 1)
    model = LARGE_MODEL if _large(region) else SMALL_MODEL
    return (
        fetches * len(region.imagery.bands) * BAND_BYTES
        + pixels * (IMAGE_BYTES * len(region.imagery.bands) / 3 + OTHER_BYTES)
        + patches * patch
        + (region.training.max_rounds + 1) * model
    )


def _size(count: float) -> str:
    return f"{count / 1e9:.0f} GB" if count >= 10e9 else f"{count / 1e9:.1f} GB"


def _time(hours: float) -> str:
    if hours < 1 / 30:
        return "under two minutes"
    if hours < 1:
        return f"about {hours * 60:.0f} minutes"
    return f"about {hours:.0f} hours" if hours < 72 else f"about {hours / 24:,.0f} days"
