"""The base of all sections of the configuration, and the types that they share."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    model_validator,
)
from pydantic_core import CoreSchema
from pydantic_core.core_schema import no_info_before_validator_function

from lobate.io.text_encoding import codec_of


class Section(BaseModel):
    """A closed, frozen part of the configuration: an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, serialize_by_alias=True)


class ProjectFile:
    """Marker of settings that name a file or folder; `check` looks for it."""


def _normalize_path(path: str) -> str:
    if not path.strip():
        raise ValueError("is empty; give a path relative to the project")
    # Snakemake reads {name} as a wildcard, and ends a path at a line break or NUL
    if re.search(r"[{}\x00-\x1f]", path):
        raise ValueError("contains braces or control characters, which have a meaning in Snakemake; rename the file")
    return str(PurePosixPath(path))


ProjectPath = Annotated[str, AfterValidator(_normalize_path), ProjectFile()]
"""A path relative to the project's root. An absolute path works on this machine only."""


class OneOrMore:
    """Marker of lists of files: a path alone stands for a list of one."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return the validation with a path put into a list before it."""
        return no_info_before_validator_function(
            lambda value: [value] if isinstance(value, str) else value, handler(source)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return the JSON schema: text, or the list."""
        return {"anyOf": [{"type": "string"}, handler(schema)]}


def _known_encoding(name: str) -> str:
    if codec_of(name) is None:
        raise ValueError("is no encoding; give its name, for instance UTF-8, GBK, CP1251 or ISO-8859-1")
    return name


class PolygonFile(Section):
    """One vector file of outlines: its path, or its path and what to read of it."""

    path: ProjectPath
    """Shapefile, GeoPackage, GeoJSON or other vector file with a CRS."""
    layer: str | Annotated[list[str], Field(min_length=1)] | None = None
    """Layer, if the file has several, or a list of layers that are read as one."""
    encoding: Annotated[str, AfterValidator(_known_encoding)] | None = None
    """Encoding of its text, for instance GBK or CP1251, where the file does not say it. UTF-8 is seen without it."""
    id_field: str | None = None
    """Field with each outline's identifier; without it, identifiers are file name and feature number."""
    where: dict[str, str | int | float | bool] = {}
    """Keep only features with these field values, for instance {Out.Type: Extended}."""

    @property
    def layer_names(self) -> str:
        """The layers for messages, separated by commas; "" for the only one."""
        return self.layer if isinstance(self.layer, str) else ", ".join(self.layer or [])

    @model_validator(mode="before")
    @classmethod
    def _from_path(cls, value: Any) -> Any:
        return {"path": value} if isinstance(value, str) else value
