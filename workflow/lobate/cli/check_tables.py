"""Mistakes in the tables and layers that people fill in: removed outlines, areas, decisions, answers, a published inventory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lobate.errors import UserError
from lobate.settings import Region
from lobate.settings.mapping import Accuracy


def area_mistakes(path: str | None) -> Iterator[str]:
    """Yield the mistake in a file of completely mapped areas, if it exists."""
    from lobate.io.places import read_areas

    if path is None or not Path(path).exists():
        return  # a missing file is a mistake of its own
    try:
        read_areas(Path(path))
    except UserError as mistake:
        yield str(mistake)


def removed_mistakes(removed: str | None) -> Iterator[str]:
    """Yield the mistake in a table of removed outlines, if it exists."""
    from lobate.labels.table import read_removed

    try:
        if removed and Path(removed).exists():
            read_removed(Path(removed))
    except UserError as mistake:
        yield str(mistake)


def decision_mistakes(files: str | list[str] | None) -> Iterator[str]:
    """Yield the mistakes in the files of review decisions that exist."""
    from lobate.inventory.decisions import read_decisions

    for path in [files] if isinstance(files, str) else files or []:
        try:
            if Path(path).exists():
                read_decisions(Path(path))
        except UserError as mistake:
            yield str(mistake)


def accuracy_mistakes(accuracy: Accuracy | None) -> Iterator[str]:
    """Yield the first mistake in the answers to a sample, if all its files exist."""
    from lobate.mapping.accuracy.frozen import read_frozen
    from lobate.mapping.accuracy.response import read_answers, read_second_look

    files = [accuracy.frozen, accuracy.answers, accuracy.second_look] if accuracy else []
    if not accuracy or not all(Path(path).exists() for path in files if path):
        return
    try:
        sample = read_frozen(Path(accuracy.frozen))
        read_answers(Path(accuracy.answers), sample)
        if accuracy.second_look:
            read_second_look(Path(accuracy.second_look), sample)
    except UserError as mistake:
        yield str(mistake)


def previous_mistakes(region: Region) -> Iterator[str]:
    """Yield the mistake in the published inventory that the settings name."""
    from lobate.inventory.published_ids import read_published

    previous = region.inventory.previous
    if not previous:
        return
    if Path("results", region.region) in Path(previous).parents:
        yield f"{previous} is a result of this region, which each run replaces. Name a copy, kept under resources/."
        return
    try:
        if Path(previous).exists():
            read_published(Path(previous))
    except UserError as mistake:
        yield str(mistake)
