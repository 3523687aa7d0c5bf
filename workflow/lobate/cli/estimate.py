"""A rough estimate of a run before it starts: tiles, scenes, outlines, patches, jobs, windows, iterations and disk space.

The counts follow from the configuration and from the outlines it names; bytes are these counts times the sizes below.
`snakemake -n` counts the jobs exactly. Times are left out, since they depend on the machine: a run measures its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from lobate.imagery.scene_table import scene_rows, scenes_by_tile
from lobate.io.antimeridian import to_lonlat
from lobate.io.features import read_features
from lobate.io.raster import open_raster
from lobate.io.values import selected
from lobate.io.vector import geodesic_area_m2
from lobate.patches.windows import largest_side, window_spans
from lobate.settings import Region
from lobate.settings.base import PolygonFile

TILE_PX = 10_980  # side of a Sentinel-2 tile at 10 m
PIXEL_M = 10.0
LENGTH_TO_WIDTH = 3.0  # of a rock glacier, as in the docstring of patches.windows

# Bytes of one 10 m band of a scene (at most two a pixel), of a pixel of a composed image with its overviews (measured on the
# embedded example), and of a pixel of labels, probability and scene record together.
BAND_BYTES, IMAGE_BYTES, OTHER_BYTES = 2.0 * TILE_PX**2, 3.0, 0.5
# Bytes of a model file: 42 million weights of four bytes in the paper's network, about a tenth of that in a small one.
LARGE_MODEL, SMALL_MODEL = 170e6, 20e6

LARGE_PIXELS = 20_000**2
"""A larger image is legal, but its cost is said: some three Sentinel-2 tiles."""

JOBS_PER_TILE = 5  # compose, rasterize, crop, predict, vectorize
JOBS_PER_ROUND = 3  # train, judge, mine
JOBS_PER_REGION = 35  # steps that run once, figures among them


@dataclass(frozen=True)
class Estimate:
    """Rough counts of a run; ``outlines`` and ``patches`` are 0 where no outlines exist yet.

    ``passes`` is the number of forward passes for one window, ``trainings`` the largest number of trainings beside the
    rounds: one on the other protocol's split, and one a fold. ``pixels`` are those of all tiles, ``large`` those of each
    tile with more than ``LARGE_PIXELS``.
    """

    tiles: int
    fetches: int
    outlines: int
    patches: int
    jobs: int
    disk_bytes: float
    windows: int
    passes: int
    iterations: int
    rounds: int
    trainings: int
    pixels: int
    large: dict[str, int]


def estimate_run(region: Region) -> Estimate:
    """Return the counts of a run of ``region``; its files must be in order (`check_region`).

    Raises UserError for outlines far too complex to work with.
    """
    tiles, training = scenes_by_tile(region.imagery), region.training
    fetches = len({row["scene"] for row in scene_rows(region.imagery)})
    outlines, patches = _count_patches(region)
    pixels = {tile: _tile_pixels(scenes, region) for tile, scenes in tiles.items()}
    trainings = training.both_protocols + region.patches.split.folds
    return Estimate(
        tiles=len(tiles),
        fetches=fetches,
        outlines=outlines,
        patches=patches,
        jobs=JOBS_PER_TILE * len(tiles)
        + fetches
        + JOBS_PER_ROUND * training.max_rounds
        + trainings
        + len(region.inventory.others)
        + JOBS_PER_REGION,
        disk_bytes=_disk_bytes(region, sum(pixels.values()), fetches, patches),
        windows=sum(_count_windows(count, region) for count in pixels.values()),
        passes=_passes(region),
        iterations=training.schedule.iterations,
        rounds=training.max_rounds,
        trainings=trainings,
        pixels=sum(pixels.values()),
        large={tile: count for tile, count in pixels.items() if count > LARGE_PIXELS},
    )


def format_estimate(estimate: Estimate, region: Region) -> str:
    """Return an estimate as lines for a terminal."""
    if not estimate.tiles:
        return "The size of a run can be estimated once its scenes are found.\n"
    predict, schedule, folder = region.mapping.predict, region.training.schedule, f"results/{region.region}"
    lines = [
        "Rough size of a run:",
        f"  tiles     {estimate.tiles}"
        + (f", from {estimate.fetches} scenes to fetch" if estimate.fetches else "")
        + f"; {_millions(estimate.pixels)} in all",
        f"  outlines  {_outlines_text(estimate)}",
        f"  jobs      about {estimate.jobs} (`snakemake -n` counts them)",
        f"  disk      {_size(estimate.disk_bytes)} in results/ and resources/",
        f"  training  at most {_plural(estimate.rounds, 'round')} of {estimate.iterations:,} iterations of "
        f"{_plural(schedule.batch, 'patch')}" + _further_trainings(estimate.trainings),
        f"  mapping   {estimate.windows:,} windows of {predict.window} px, {_plural(estimate.passes, 'forward pass')} each; "
        "mining maps every tile once more a round",
        f"Times depend on your machine: after the first hundred iterations {folder}/logs/train/round_1.log shows images a second "
        f"and the seconds left, and {folder}/benchmarks holds the time of each finished step.",
    ]
    lines += [_large_text(tile, count) for tile, count in estimate.large.items()]
    return "\n".join(lines) + "\n"


def _large_text(tile: str, pixels: int) -> str:
    times = pixels / TILE_PX**2
    return (
        f"Warning: tile {tile} has {_millions(pixels)}, as many as {times:.0f} tiles of Sentinel-2. Each of its steps takes {times:.0f} "
        "times as long as for one, and a step that is interrupted begins anew. Cut the image into several tiles, or leave out "
        "its empty margin."
    )


def _millions(pixels: int) -> str:
    return f"{pixels / 1e6:,.0f} million pixels" if pixels >= 1e6 else f"{pixels:,} pixels"


def _outlines_text(estimate: Estimate) -> str:
    if not estimate.outlines:
        return "none yet; patches are counted once the outlines are there"
    return f"{estimate.outlines:,}, cut into about {_plural(estimate.patches, 'patch')}"


def _further_trainings(count: int) -> str:
    return f"; {_plural(count, 'training')} more on other splits" if count else ""


def _plural(count: int, noun: str) -> str:
    ending = "" if count == 1 else "es" if noun.endswith(("s", "ch")) else "s"
    return f"{count:,} {noun}{ending}"


def _count_patches(region: Region) -> tuple[int, int]:
    """Return the number of outlines used, and of their patches if each outline is three times as long as wide."""
    areas = [area for file in (*region.labels.positives, *region.labels.negatives) for area in _areas_m2(file)]
    if not areas:
        return 0, 0
    used = max(len(areas) - _count_removed(region), 1)
    pixel_m = _pixel_m(region)
    return used, round(sum(_patches_of_area(area, region, pixel_m) for area in areas) * used / len(areas))


def _patches_of_area(area_m2: float, region: Region, pixel_m: float) -> int:
    crop = region.patches.crop
    width = math.sqrt(area_m2 / LENGTH_TO_WIDTH)
    sides = (width, LENGTH_TO_WIDTH * width)
    spans = [window_spans(round((side + 2 * crop.buffer_m) / pixel_m), crop.core, crop.margin) for side in sides]
    return len(spans[0]) * len(spans[1])


def _areas_m2(file: PolygonFile) -> list[float]:
    if not Path(file.path).exists():
        return []
    outlines = read_features(file.path, file.layer, encoding=file.encoding)
    outlines = outlines[selected(outlines, file.where)]
    areas = geodesic_area_m2(to_lonlat(outlines[~outlines.geometry.isna()])).tolist()
    return [area for area in areas if math.isfinite(area)]  # cleaning reports outlines without a place


def _count_removed(region: Region) -> int:
    from lobate.labels.table import read_removed

    removed = region.labels.removed
    return len(read_removed(Path(removed))) if removed and Path(removed).exists() else 0


def _tile_pixels(scenes: list[str], region: Region) -> int:
    """Return the pixels of a tile: those of the example, of a ready image, else of a Sentinel-2 tile."""
    if region.example:
        return region.example.side**2
    if _is_ready(scenes):
        with open_raster(scenes[0], require_place=False) as image:
            return image.width * image.height
    return TILE_PX**2


def _pixel_m(region: Region) -> float:
    """Return the side of a pixel in metres: that of the first ready image, else Sentinel-2's."""
    ready = [scenes for scenes in scenes_by_tile(region.imagery).values() if _is_ready(scenes)]
    if not ready:
        return PIXEL_M
    with open_raster(ready[0][0], require_place=False) as image:
        projected = image.crs is not None and image.crs.is_projected
        return image.res[0] * image.crs.linear_units_factor[1] if projected else PIXEL_M


