"""A verb's function with all its arguments: paths and scalars from the caller, settings from the region."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from lobate.engine.signature import (
    Function,
    Input,
    Output,
    Parameter,
    Setting,
    alternative,
    as_paths,
    normalize_args,
    parameters,
    pick_args,
)
from lobate.errors import UserError
from lobate.settings import Region
from lobate.store.link import OutputTarget


@dataclass(frozen=True)
class BoundCall:
    """A function with all its arguments, ready to run; ``sources`` holds path and digest of each input, once hashed."""

    function: Function
    arguments: dict[str, Any]
    sources: dict[str, list[dict[str, str]]]

    @property
    def stage(self) -> str:
        """Name of the stage."""
        return self.function.__name__

    @property
    def parameters(self) -> dict[str, Parameter]:
        """All parameters of the function, also those without an argument."""
        return parameters(self.function)

    def with_marker(self, marker: type[Input | Output]) -> dict[str, tuple[Any, bool, list[Path]]]:
        """Return the arguments with this kind of marker: name -> marker, whether it is a list, and its paths."""
        return {
            name: (parameter.marker, parameter.is_list, as_paths(self.arguments[name]))
            for name, parameter in self.parameters.items()
            if isinstance(parameter.marker, marker) and name in self.arguments
        }

    @property
    def targets(self) -> dict[str, list[OutputTarget]]:
        """Where to link each output."""
        return {
            name: [OutputTarget(path, marker.editable) for path in paths]
            for name, (marker, _, paths) in self.with_marker(Output).items()
        }

    @property
    def settings(self) -> dict[str, Any]:
        """The settings among the arguments, as JSON values."""
        return json_settings(self.function, self.arguments)

    @property
    def scalars(self) -> dict[str, Any]:
        """The plain scalars among the arguments."""
        unmarked = sorted(name for name, parameter in self.parameters.items() if parameter.marker is None)
        return {name: self.arguments[name] for name in unmarked if name in self.arguments}

    def check_complete(self) -> BoundCall:
        """Return the call itself. Raises UserError that names the missing options."""
        missing = [
            parameter
            for name, parameter in self.parameters.items()
            if parameter.required and name not in self.arguments
        ]
        options = [
            "--settings FILE" if isinstance(parameter.marker, Setting) else f"--{parameter.name.replace('_', '-')}"
            for parameter in missing
        ]
        if options:
            verb = self.stage.replace("_", "-")
            raise UserError(
                f"lobate {verb} needs {' and '.join(dict.fromkeys(options))}; lobate {verb} --help describes each option."
            )
        return self


def bind(function: Function, arguments: dict[str, Any], region: Region | None) -> BoundCall:
    """Return the call of a verb, or of its stand-in where its condition is true."""
    arguments = normalize_args(function, arguments)
    substitute = alternative(function)
    if substitute and substitute.when(**resolve_args(substitute.when, arguments, region)):
        function = substitute.instead
    return BoundCall(function, resolve_args(function, arguments, region), {})


def resolve_args(function: Function, caller_arguments: dict[str, Any], region: Region | None) -> dict[str, Any]:
    """Return the arguments of ``function`` by name: the caller's, and settings of the region."""
    arguments = pick_args(function, caller_arguments)
    for name, parameter in parameters(function).items():
        if isinstance(parameter.marker, Setting) and name not in arguments and region is not None:
            arguments[name] = _resolve_setting(parameter.marker, region, caller_arguments)
    return arguments


def _resolve_setting(marker: Setting, region: Region, caller_arguments: dict[str, Any]) -> Any:
    value: Any = region
    for part in filter(None, marker.name.split(".")):
        value = getattr(value, part)
    return marker.view(value, **pick_args(marker.view, caller_arguments)) if marker.view else value


def json_settings(function: Function, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the settings among ``arguments`` as JSON values, by name in sorted order."""
    settings = {name for name, parameter in parameters(function).items() if isinstance(parameter.marker, Setting)}
    return {name: _json_value(arguments[name]) for name in sorted(settings & set(arguments))}


def _json_value(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, dict):
        return {key: _json_value(inner) for key, inner in value.items()}
    return [_json_value(inner) for inner in value] if isinstance(value, list | tuple) else value
