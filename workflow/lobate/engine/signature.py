"""Markers of a verb's parameters (inputs, outputs and settings), and the reader of its signature.

A verb is a plain function; the stage, the command line and the rules all read its signature:

    def rasterize_labels(
        image: Annotated[Path, Input()],
        polygons: Annotated[Path, Input(view=polygons_on_image)],
        label: Annotated[Path, Output()],
        *,
        ring_m: Annotated[float, Setting("labels.ring_m")] = 0.0,
    ) -> None: ...

Inputs and outputs are paths (``list[Path]`` for several, ``Path | None`` where one may be absent), settings come from
the region's configuration by their dotted name, anything else is a scalar of the command line. No result depends on this
module's code, because the arguments are in the recipe itself.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

Function = Callable[..., Any]
F = TypeVar("F", bound=Function)


@dataclass(frozen=True)
class Input:
    """A file, a folder or a Shapefile (with its side files) that the verb reads.

    ``view(source, target, **arguments)`` writes the part of ``source`` that the verb may see to ``target``. It may take
    other arguments of the verb, by name. The part, not the whole, then decides whether the verb has to run again.
    """

    view: Callable[..., None] | None = None


@dataclass(frozen=True)
class Output:
    """A file, folder or Shapefile that the verb writes, to a path in an empty folder.

    An ``editable`` result is a copy that a person may change by hand, not a read-only link into the store.
    """

    editable: bool = False


@dataclass(frozen=True)
class Setting:
    """A value of the region's configuration, by its dotted name (``training.schedule``); "" is the whole configuration.

    ``view(value, **arguments)`` returns the part that this call depends on.
    """

    name: str
    view: Callable[..., Any] | None = None


Marker = Input | Output | Setting


@dataclass(frozen=True)
class Alternative:
    """Another function that runs in a verb's place when ``when`` returns true; it has a key of its own."""

    when: Callable[..., bool]
    instead: Callable[..., None]


def run_instead_if(when: Callable[..., bool], *, instead: Callable[..., None]) -> Callable[[F], F]:
    """Run ``instead`` in place of the decorated verb when ``when(...)`` is true.

    Both take any of the verb's arguments by name, and may declare inputs and settings of their own. Inputs of ``when``
    alone do not enter the verb's key: only its answer counts.
    """

    def mark(function: F) -> F:
        function.alternative = Alternative(when, instead)  # type: ignore[attr-defined]
        return function

    return mark


def uncached(function: F) -> F:
    """Mark a verb with a result that depends on more than its inputs, such as a search of a catalogue.

    Its result is not kept in the store, and it runs at each call. The verb itself must not fetch anything twice, or leave
    half a file.
    """
    function.uncached = True  # type: ignore[attr-defined]
    return function


@dataclass(frozen=True)
class Parameter:
    """A parameter of a verb: its marker (None for a plain scalar), its type, and whether it is a list."""

    name: str
    marker: Marker | None
    type: Any
    is_list: bool
    default: Any

    @property
    def required(self) -> bool:
        """Whether each call needs an argument for it."""
        return self.default is inspect.Parameter.empty


@cache
def parameters(function: Function) -> dict[str, Parameter]:
    """Return a function's parameters by name, in order."""
    hints = get_type_hints(function, include_extras=True)
    return {
        name: _parameter(name, hints.get(name, Any), parameter.default)
        for name, parameter in inspect.signature(function).parameters.items()
    }


def _parameter(name: str, hint: Any, default: Any) -> Parameter:
    plain, markers = _split_annotation(hint)
    for bare in markers:
        if isinstance(bare, type) and issubclass(bare, Marker):
            raise TypeError(f"{name}: write {bare.__name__}(), not {bare.__name__}")
    marker = next((marker for marker in markers if isinstance(marker, Marker)), None)
    return Parameter(name, marker, plain, _is_list(plain), default)


def _split_annotation(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """Return an annotation's plain type and its metadata."""
    metadata = getattr(hint, "__metadata__", ())
    if metadata:
        return get_args(hint)[0], metadata
    # Annotated[...] | None puts the marker inside the union
    if get_origin(hint) in (Union, UnionType):
        options = [_split_annotation(option) for option in get_args(hint)]
        inner = tuple(marker for _, markers in options for marker in markers)
        return Union[tuple(plain for plain, _ in options)], inner  # noqa: UP007
    return hint, ()


def _is_list(plain: Any) -> bool:
    options = get_args(plain) if get_origin(plain) in (Union, UnionType) else (plain,)
    return any(get_origin(option) is list for option in options)


def alternative(function: Function) -> Alternative | None:
    """Return the verb's alternative, or None."""
    return getattr(function, "alternative", None)


def is_uncached(function: Function) -> bool:
    """Whether the verb is marked `uncached`."""
    return getattr(function, "uncached", False)


def functions_of_verb(function: Function) -> tuple[Function, ...]:
    """Return the verb's function and, where it has an alternative, its condition and its stand-in."""
    substitute = alternative(function)
    return (function, substitute.when, substitute.instead) if substitute else (function,)


@cache
def all_parameters(function: Function) -> dict[str, Parameter]:
    """Return the parameters of the verb, of its condition and of its stand-in.

    Those of the stand-in alone are optional.
    """
    own, substitute = parameters(function), alternative(function)
    if substitute is None:
        return own
    optional = {name: replace(parameter, default=None) for name, parameter in parameters(substitute.instead).items()}
    further = {**optional, **parameters(substitute.when)}
    return {**own, **{name: parameter for name, parameter in further.items() if name not in own}}


def pick_args(function: Function, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the part of ``arguments`` that ``function`` has parameters for."""
    return {name: arguments[name] for name in inspect.signature(function).parameters if name in arguments}


def normalize_args(function: Function, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return arguments from a command line or a rule as the verb expects them: paths, or one path or None for no list."""
    expected = all_parameters(function)
    return {name: _normalize(expected[name], value) for name, value in arguments.items() if name in expected}


def _normalize(parameter: Parameter, value: Any) -> Any:
    if not isinstance(parameter.marker, Input | Output):
        return value
    paths = as_paths(value)
    return paths if parameter.is_list else next(iter(paths), None)


def as_paths(value: Any) -> list[Path]:
    """Return the paths of an input or output argument: none, one or several."""
    if value is None:
        return []
    return [Path(path) for path in value] if isinstance(value, list | tuple) else [Path(value)]
