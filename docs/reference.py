"""Pages that write themselves when the site is built: every setting from its model, every verb from its signature."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from typing import Any

from lobate.engine import registry
from lobate.engine.signature import Input, Output, parameters
from lobate.settings import Region

LIMITS = {
    "minimum": ">=",
    "exclusiveMinimum": ">",
    "maximum": "<=",
    "exclusiveMaximum": "<",
    "multipleOf": "multiple of",
}
COUNTS = {"minItems": "at least", "maxItems": "at most"}
Schema = dict[str, Any]


def settings_page() -> str:
    """Return all settings as Markdown: a heading and a table for each section, in the order of the configuration."""
    whole = Region.model_json_schema()
    return "\n".join(_section(name, model, whole) for name, model in _sections("", whole, whole))


def verbs_page() -> str:
    """Return all verbs as a Markdown table: what each does, reads and writes."""
    rows = [_verb(name) for name in registry.ROOM_OF]
    return "\n".join(["| verb | what it does | reads | writes |", "| --- | --- | --- | --- |", *rows])


def _verb(name: str) -> str:
    function = registry.load(name)
    marked = [(one.name, one.marker) for one in parameters(function).values()]
    reads, writes = ([f"`{each}`" for each, mark in marked if isinstance(mark, kind)] for kind in (Input, Output))
    first = (inspect.getdoc(function) or "").partition("\n\n")[0].replace("\n", " ")
    return f"| `{name.replace('_', '-')}` | {_cell(first)} | {', '.join(reads)} | {', '.join(writes)} |"


def _sections(name: str, model: Schema, whole: Schema) -> Iterator[tuple[str, Schema]]:
    """Yield (dotted name, model) of a section and all those inside it."""
    yield name, model
    for key, one in model["properties"].items():
        for suffix, inner in _inside(one, whole):
            yield from _sections(f"{name}.{key}{suffix}".lstrip("."), inner, whole)


def _inside(one: Schema, whole: Schema) -> Iterator[tuple[str, Schema]]:
    """Yield the sections that a setting holds: itself, or each item of its list or mapping."""
    for option in one.get("anyOf", [one]):
        for suffix, held in (("", option), ("[]", option.get("items")), (".<name>", _values(option))):
            if isinstance(held, dict) and "$ref" in held:
                yield suffix, whole["$defs"][held["$ref"].rpartition("/")[2]]


def _values(one: Schema) -> Any:
    """Return what a mapping maps to, whatever its keys must look like."""
    return next(iter(one.get("patternProperties", {}).values()), one.get("additionalProperties"))


def _section(name: str, model: Schema, whole: Schema) -> str:
    title = f"## `{name}`" if name else "## The whole file"
    rows = [_row(key, one, model, whole) for key, one in model["properties"].items()]
    head = ["| key | type | default | limits | what it is |", "| --- | --- | --- | --- | --- |"]
    return "\n".join([title, "", " ".join(model["description"].split()), "", *head, *rows, ""])


def _row(key: str, one: Schema, model: Schema, whole: Schema) -> str:
    held = [*_inside(one, whole)]
    default = "must be given" if key in model.get("required", []) else _default(one, held)
    cells = (f"`{key}`", _kind(one, whole), default, _limits(one), one.get("description", ""))
    return f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _default(one: Schema, held: list[tuple[str, Schema]]) -> str:
    value = one.get("default")
    if value is None or (held and not held[0][0]):
        return "none" if value is None else "its own table"
    return f"`{json.dumps(value, ensure_ascii=False)}`"


def _kind(one: Schema, whole: Schema) -> str:
    if "$ref" in one:
        return "section"
    if "anyOf" in one:
        return " or ".join(dict.fromkeys(_kind(option, whole) for option in one["anyOf"]))
    if "enum" in one or "const" in one:
        return ", ".join(f"`{each}`" for each in one.get("enum", [one.get("const")]))
    plain = {
        "integer": "whole number",
        "string": "text",
        "boolean": "true or false",
        "null": "nothing",
        "number": "number",
    }
    if one.get("type") == "array":
        return f"list of {_kind(one.get('items', {}), whole)}"
    if one.get("type") == "object":
        return f"mapping to {_kind(_values(one) or {}, whole)}"
    return plain.get(one.get("type", ""), "any value")


def _limits(one: Schema) -> str:
    found = [limit for option in one.get("anyOf", [one]) for limit in _own_limits(option)]
    return ", ".join(dict.fromkeys(found))


def _own_limits(one: Schema) -> Iterator[str]:
    yield from (f"{sign} {one[name]}" for name, sign in LIMITS.items() if name in one)
    yield from (f"{word} {one[name]} in it" for name, word in COUNTS.items() if name in one)
    if "pattern" in one:
        yield f"`{one['pattern']}`"
    if isinstance(one.get("items"), dict):
        yield from (f"each {limit}" for limit in _own_limits(one["items"]))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<region>", "&lt;region&gt;")
