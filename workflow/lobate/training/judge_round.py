"""The verb `judge_round`: the IoU of a round by which its target and the choice among rounds are judged.

By default it is counted on the windows of the map, at one scale, over the validation ground; with ``training.judge: patches``
it is that of the validation patches, as in the paper. The probability that decides is 0.5 in both.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import geopandas as gpd
import numpy as np

from lobate.engine.signature import Input, Output, Setting, run_instead_if
from lobate.errors import UserError
from lobate.io.intervals import jackknife
from lobate.io.jsonfile import write_json
from lobate.io.mask_values import LANDFORM, lowest_level
from lobate.io.raster import open_raster
from lobate.io.vector import read_layer, write_layers
from lobate.settings.mapping import Predict
from lobate.training.rounds import read_verdict

if TYPE_CHECKING:
    from lobate.network.batches import Network
    from lobate.network.sliding_window import Part

log = logging.getLogger(__name__)

HALF = 0.5
ON_PATCHES, ON_WINDOWS = "validation patches", "windows of the map on validation ground"
CELLS = ("true_negative", "false_positive", "false_negative", "true_positive")
PLACE = ("window_row", "window_col", "height", "width")


@dataclass(frozen=True)
class ValidationGround:
    """The validation patches of a tile: their places in its image, and the number of each one's group of ``count``."""

    parts: list[Part]
    numbers: list[int]
    count: int

    @classmethod
    def of(cls, rows: gpd.GeoDataFrame, names: list[str]) -> ValidationGround:
        """Return the ground of patches with their places and their group, one of ``names``."""
        columns = [rows[name].astype(int).tolist() for name in PLACE]
        return cls(list(zip(*columns, strict=True)), [names.index(str(name)) for name in rows["group"]], len(names))

    def groups(self, start: int, shape: tuple[int, ...]) -> np.ndarray:
        """Return the number of the group of each pixel from row ``start`` on; of several patches that of the last."""
        group = np.zeros(shape, dtype=np.int64)
        for (row, column, height, width), number in zip(self.parts, self.numbers, strict=True):
            group[max(0, row - start) : max(0, row + height - start), column : column + width] = number
        return group


def one_scale_windows(settings: Predict) -> Predict:
    """Return the windows and their blending alone: no augmentation, no ensemble, the stride of the training."""
    return Predict(window=settings.window, overlap=settings.overlap, blend=settings.blend)


def facts_of_training(source: Path, target: Path) -> None:
    """Write a verdict without an earlier judgement: a view."""
    write_json(target, {name: value for name, value in read_verdict(source).items() if name != "judged"})


def validation_places(source: Path, target: Path) -> None:
    """Write place and group of the validation patches of a split: a view."""
    rows = read_layer(source, "split")
    write_layers(target, {"split": rows.loc[rows["side"] == "validation", ["tile", "group", *PLACE, "geometry"]]})


def judged_on_patches(judge: Annotated[str, Setting("training.judge")]) -> bool:
    """Whether the setting names the patches."""
    return judge == "patches"


def keep_patch_iou(verdict: Annotated[Path, Input(view=facts_of_training)], judged: Annotated[Path, Output()]) -> None:
    """Write the verdict with the IoU of its validation patches as the one to judge by."""
    facts = read_verdict(verdict)
    write_json(judged, facts | {"judged": {"ground": ON_PATCHES, "iou": facts["validation_iou"]["landform"]}})


@run_instead_if(judged_on_patches, instead=keep_patch_iou)
def judge_round(
    model: Annotated[Path, Input()],
    verdict: Annotated[Path, Input(view=facts_of_training)],
    images: Annotated[list[Path], Input()],
    labels: Annotated[list[Path], Input()],
    split: Annotated[Path, Input(view=validation_places)],
    judged: Annotated[Path, Output()],
    *,
    tiles: list[str],
    windows: Annotated[Predict, Setting("mapping.predict", view=one_scale_windows)],
) -> None:
    """Map the validation ground with the round's ``model`` as mapping would, at one scale, and count pixels against labels.

    ``judged`` is the ``verdict`` with an entry `judged`: the ground, the landform's IoU at a probability of 0.5 (None without
    landform there), its interval, and the pixel counts of each group of patches. ``images`` and ``labels`` are those of
    ``tiles``. Ground of several patches counts once. Raises UserError for files that do not fit each other.
    """
    from lobate.network.deeplab import landform_probability
    from lobate.network.device import choose_device
    from lobate.network.inference_graph import fuse_batch_norms
    from lobate.network.modelfile import load

    net, _ = load(model)
    device = choose_device()
    network = landform_probability(fuse_batch_norms(net, model), device)
    rows = read_layer(split, "split")
    names = sorted(set(rows["group"].astype(str)))
    counts = np.zeros((len(names), 4), dtype=np.int64)
    for tile, image, label in zip(tiles, images, labels, strict=True):
        ground = ValidationGround.of(rows[rows["tile"] == tile], names)
        if ground.parts:
            counts += _count_tile(network, image, label, ground, windows, net.channels, device)
    facts = judgement(dict(zip(names, counts, strict=True)))
    write_json(judged, read_verdict(verdict) | {"judged": facts})
    log.info("IoU of the landform on %s: %s (%s)", ON_WINDOWS, facts["iou"], facts["interval"])


def judgement(groups: dict[str, np.ndarray]) -> dict[str, Any]:
    """Return the judgement from the counts (4,) of each group, in the order of ``CELLS``."""
    _, wrong, missed, hits = np.array(list(groups.values())).reshape(-1, 4).T
    union = int(hits.sum() + wrong.sum() + missed.sum())
    return {
        "ground": ON_WINDOWS,
        "iou": round(float(hits.sum() / union), 6) if hits.sum() + missed.sum() else None,
        "interval": jackknife(hits, hits + wrong + missed),
        "groups": {name: dict(zip(CELLS, counts.tolist(), strict=True)) for name, counts in groups.items()},
    }


def _count_tile(
    network: Network, image: Path, label: Path, ground: ValidationGround, windows: Predict, channels: int, device: str
) -> np.ndarray:
    """Return the pixels of a tile's validation ground by group and cell, (groups, 4)."""
    from lobate.network.sliding_window import map_parts

    counts = np.zeros(4 * ground.count, dtype=np.int64)
    with open_raster(label) as raster:
        _check_size(image, label, raster.shape)
        for start, levels, inside in map_parts(
            network,
            image,
            ground.parts,
            window=windows.window,
            overlap=windows.overlap,
            blend=windows.blend,
            channels=channels,
            device=device,
        ):
            if inside.any():
                classes = raster.read(1, window=((start, start + len(levels)), (0, raster.width)))
                judged = inside & (classes <= LANDFORM)  # an unmended outline of a model judges nothing
                cell = 2 * (classes[judged] == LANDFORM) + (levels[judged] >= lowest_level(HALF))
                counts += np.bincount(4 * ground.groups(start, levels.shape)[judged] + cell, minlength=len(counts))
    return counts.reshape(-1, 4)


def _check_size(image: Path, label: Path, shape: tuple[int, int]) -> None:
    with open_raster(image) as raster:
        if raster.shape != shape:
            raise UserError(f"The label raster {label} is not on the grid of {image}. Delete it and run again.")
