"""Reading of a configuration, with all mistakes in one message, and the nearest known key for each unknown one."""

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
from lobate.io.filekind import check_kind
from lobate.io.jsonfile import json_text
from lobate.io.redaction import redact
from lobate.settings.region import Region

SNAKEMAKE_KEYS = ("__use_yte__", "__definitions__")
MAX_DEPTH = 50
MAX_VALUES = 1_000_000
MAX_MISTAKES = 1000


NOWHERE = "no file"
"""Path of the scenes and outlines of a command that has no configuration."""


def load(files: Iterable[str | Path], options: Mapping[str, Any] | None = None) -> Region:
    """Return the settings of one or more configuration files; later files override earlier ones, key by key.

    ``options`` override all files. Raises UserErrors with all mistakes.
    """
    return parse(merge(read_files(files), options or {}))


def read_files(files: Iterable[str | Path]) -> dict[str, Any]:
    """Return the content of one or more configuration files, unchecked; later files override earlier ones, key by key."""
    merged: dict[str, Any] = {}
    for file in files:
        merged = merge(merged, _read(Path(file)))
    return merged


def parse_options(options: Mapping[str, Any]) -> Region:
    """Return the settings of a command without a configuration file. It has neither region, scenes nor outlines of its own.

    Raises UserErrors with all mistakes.
    """
    scenes = {} if options.get("imagery", {}).get("tiles") else {"tiles": {"image": [NOWHERE]}}
    return parse(merge({"region": "region", "imagery": scenes, "labels": {"positives": [NOWHERE]}}, options))


def parse(config: Mapping[str, Any]) -> Region:
    """Return the settings in a mapping, such as Snakemake's ``config``.

    Raises UserErrors with all mistakes.
    """
    _check_finite(config)
    try:
        values = {key: value for key, value in config.items() if key not in SNAKEMAKE_KEYS}
        return Region.model_validate(_fill_empty_sections(values, Region))
    except ValidationError as error:
        raise UserErrors(sorted({_message(details) for details in error.errors()})) from None


def parse_rest(config: Mapping[str, Any]) -> tuple[Region | None, list[str]]:
    """Return the settings without the wrong ones, and the mistakes, so that the files which the rest names can be checked too.

    A wrong setting has its default, and wrong or missing scenes and outlines are at the path `NOWHERE`. None where the
    sections contradict each other.
    """
    _check_finite(config)
    values = _fill_empty_sections({key: value for key, value in config.items() if key not in SNAKEMAKE_KEYS}, Region)
    mistakes: set[str] = set()
    removed: list[list[str | int]] = []
    while len(removed) < MAX_MISTAKES:
        try:
            return Region.model_validate(values), sorted(mistakes)
        except ValidationError as error:
            found = [(_keys(details), details) for details in error.errors()]
        # a section that lost a wrong setting may lack it now, which is no mistake of its own
        own = [details for keys, details in found if not any(gone[: len(keys)] == keys for gone in removed)]
        mistakes |= {_message(details) for details in own if not removed or details["type"] != "missing"}
        if any(not keys for keys, _ in found):
            break
        for keys, details in found:
            values = _filled(values, keys) if details["type"] == "missing" else _without(values, keys)
            removed.append(keys)
    return None, sorted(mistakes)


PLACEHOLDERS: dict[str, Any] = {
    "region": "region",
    "imagery": {"tiles": {"image": NOWHERE}},
    "labels": {"positives": NOWHERE},
}


def _filled(values: dict[str, Any], keys: list[str | int]) -> dict[str, Any]:
    """Return the settings with a placeholder for a missing one, or without the section that lacks it."""
    if str(keys[0]) in PLACEHOLDERS and len(keys) == 1:
        return {**values, str(keys[0]): PLACEHOLDERS[str(keys[0])]}
    if keys == ["labels", "positives"]:
        return {**values, "labels": {**values["labels"], "positives": NOWHERE}}
    return _without(values, keys[:-1])


def _without(node: Any, keys: list[str | int]) -> Any:
    """Return settings without the one at ``keys``, and without the lists that this empties."""
    key, *below = keys
    if isinstance(node, list) and isinstance(key, int) and key < len(node):
        left = _without(node[key], below) if below else None
        return [*node[:key], *([left] if below and left != [] else []), *node[key + 1 :]]
    if isinstance(node, dict) and key in node:
        left = _without(node[key], below) if below else []
        return {name: (left if name == key else value) for name, value in node.items() if name != key or left != []}
    return []  # a value without the keys that were looked for, such as a text for a section


