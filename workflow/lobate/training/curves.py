"""The curves of a training: a table and TensorBoard's file for what a round leaves behind, and both while it runs.

What is left behind holds no clock, so that the same training gives the same bytes. While it runs the curves stand beside its
checkpoint, with images/s among them.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lobate.training.events import Scalar, write_events

COLUMNS = ("iteration", "split", "iou_background", "iou_landform", "iou_overall", "loss", "learning_rate")
SPEED = "images_per_s"
LIVE = "curves"
"""Folder of the curves beside a checkpoint."""


def write_metrics(path: Path, rows: list[dict[str, Any]], columns: Sequence[str] = COLUMNS) -> None:
    """Write one line a look and side; an unknown value is left empty."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def scalars_of(rows: list[dict[str, Any]]) -> Iterator[Scalar]:
    """Yield the curves as (step, tag, value): IoU by class and loss for each side, learning rate, mean loss of the steps."""
    for row in rows:
        step, split = row["iteration"], row["split"]
        curves = {f"{name}/{split}": row[name] for name in COLUMNS if name.startswith("iou_") or name == "loss"}
        if split == "training":
            curves |= {"learning_rate": row["learning_rate"], "loss/steps": row["step_loss"]}
        yield from ((step, tag, value) for tag, value in curves.items() if value is not None)


def show(checkpoint: Path, rows: list[dict[str, Any]]) -> None:
    """Write the curves so far where they can be watched.

    TensorBoard reads on where it stopped: the file grows, and what it held stays as it was.
    """
    folder = checkpoint.parent / LIVE
    folder.mkdir(parents=True, exist_ok=True)
    write_metrics(folder / "metrics.csv", rows, [*COLUMNS, SPEED])
    write_events(folder / "events.out.tfevents.lobate", _with_speed(rows))


def _with_speed(rows: list[dict[str, Any]]) -> Iterator[Scalar]:
    for row in rows:
        yield from scalars_of([row])
        if row["split"] == "training":
            yield row["iteration"], SPEED, row[SPEED]
