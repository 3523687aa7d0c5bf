"""The curves of a training: a table and TensorBoard's file for what a round leaves behind, and both while it runs.

What is left behind holds no clock, so that the same training gives the same bytes. While it runs the curves stand beside its
checkpoint, with images/s among them.

Curves for TensorBoard, byte for byte the same whenever the numbers are.

TensorBoard's own writers put the time and the host's name into each file; here every event carries the time 0, and the
step is what the curves are drawn over.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

Scalar = tuple[int, str, float]


def write_events(path: Path, scalars: Iterable[Scalar]) -> None:
    """Write (step, tag, value) rows as a TensorBoard event file, in the order given."""
    with path.open("wb") as file:
        writer = RecordWriter(file)
        writer.write(Event(wall_time=0, file_version="brain.Event:2").SerializeToString(deterministic=True))
        for step, tag, value in scalars:
            summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
            writer.write(Event(wall_time=0, step=step, summary=summary).SerializeToString(deterministic=True))
        writer.flush()


COLUMNS = ("iteration", "split", "iou_background", "iou_landform", "iou_overall", "loss", "learning_rate")
IMAGES_PER_S = "images_per_s"
LIVE_FOLDER = "curves"
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


def write_live_curves(checkpoint: Path, rows: list[dict[str, Any]]) -> None:
    """Write the curves so far where they can be watched.

    TensorBoard reads on where it stopped: the file grows, and what it held stays as it was.
    """
    folder = checkpoint.parent / LIVE_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    write_metrics(folder / "metrics.csv", rows, [*COLUMNS, IMAGES_PER_S])
    write_events(folder / "events.out.tfevents.lobate", _with_speed(rows))


def _with_speed(rows: list[dict[str, Any]]) -> Iterator[Scalar]:
    for row in rows:
        yield from scalars_of([row])
        if row["split"] == "training":
            yield row["iteration"], IMAGES_PER_S, row[IMAGES_PER_S]