def resolved_json(region: Region) -> str:
    """Return the settings with every default filled in, as JSON text."""
    return json_text(region.model_dump(mode="json"))


def _read(file: Path) -> dict[str, Any]:
    check_kind(file)
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"The configuration file {file} does not exist. Check the path.") from None
    # impossible dates and numbers, and too many brackets, raise other errors than YAMLError
    except (yaml.YAMLError, ValueError, LookupError, TypeError, OSError, RecursionError, AttributeError) as error:
        raise UserError(
            f"The configuration file {file} cannot be read: {' '.join(str(error).split())}. Correct the file there."
        ) from None
    if not isinstance(content, dict):
        raise UserError(
            f"The configuration file {file} must hold keys and values (region: ..., imagery: ...). Correct the file."
        )
    _check_finite(content)
    return content


def _check_finite(content: Mapping[str, Any]) -> None:
    """Raise UserError if aliases (``&a``, ``*a``) form a ring or expand to too many values.

    The values of an alias count once for each use. This check comes before any other walk through the content.
    """
    sizes: dict[int, int] = {}
    path: set[int] = set()
    stack: list[tuple[Any, bool]] = [(content, False)]
    while stack:
        node, is_visited = stack.pop()
        children = [*node.values()] if isinstance(node, Mapping) else node if isinstance(node, list) else []
        if is_visited:
            path.discard(id(node))
            sizes[id(node)] = 1 + sum(sizes.get(id(child), 1) for child in children)
        elif id(node) in path or len(path) > MAX_DEPTH:
            raise UserError(
                f"The configuration is nested without end, or more than {MAX_DEPTH} levels deep. Write it without aliases."
            )
        elif children and id(node) not in sizes:
            path.add(id(node))
            stack += [(node, True), *((child, False) for child in children)]
    if sizes.get(id(content), 0) > MAX_VALUES:
        raise UserError(
            f"The configuration has more than {MAX_VALUES:,} values when its aliases (*name) are expanded. Write it without "
            "aliases of aliases."
        )


def merge(base: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested settings with those of ``override`` over them, key by key."""
    merged = dict(base)
    for key, value in override.items():
        are_sections = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if are_sections else value
    return merged


def _fill_empty_sections(values: Mapping[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    """Return the values with {} for each empty section: YAML reads one with all lines commented out as null."""
    filled = dict(values)
    for name, field in model.model_fields.items():
        section = field.annotation
        if name in filled and isinstance(section, type) and issubclass(section, BaseModel):
            value = {} if filled[name] is None else filled[name]
            filled[name] = _fill_empty_sections(value, section) if isinstance(value, Mapping) else value
    return filled


def _message(error: ErrorDetails) -> str:
    keys = _keys(error)
    name = ".".join(str(key) for key in keys) or "the configuration"
    if error["type"] == "extra_forbidden":
        return f"Setting {name} is not known{_nearest_key(keys)}. Correct the key or remove it."
    if error["type"] == "missing":
        return f"Setting {name} is missing. Add it; workflow/schemas/config.schema.json describes it."
    reason = error["msg"].removeprefix("Value error, ")
    wrong = "name" if error["loc"][-1:] == ("[key]",) else "value"
    return f"Setting {name} is {_abbreviate(error['input'])}: {reason[:1].lower()}{reason[1:]}. Correct its {wrong}."


def _keys(error: ErrorDetails) -> list[str | int]:
    """Return the keys to a wrong setting, without pydantic's own marks."""
    return [key for key in error["loc"] if not str(key).startswith(("function-", "list[", "dict[", "[key]"))]


def _abbreviate(value: Any) -> str:
    text = redact(json.dumps(value, ensure_ascii=False, default=str))
    return text if len(text) <= 60 else text[:57] + "..."


def _nearest_key(keys: list[Any]) -> str:
    *section, key = map(str, keys)
    known = _known_keys(Region, section)
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    if close:
        return f"; the nearest known key is {'.'.join([*section, close[0]])}"
    return f"; known keys here are {', '.join(sorted(known))}" if known else ""


def _known_keys(annotation: Any, section: list[str]) -> list[str]:
    """Return the known keys of a section, given by its keys from ``annotation`` down, through lists and mappings."""
    for model in _models(annotation):
        if not section:
            return [field.alias or name for name, field in model.model_fields.items()]
        if section[0] in model.model_fields:
            return _known_keys(model.model_fields[section[0]].annotation, section[1:])
    value_type = _value_type(annotation)
    return _known_keys(value_type, section[1:]) if value_type is not None and section else []


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
