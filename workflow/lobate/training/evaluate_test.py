"""The verb `evaluate_test`: the chosen model on the patches of the test side, which nothing before it depended on.

The test side says how the model does on new ground. How good the map is, only a sample of the map says.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import geopandas as gpd
import numpy as np
import pandas as pd

from lobate.engine.signature import Input, Output, Setting
from lobate.errors import UserError
from lobate.io.jsonfile import write_json
from lobate.io.reserved import ReservedGround, reserved_outlines
from lobate.io.vector import read_layer

if TYPE_CHECKING:
    from lobate.training.metrics import MetricAccumulator

log = logging.getLogger(__name__)

GROUND = "patches of the test side"
CELLS = ("true_negative", "false_positive", "false_negative", "true_positive")


def evaluate_test(
    model: Annotated[Path, Input()],
    patches: Annotated[list[Path], Input()],
    footprints: Annotated[list[Path], Input()],
    reserved: Annotated[Path, Input()],
    scores: Annotated[Path, Output()],
    *,
    tiles: list[str],
    batch: Annotated[int, Setting("training.schedule.batch")] = 8,
) -> None:
    """Evaluate ``model`` on the test side's ``patches`` with their ``footprints``, files of ``tiles`` in this order.

    ``scores`` holds the IoU by class, precision and recall at a probability of 0.5, their intervals, and the pixel counts of each group of touching outlines. A pixel counts once in each patch that shows it. The digest
    ``test_side`` is that of the ``reserved`` ground, so a mended label makes no new test side. Raises UserError for files
    that do not fit each other.
    """
    from lobate.network.device import choose_device
    from lobate.network.modelfile import load
    from lobate.training.datamodule import concat_patches
    from lobate.training.loop import count_pixels
    from lobate.training.metrics import group_intervals

    network, header = load(model)
    network.to(choose_device())
    rows = _read_rows(footprints, reserved)
    names = rows["group"].to_numpy(dtype=str)
    total = count_pixels(network, concat_patches(patches, tiles, rows, []), batch, groups=names)
    groups = dict(zip(np.unique(names).tolist(), total.by_group.tolist(), strict=True))
    result = {
        "ground": GROUND,
        "model": header["digest"],
        "test_side": ReservedGround.read(reserved).digest,
        "patches": len(rows),
        "showing_landform": int((rows["positive"] > 0).sum()),
        "outlines": int(rows["polygon"].nunique()),
        "iou": total.compute().iou,
        **_rates(total),
        "intervals": group_intervals(total.by_group.cpu()),
        "groups": {name: {"patches": int((names == name).sum()), **_cells(part)} for name, part in groups.items()},
    }
    write_json(scores, result)
    log.info("the test side gives an IoU of %s for the landform, in %d groups", result["iou"]["landform"], len(groups))


def _read_rows(footprints: list[Path], reserved: Path) -> gpd.GeoDataFrame:
    """Return the footprints of all tiles with the group of their outline. Raises UserError for an outline without one."""
    tables = [read_layer(path, "patches").drop(columns="geometry") for path in footprints]
    rows = pd.concat(tables, ignore_index=True)
    if rows.empty:
        raise UserError("The test side has no patches. Reserve other ground with patches.split.test.")
    outlines = reserved_outlines(reserved)
    rows["group"] = rows["polygon"].map(dict(zip(outlines["polygon"], outlines["group"], strict=True)))
    if rows["group"].isna().any():
        raise UserError(
            f"The patch {rows['patch'][rows['group'].isna()].iloc[0]} is of an outline that {reserved} does not hold: the files "
            "are not of one run. Delete both and run again."
        )
    return rows


def _cells(counts: list[list[int]]) -> dict[str, int]:
    return dict(zip(CELLS, [count for row in counts for count in row], strict=True))


def _rates(counted: MetricAccumulator) -> dict[str, float | None]:
    cells = _cells(counted.counts.tolist())
    hits = cells["true_positive"]
    return {
        "precision": _ratio(hits, hits + cells["false_positive"]),
        "recall": _ratio(hits, hits + cells["false_negative"]),
    }


def _ratio(part: int, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None
