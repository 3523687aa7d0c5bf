"""The files that a configuration names, with the dotted names of their settings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args, get_origin

from lobate.io.drawn import decisions_path, drawn_path
from lobate.settings import Region
from lobate.settings.base import PolygonFile, ProjectFile, Section


def named_files(region: Region) -> Iterator[tuple[str, str]]:
    """Yield (dotted name, path) of every path in the settings."""
    yield from _files(region, Region, "")


def named_outlines(region: Region) -> Iterator[tuple[str, PolygonFile]]:
    """Yield (dotted name, setting) of every file of outlines in the settings."""
    yield from _outlines(region, "")


def begun_later(region: Region) -> set[str]:
    """Return the files of a person's acts that `lobate review` makes: they may be named before they are there."""
    return {decisions_path(region.region), drawn_path(region.region)}


def _files(value: Any, hint: Any, name: str, metadata: tuple[Any, ...] = ()) -> Iterator[tuple[str, str]]:
    """Yield (dotted name, path) of every path in the settings."""
    if value is None:
        return
    if isinstance(value, Section):
        for field, info in type(value).model_fields.items():
            yield from _files(
                getattr(value, field), info.annotation, f"{name}.{field}".lstrip("."), tuple(info.metadata)
            )
    elif isinstance(value, dict):
        inner = (get_args(_container(hint, dict)) or (Any,))[-1]
        for key, item in value.items():
            yield from _files(item, inner, f"{name}.{key}")
    elif isinstance(value, list):
        inner = (get_args(_container(hint, list)) or (Any,))[-1]
        for number, item in enumerate(value):
            yield from _files(item, inner, f"{name}[{number}]")
    elif any(isinstance(mark, ProjectFile) for mark in (*metadata, *_marks(hint))):
        yield name, value


def _container(hint: Any, kind: type) -> Any:
    """Return the list or mapping inside ``Annotated`` or ``| None``."""
    if get_origin(hint) is kind:
        return hint
    return next((found for part in get_args(hint) if (found := _container(part, kind)) is not None), None)


def _marks(hint: Any) -> tuple[Any, ...]:
    """Return the metadata of ``Annotated``, also behind ``| None``."""
    return (
        *getattr(hint, "__metadata__", ()),
        *(mark for part in get_args(hint) for mark in getattr(part, "__metadata__", ())),
    )


def _outlines(value: Any, name: str) -> Iterator[tuple[str, PolygonFile]]:
    if isinstance(value, PolygonFile):
        yield name, value
    elif isinstance(value, Section):
        for field in type(value).model_fields:
            yield from _outlines(getattr(value, field), f"{name}.{field}".lstrip("."))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _outlines(item, f"{name}.{key}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _outlines(item, f"{name}[{number}]")
