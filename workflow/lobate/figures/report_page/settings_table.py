"""The settings of a region's run beside their defaults."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

UNSET = "none: must be given"


def settings_with_defaults(region: BaseModel) -> list[dict[str, Any]]:
    """Return the name, value and default of each setting, in the order of the configuration."""
    return [
        {"name": name, "value": value, "default": default} for name, value, default in _walk_settings(region, None, "")
    ]


def _walk_settings(value: BaseModel, default: BaseModel | None, prefix: str) -> Iterator[tuple[str, Any, Any]]:
    for name, field in type(value).model_fields.items():
        current = getattr(value, name)
        usual = getattr(default, name) if default is not None else _default(field)
        if isinstance(current, BaseModel):
            yield from _walk_settings(current, usual if type(usual) is type(current) else None, f"{prefix}{name}.")
        else:
            yield f"{prefix}{field.alias or name}", _to_plain_value(current), _to_plain_value(usual)


def _default(field: Any) -> Any:
    return UNSET if field.is_required() else field.get_default(call_default_factory=True)


def _to_plain_value(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, dict):
        return {str(key): _to_plain_value(part) for key, part in value.items()}
    return [_to_plain_value(part) for part in value] if isinstance(value, list | tuple | set | frozenset) else value


def value_of(settings: list[dict[str, Any]], name: str) -> Any:
    """Return one setting by its dotted name."""
    return next(setting["value"] for setting in settings if setting["name"] == name)


def settings_facts(settings: list[dict[str, Any]]) -> dict[str, list[list[str]]]:
    """Return rows of setting, value and default: the changed settings, and all of them."""
    changed = [setting for setting in settings if setting["value"] != setting["default"]]
    return {"changed": list(map(_row, changed)), "all": list(map(_row, settings))}


def _row(setting: dict[str, Any]) -> list[str]:
    return [setting["name"], _text(setting["value"]), _text(setting["default"])]


def _text(value: Any) -> str:
    """Return a setting's value as a configuration file would write it."""
    return "none" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
