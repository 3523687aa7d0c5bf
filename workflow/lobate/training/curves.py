"""Training curves as CSV and as TensorBoard events: a round's results, and live copies beside its checkpoint.

The results hold no wall-clock time, so the same training gives the same bytes. TensorBoard's own writers put the time and
the host's name into each file; here each event has the time 0, and curves are drawn over its step. Only the live copies
include the speed in images/s.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

COLUMNS = ("iteration", "split", "iou_background", "iou_landform", "iou_overall", "loss", "learning_rate")
IMAGES_PER_S = "images_per_s"
LIVE_FOLDER = "curves"
"""Folder of the live curves beside a checkpoint."""

Scalar = tuple[int, str, float]
"""Step, tag and value of one event."""


def write_metrics(path: Path, rows: list[dict[str, Any]], columns: Sequence[str] = COLUMNS) -> None:
    """Write one CSV line for each evaluation and split; an unknown value is left empty."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def scalars_of(rows: list[dict[str, Any]]) -> Iterator[Scalar]:
    """Yield the curves as scalars: IoU by class and loss of each split, learning rate, mean loss of the steps."""
    for row in rows:
        step, split = row["iteration"], row["split"]
        curves = {f"{name}/{split}": row[name] for name in COLUMNS if name.startswith("iou_") or name == "loss"}
        if split == "training":
            curves |= {"learning_rate": row["learning_rate"], "loss/steps": row["step_loss"]}
        yield from ((step, tag, value) for tag, value in curves.items() if value is not None)


def write_events(path: Path, scalars: Iterable[Scalar]) -> None:
    """Write the scalars as a TensorBoard event file, in this order."""
    with path.open("wb") as file:
        writer = RecordWriter(file)
        writer.write(Event(wall_time=0, file_version="brain.Event:2").SerializeToString(deterministic=True))
        for step, tag, value in scalars:
            summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
            writer.write(Event(wall_time=0, step=step, summary=summary).SerializeToString(deterministic=True))
        writer.flush()


def write_live_curves(checkpoint: Path, rows: list[dict[str, Any]]) -> None:
    """Write the curves so far beside the checkpoint, speed included.

    TensorBoard reads on from where it stopped: the file only grows, and its earlier bytes stay the same.
    """
    folder = checkpoint.parent / LIVE_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    write_metrics(folder / "metrics.csv", rows, [*COLUMNS, IMAGES_PER_S])
    write_events(folder / "events.out.tfevents.lobate", _live_scalars(rows))


def _live_scalars(rows: list[dict[str, Any]]) -> Iterator[Scalar]:
    for row in rows:
        yield from scalars_of([row])
        if row["split"] == "training":
            yield row["iteration"], IMAGES_PER_S, row[IMAGES_PER_S]