def _is_ready(scenes: list[str]) -> bool:
    return Path(scenes[0]).is_file() and Path(scenes[0]).suffix.lower() in (".tif", ".tiff")


def _count_windows(pixels: int, region: Region) -> int:
    predict = region.mapping.predict
    return math.ceil(math.sqrt(pixels) / (predict.window - predict.overlap)) ** 2


def _passes(region: Region) -> int:
    predict = region.mapping.predict
    return len(predict.tta.scales) * (8 if predict.tta.symmetries else 1) * (1 + len(predict.ensemble))


def _disk_bytes(region: Region, pixels: int, fetches: int, patches: int) -> float:
    crop, bands = region.patches.crop, len(region.imagery.bands)
    patch_bytes = largest_side(crop.core, crop.margin) ** 2 * (bands + 1)
    model_bytes = SMALL_MODEL if "mobilenet" in region.training.network.backbone else LARGE_MODEL
    return (
        fetches * bands * BAND_BYTES
        + pixels * (IMAGE_BYTES * bands / 3 + OTHER_BYTES)
        + patches * patch_bytes
        + (region.training.max_rounds + 1) * model_bytes
    )


def _size(count: float) -> str:
    return f"{count / 1e9:.0f} GB" if count >= 10e9 else f"{count / 1e9:.1f} GB"
