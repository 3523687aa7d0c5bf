"""The settings of a verb as options of the command line: ``--min-valid 0.5`` for patches.crop.min_valid.

They go before the values in ``--settings``. Without that file, all other settings have their defaults. A setting that names
the files of one of the verb's inputs, such as labels.positives, is no option: the input names them.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import yaml
from cyclopts import Group, Parameter
from pydantic import BaseModel

from lobate.cli.wording import inputs_by_setting
from lobate.engine.signature import Input, Setting
from lobate.engine.signature import Parameter as VerbParameter
from lobate.errors import UserError
from lobate.settings.load import load, merge, parse_options
from lobate.settings.region import Region
from lobate.settings.schema import docstrings

GROUP = Group("Settings", sort_key=1)


@dataclass(frozen=True)
class SettingOption:
    """One setting of a verb as an option: its name (``--min-valid``), its dotted name, its class and its type."""

    name: str
    setting: str
    section: type[BaseModel]
    annotation: Any

    @property
    def key(self) -> str:
        """The name as a parameter of a function."""
        return self.setting.replace(".", "__") + "_"

    @property
    def is_list(self) -> bool:
        """Whether it takes several values."""
        return any(get_origin(kind) is list for kind in _kinds(self.annotation))

    def parameter(self, text: str) -> inspect.Parameter:
        """Return it as a parameter for cyclopts, with ``text`` for the help."""
        kind = list[str] if self.is_list else str
        hint: Any = Annotated[
            kind | None, Parameter(name=self.name, help=text, consume_multiple=self.is_list, group=GROUP)
        ]
        return inspect.Parameter(self.key, inspect.Parameter.KEYWORD_ONLY, annotation=hint, default=None)

    def value(self, words: str | list[str]) -> Any:
        """Return the value that was given, as YAML reads it. Raises UserError for brackets that do not close."""
        try:
            values = [yaml.safe_load(word) for word in ([words] if isinstance(words, str) else words)]
        except yaml.YAMLError:
            raise UserError(f"Option {self.name} cannot be read: {words}. Write it as in a configuration.") from None
        return values if self.is_list and not (len(values) == 1 and isinstance(values[0], list)) else values[0]


def setting_options(parameters: Mapping[str, VerbParameter]) -> list[SettingOption]:
    """Return the settings of a verb as options; each has the shortest name that is unique among the verb's options."""
    inputs = {name for name, parameter in parameters.items() if isinstance(parameter.marker, Input)}
    taken = {name for name, parameter in parameters.items() if not isinstance(parameter.marker, Setting)}
    names = (parameter.marker.name for parameter in parameters.values() if isinstance(parameter.marker, Setting))
    found = {
        leaf: (section, annotation)
        for name in names
        if name
        for leaf, section, annotation in _leaves(name)
        if leaf.rpartition(".")[2] not in inputs or not _may_name_files(annotation)
    }
    return [
        SettingOption(_shortest(leaf, [*found], taken | {"settings", "log"}), leaf, section, annotation)
        for leaf, (section, annotation) in found.items()
    ]


def input_options(parameters: Mapping[str, VerbParameter]) -> dict[str, str]:
    """Return setting -> option for the settings whose files are inputs of the verb."""
    inputs = {name for name, parameter in parameters.items() if isinstance(parameter.marker, Input)}
    return inputs_by_setting(
        inputs, {name for name, _, kind in _leaves_below("", Region, Region) if _may_name_files(kind)}
    )


def description(option: SettingOption) -> str:
    """Return what the option is, for the help: the docstring of its setting."""
    return docstrings(option.section).get(_field(option.section, option.setting.rpartition(".")[2]), "")


def region_of(
    files: Sequence[Path] | None,
    given: Mapping[str, Any],
    parameters: Mapping[str, VerbParameter],
    arguments: Mapping[str, Any],
) -> Region | None:
    """Return the settings of a verb's call: those of the files, with the ``given`` ones over them; None without both.

    ``given``: dotted name -> value. ``arguments``: the files of the verb's inputs, by name.
    """
    options = _nested(given)
    if files:
        return load(files, options)
    return parse_options(merge(_nested(_named_by_inputs(parameters, arguments)), options)) if given else None


def _named_by_inputs(parameters: Mapping[str, VerbParameter], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that name the files of an input, with the files that this call gives."""
    named: dict[str, Any] = {}
    for parameter in parameters.values():
        if isinstance(parameter.marker, Setting) and parameter.marker.name:
            for leaf, _, annotation in _leaves(parameter.marker.name):
                files = arguments.get(leaf.rpartition(".")[2])
                if isinstance(files, list | Path) and _may_name_files(annotation):
                    named[leaf] = [str(file) for file in files] if isinstance(files, list) else str(files)
    return named


def _leaves(name: str) -> Iterator[tuple[str, type[BaseModel], Any]]:
    """Yield (dotted name, class, type) of a setting, or of each setting of a section."""
    section: type[BaseModel] = Region
    annotation: Any = Region
    for key in name.split("."):
        section = next(iter(_sections(annotation)))
        annotation = section.model_fields[_field(section, key)].annotation
    yield from _leaves_below(name, section, annotation)


def _leaves_below(name: str, section: type[BaseModel], annotation: Any) -> Iterator[tuple[str, type[BaseModel], Any]]:
    inner = [*_sections(annotation)]
    if not inner:
        yield name, section, annotation
    for model in inner:
        for field, info in model.model_fields.items():
            yield from _leaves_below(f"{name}.{info.alias or field}".lstrip("."), model, info.annotation)


def _field(section: type[BaseModel], key: str) -> str:
    return next(name for name, info in section.model_fields.items() if key in (name, info.alias))


def _sections(annotation: Any) -> Iterator[type[BaseModel]]:
    return (kind for kind in _kinds(annotation) if isinstance(kind, type) and issubclass(kind, BaseModel))


def _may_name_files(annotation: Any) -> bool:
    return any(kind is str or get_origin(kind) is list for kind in _kinds(annotation))


def _kinds(annotation: Any) -> Iterator[Any]:
    """Yield the types that a value may have: the parts of a union, without ``Annotated``."""
    if get_origin(annotation) is Annotated:
        yield from _kinds(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, UnionType):
        for part in get_args(annotation):
            yield from _kinds(part)
    else:
        yield annotation


def _shortest(leaf: str, leaves: Sequence[str], taken: set[str]) -> str:
    """Return the option of a setting: its last key, with as many keys before it as tell it from the others."""
    keys = leaf.split(".")
    ends = [".".join(keys[-count:]) for count in range(1, len(keys) + 1)]
    free = (
        end
        for end in ends
        if end.replace(".", "_") not in taken and sum(f".{other}".endswith(f".{end}") for other in leaves) == 1
    )
    return "--" + next(free, leaf).rstrip("_").replace(".", "-").replace("_", "-")


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings by dotted name as nested mappings, as a configuration has them."""
    nested: dict[str, Any] = {}
    for name, value in values.items():
        *sections, key = name.split(".")
        place = nested
        for section in sections:
            place = place.setdefault(section, {})
        place[key] = value
    return nested
