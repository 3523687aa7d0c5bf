"""Reading of a configuration; all mistakes come in one message, unknown keys with the nearest known one."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from lobate.errors import UserError, UserErrors
from lobate.io.jsonfile import json_text
from lobate.settings.region import Region

SNAKEMAKE_KEYS = ("__use_yte__", "__definitions__")
MAX_DEPTH = 50
MAX_VALUES = 1_000_000


def load(files: Iterable[str | Path]) -> Region:
    """Read one configuration file, or several, of which later ones override earlier ones key by key.

    Raises UserErrors with all mistakes.
    """
    merged: dict[str, Any] = {}
    for file in files:
        merged = _merge(merged, _read(Path(file)))
    return parse(merged)


def parse(config: Mapping[str, Any]) -> Region:
    """Turn a mapping, such as Snakemake's ``config``, into a region's settings.

    Raises UserErrors with all mistakes.
    """
    _check_finite(config)
    try:
        ours = {key: value for key, value in config.items() if key not in SNAKEMAKE_KEYS}
        return Region.model_validate(_fill_empty_sections(ours, Region))
    except ValidationError as error:
        raise UserErrors(sorted({_message(details) for details in error.errors()})) from None


def resolved_json(region: Region) -> str:
    """Return the settings with every default filled in, as JSON text."""
    return json_text(region.model_dump(mode="json"))


def json_schema() -> str:
    """Return the configuration's JSON schema, as text."""
    document = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Region.model_json_schema()}
    return json_text(document, sort_keys=False)


def _read(file: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"The configuration file {file} does not exist. Check the path.") from None
    # dates and numbers that Python refuses, and endless brackets, raise other errors than YAMLError
    except (yaml.YAMLError, ValueError, LookupError, TypeError, OSError, RecursionError, AttributeError) as error:
        raise UserError(
            f"The configuration file {file} cannot be read: {' '.join(str(error).split())}. Mend it there."
        ) from None
    if not isinstance(content, dict):
        raise UserError(
            f"The configuration file {file} must hold keys and values (region: ..., imagery: ...). Mend it there."
        )
    _check_finite(content)
    return content


def _check_finite(content: Mapping[str, Any]) -> None:
    """Raise UserError if aliases (``&a``, ``*a``) form a ring or expand to too many values, before anything walks them.

    The values behind an alias count once for each place that uses it.
    """
    sizes: dict[int, int] = {}
    path: set[int] = set()
    waiting: list[tuple[Any, bool]] = [(content, False)]
    while waiting:
        node, ready = waiting.pop()
        inner = [*node.values()] if isinstance(node, Mapping) else node if isinstance(node, list) else []
        if ready:
            path.discard(id(node))
            sizes[id(node)] = 1 + sum(sizes.get(id(child), 1) for child in inner)
        elif id(node) in path or len(path) > MAX_DEPTH:
            raise UserError(
                f"The configuration is nested without end, or deeper than {MAX_DEPTH} times. Write it out plainly."
            )
        elif inner and id(node) not in sizes:
            path.add(id(node))
            waiting += [(node, True), *((child, False) for child in inner)]
    if sizes.get(id(content), 0) > MAX_VALUES:
        raise UserError(
            f"The configuration has more than {MAX_VALUES:,} values once its aliases (*name) are followed. Write it out plainly, "
            "without aliases of aliases."
        )


def _merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def _fill_empty_sections(values: Mapping[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    """Give a section its defaults if all its lines are commented out, which YAML reads as null."""
    kept = dict(values)
    for name, field in model.model_fields.items():
        inner = field.annotation
        if name in kept and isinstance(inner, type) and issubclass(inner, BaseModel):
            value = {} if kept[name] is None else kept[name]
            kept[name] = _fill_empty_sections(value, inner) if isinstance(value, Mapping) else value
    return kept


def _message(error: ErrorDetails) -> str:
    place = [part for part in error["loc"] if not str(part).startswith(("function-", "list[", "dict["))]
    name = ".".join(str(part) for part in place) or "the configuration"
    if error["type"] == "extra_forbidden":
        return f"Setting {name} is not known{_nearest_key(place)}. Correct the key or remove it."
    if error["type"] == "missing":
        return f"Setting {name} is missing. Add it; workflow/schemas/config.schema.json describes it."
    reason = error["msg"].removeprefix("Value error, ")
    return f"Setting {name} is {_abbreviate(error['input'])}: {reason[:1].lower()}{reason[1:]}. Correct its value."


def _abbreviate(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "..."


def _nearest_key(place: list[Any]) -> str:
    known = _known_keys(Region, [str(part) for part in place[:-1]])
    close = difflib.get_close_matches(str(place[-1]), known, n=1, cutoff=0.5)
    if close:
        return f"; the nearest known key is {'.'.join([*map(str, place[:-1]), close[0]])}"
    return f"; known here are {', '.join(sorted(known))}" if known else ""


def _known_keys(model: Any, place: list[str]) -> list[str]:
    """Return the known keys at a place; walks models, lists and mappings."""
    for inner in _models(model):
        if not place:
            return list(inner.model_fields)
        if place[0] in inner.model_fields:
            return _known_keys(inner.model_fields[place[0]].annotation, place[1:])
    return _known_keys(_value_type(model), place[1:]) if _value_type(model) is not None and place else []


def _models(annotation: Any) -> list[type[BaseModel]]:
    options = get_args(annotation) if get_origin(annotation) is not None else (annotation,)
    if get_origin(annotation) in (list, dict):
        return []
    return [option for option in options if isinstance(option, type) and issubclass(option, BaseModel)]


def _value_type(annotation: Any) -> Any:
    """Return the type of a list's or mapping's values, also behind ``Annotated`` and ``| None``."""
    for part in (annotation, *get_args(annotation)):
        if get_origin(part) in (list, dict):
            return get_args(part)[-1]
    return Union[get_args(annotation)] if get_origin(annotation) is Union else None  # noqa: UP007
