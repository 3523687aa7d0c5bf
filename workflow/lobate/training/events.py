"""Curves for TensorBoard, byte for byte the same whenever the numbers are.

TensorBoard's own writers put the time and the host's name into each file; here every event carries the time 0, and the
step is what the curves are drawn over.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

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
