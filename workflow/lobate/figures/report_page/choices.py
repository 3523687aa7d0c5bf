"""Which settings a region was run with, each beside its default."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

UNSET = "none: must be given"


def choices(region: BaseModel) -> list[dict[str, Any]]:
    """Return name, value and default of every setting, in the order of the configuration."""
    return [{"name": name, "value": value, "default": default} for name, value, default in _walk(region, None, "")]


def _walk(value: BaseModel, default: BaseModel | None, before: str) -> Iterator[tuple[str, Any, Any]]:
    for name, field in type(value).model_fields.items():
        chosen = getattr(value, name)
        usual = getattr(default, name) if default is not None else _default(field)
        if isinstance(chosen, BaseModel):
            yield from _walk(chosen, usual if type(usual) is type(chosen) else None, f"{before}{name}.")
        else:
            yield f"{before}{name}", _plain(chosen), _plain(usual)


def _default(field: Any) -> Any:
    return UNSET if field.is_required() else field.get_default(call_default_factory=True)


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list | tuple | set | frozenset) else value


def value_of(settings: list[dict[str, Any]], name: str) -> Any:
    """Return one setting by its dotted name."""
    return next(setting["value"] for setting in settings if setting["name"] == name)


def settings_facts(settings: list[dict[str, Any]]) -> dict[str, list[list[str]]]:
    """Return rows of setting, value and default: those that differ, and all of them."""
    changed = [setting for setting in settings if setting["value"] != setting["default"]]
    return {"changed": list(map(_row, changed)), "all": list(map(_row, settings))}


def _row(setting: dict[str, Any]) -> list[str]:
    return [setting["name"], _text(setting["value"]), _text(setting["default"])]


def _text(value: Any) -> str:
    """Return a setting's value as a configuration file would write it."""
    return "none" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
