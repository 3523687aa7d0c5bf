"""The verb `choose_round`: choose a round, and collect its augmentation and mined patches.

`train_other` and `cross_validate` train again as the chosen round did, and read only these files. They are repeated when
another round is chosen or its training data change, and not because the target changed.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import geopandas as gpd
import numpy as np
import pandas as pd

from lobate.engine.signature import Input, Output, Setting
from lobate.errors import UserError
from lobate.io.jsonfile import write_json
from lobate.io.patches import open_patches
from lobate.io.vector import LONLAT, read_layer, write_layers
from lobate.training.ignored import join_mined_files, read_runs
from lobate.training.rounds import pick_round, read_verdict

log = logging.getLogger(__name__)


def choose_round(
    verdicts: Annotated[list[Path], Input()],
    mined: Annotated[list[Path], Input()],
    negatives: Annotated[list[Path], Input()],
    ignored: Annotated[list[Path], Input()],
    chosen: Annotated[Path, Output()],
    chosen_mined: Annotated[Path, Output()],
    chosen_negatives: Annotated[Path, Output()],
    chosen_ignored: Annotated[Path, Output()],
    *,
    tiles: list[str],
    target_iou: Annotated[float, Setting("training.target_iou")] = 0.80,
) -> None:
    """Choose a round as `select_model` does, and gather the negatives that earlier rounds mined.

    ``mined`` and ``negatives`` are the files of `mine_negatives` in the order of the rounds. ``chosen`` holds round and
    augmentation; ``chosen_mined`` holds the patches, ``chosen_negatives`` their footprints (layer `patches`, EPSG:4326),
    ``chosen_ignored`` the ignored pixels of the patches of ``tiles`` and of ``chosen_mined``.
    Raises UserError when patches and footprints differ in number.
    """
    facts = [read_verdict(path) for path in verdicts]
    verdict = facts[pick_round(facts, target_iou)]
    number = verdict["round"]
    counts = [len(open_patches(path)) for path in mined[: number - 1]]
    arrays = [open_patches(path) for path, count in zip(mined, counts, strict=False) if count]
    footprints = [read_layer(path, "patches") for path in negatives[: number - 1]]
    if sum(counts) != sum(map(len, footprints)):
        raise UserError(
            f"The patches mined before round {number} and their footprints ({negatives[0]} and others) differ in number: "
            "they are not of one run. Delete both and run again."
        )
    np.save(chosen_mined, np.concatenate(arrays) if arrays else np.zeros((0, 0, 0, 0), dtype=np.uint8))
    empty = gpd.GeoDataFrame({"id": []}, geometry=[], crs=LONLAT).astype({"id": object})
    write_layers(chosen_negatives, {"patches": pd.concat([empty, *footprints], ignore_index=True)})
    np.save(chosen_ignored, join_mined_files(read_runs(ignored[: number - 1]), len(tiles), counts))
    write_json(chosen, {"round": number, "augment": verdict.get("augment", [])})
    log.info("round %d is chosen; rounds before it mined %d patches", number, sum(counts))
