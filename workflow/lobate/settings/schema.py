"""The configuration's JSON schema, with the docstring of each setting as its description.

Only this module reads them from the source. Pydantic's own reader (``use_attribute_docstrings``) would read them at each
import of the settings, which took a fifth of a second of every job.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import Any

from lobate.io.jsonfile import json_text
from lobate.settings.base import PolygonFile, Section
from lobate.settings.region import Region


def json_schema() -> str:
    """Return the configuration's JSON schema, as text."""
    document = {"$schema": "https://json-schema.org/draft/2020-12/schema", **settings_schema()}
    files = {f"#/$defs/{model.__name__}" for model in _sections(PolygonFile)}
    return json_text(_or_path(document, files), sort_keys=False)


def _or_path(node: Any, files: set[str]) -> Any:
    """Return a part of the schema in which a path may stand for each file of outlines."""
    if isinstance(node, list):
        return [_or_path(item, files) for item in node]
    if not isinstance(node, dict):
        return node
    if node.get("$ref") in files:
        about = {key: value for key, value in node.items() if key != "$ref"}
        return {"anyOf": [{"type": "string"}, {"$ref": node["$ref"]}], **about}
    return {key: _or_path(value, files) for key, value in node.items()}


def settings_schema() -> dict[str, Any]:
    """Return the JSON schema of the configuration."""
    document = Region.model_json_schema()
    models = {model.__name__: model for model in _sections(Section)}
    for definition in (document, *document["$defs"].values()):
        _describe(definition["properties"], models[definition["title"]])
    return document


def _sections(model: type[Section]) -> Iterator[type[Section]]:
    yield model
    for below in model.__subclasses__():
        yield from _sections(below)


def _describe(properties: dict[str, Any], model: type[Section]) -> None:
    texts = docstrings(model)
    for name, field in model.model_fields.items():
        key = field.alias or name
        if name in texts:
            properties[key] = dict(sorted({**properties[key], "description": texts[name]}.items()))


def docstrings(model: type) -> dict[str, str]:
    """Return the docstrings of the settings in a class, and of those that it inherits, by the names of their fields."""
    return {name: text for base in reversed(model.__mro__) for name, text in _docstrings(base).items()}


@cache
def _docstrings(model: type) -> dict[str, str]:
    """Return the docstrings after the attributes of a class of settings."""
    if not issubclass(model, Section):
        return {}
    (definition,) = ast.parse(inspect.getsource(model)).body
    assert isinstance(definition, ast.ClassDef)
    return {
        attribute.target.id: inspect.cleandoc(text.value.value)
        for attribute, text in pairwise(definition.body)
        if isinstance(attribute, ast.AnnAssign)
        and isinstance(attribute.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }
