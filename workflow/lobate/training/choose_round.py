"""The verb `choose_round`: which round's model will be used, and what that round was trained with.

What trains once more with the chosen round's settings (the other protocol, the folds) reads only this, so it is repeated when
another round is chosen or its material changes, and not because the target moved.
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
from lobate.training.rounds import pick_round, read_verdict

log = logging.getLogger(__name__)


def choose_round(
    verdicts: Annotated[list[Path], Input()],
    mined: Annotated[list[Path], Input()],
    negatives: Annotated[list[Path], Input()],
    chosen: Annotated[Path, Output()],
    chosen_mined: Annotated[Path, Output()],
    chosen_negatives: Annotated[Path, Output()],
    *,
    target_iou: Annotated[float, Setting("training.target_iou")] = 0.80,
) -> None:
    """Choose a round as `select_model` does, and gather the negatives that the rounds before it mined.

    ``mined`` and ``negatives`` are the files of `mine_negatives` in the order of the rounds. ``chosen`` says round and
    augmentation; ``chosen_mined`` holds the patches, ``chosen_negatives`` their footprints (layer `patches`, EPSG:4326).
    """
    facts = [read_verdict(path) for path in verdicts]
    one = facts[pick_round(facts, target_iou)]
    before = one["round"] - 1
    arrays = [array for path in mined[:before] if len(array := open_patches(path))]
    footprints = [read_layer(path, "patches") for path in negatives[:before]]
    if sum(map(len, arrays)) != sum(map(len, footprints)):
        raise UserError(
            f"The patches mined before round {one['round']} and their footprints ({negatives[0]} and others) differ in number: "
            "they are not of one run. Delete both and run again."
        )
    np.save(chosen_mined, np.concatenate(arrays) if arrays else np.zeros((0, 0, 0, 0), dtype=np.uint8))
    nothing = gpd.GeoDataFrame({"id": []}, geometry=[], crs=LONLAT).astype({"id": object})
    write_layers(chosen_negatives, {"patches": pd.concat([nothing, *footprints], ignore_index=True)})
    found = {"round": one["round"], "augment": one.get("augment", [])}
    write_json(chosen, found)
    log.info("round %d is chosen; rounds before it mined %d patches", one["round"], sum(map(len, arrays)))
