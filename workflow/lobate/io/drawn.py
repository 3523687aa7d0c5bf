"""The files of a person's acts under resources/<region>: their names, which the settings name before there is a file.

`lobate review` makes them with the first act. Until then they stand for nothing decided and nothing drawn. The files of the
answers to a sample are made by `lobate sample`, empty.
"""

from __future__ import annotations

from pathlib import PurePosixPath

DECISIONS, DRAWN = "decisions.gpkg", "drawn.gpkg"
POSITIVES, NEGATIVES, COMPLETE = "positives", "negatives", "complete"
DRAWN_LAYERS = (POSITIVES, NEGATIVES, COMPLETE)
"""Layers of drawn.gpkg."""

ACCURACY, ANSWERS, SECOND_LOOK = "accuracy", "answers.gpkg", "second_look.gpkg"
"""Folder of a sample of the map, and in it the files of the answers."""


def is_drawn_later(path: str | PurePosixPath, layer: str | None) -> bool:
    """Whether a layer of a file that is drawn in `lobate review` may be empty: look-alikes and complete areas may come later."""
    return PurePosixPath(path).name == DRAWN and layer in (NEGATIVES, COMPLETE)


def decisions_path(region: str) -> str:
    """Return the path of the decisions that `lobate review` keeps, relative to the project."""
    return str(PurePosixPath("resources", region, DECISIONS))


def drawn_path(region: str) -> str:
    """Return the path of the outlines that are drawn in `lobate review`, relative to the project."""
    return str(PurePosixPath("resources", region, DRAWN))


def accuracy_folder(region: str) -> str:
    """Return the folder of the sample that `lobate sample` draws, relative to the project."""
    return str(PurePosixPath("resources", region, ACCURACY))
