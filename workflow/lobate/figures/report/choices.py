"""Which settings a region was run with, each beside its default."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from lobate.figures.report.markup import Section, folded, joined, paragraph, table

UNSET = "none: must be given"


def choices(region: BaseModel) -> list[dict[str, Any]]:
    """Return name, value and default of every setting, in the order of the configuration."""
    return [{"name": name, "value": value, "default": default} for name, value, default in _walk(region, None, "")]


def _walk(value: BaseModel, default: BaseModel | None, before: str) -> Iterator[tuple[str, Any, Any]]:
    for name, field in type(value).model_fields.items():
        given = getattr(value, name)
        usual = getattr(default, name) if default is not None else _default(field)
        if isinstance(given, BaseModel):
            yield from _walk(given, usual if type(usual) is type(given) else None, f"{before}{name}.")
        else:
            yield f"{before}{name}", _plain(given), _plain(usual)


def _default(field: Any) -> Any:
    return UNSET if field.is_required() else field.get_default(call_default_factory=True)


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple | set | frozenset) else value


def value_of(listed: list[dict[str, Any]], name: str) -> Any:
    """Return one setting by its dotted name."""
    return next(one["value"] for one in listed if one["name"] == name)


def settings_section(listed: list[dict[str, Any]]) -> Section:
    """Return the section: settings that are not the defaults, and folded all of them."""
    changed = [one for one in listed if one["value"] != one["default"]]
    head = ("setting", "this run", "default")
    rows = [[_row(one) for one in part] for part in (changed, listed)]
    body = joined(
        paragraph(f"{len(changed)} of {len(listed)} settings differ from the defaults."),
        table(head, rows[0]),
        folded(f"All {len(listed)} settings", table(head, rows[1])),
    )
    return Section("settings", "Settings", body)


def _row(one: dict[str, Any]) -> list[Any]:
    return [one["name"], _text(one["value"]), _text(one["default"])]


def _text(value: Any) -> str:
    """Return a setting's value as a configuration file would say it."""
    return "none" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
