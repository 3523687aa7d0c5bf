"""All verbs, and how their signatures are read.

The command line, the rules and the stage start from here. A verb's function has the verb's name and lives in the module
named here; it is imported only when that verb is asked for.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from lobate.signature import Alternative, Input, Output, Setting

VERBS: dict[str, str] = {
    "make_example": "lobate.example.world",
    "measure_stretch": "lobate.imagery.measure",
    "find_scenes": "lobate.imagery.find",
    "fetch_scene": "lobate.imagery.fetch",
    "fetch_dem": "lobate.imagery.dem",
    "mosaic_dem": "lobate.imagery.elevation",
    "compose_rgb": "lobate.imagery.compose",
    "clean_labels": "lobate.labels.clean",
    "rasterize_labels": "lobate.labels.rasterize",
    "crop_patches": "lobate.patches.crop",
    "split_patches": "lobate.patches.split",
    "contact_sheet": "lobate.patches.sheet",
    "describe_dataset": "lobate.patches.card",
    "train": "lobate.training.train",
    "mine_negatives": "lobate.training.mine",
    "choose_round": "lobate.training.choose",
    "train_other": "lobate.training.again",
    "cross_validate": "lobate.training.again",
    "select_model": "lobate.training.select",
    "predict": "lobate.mapping.predict",
    "vectorize": "lobate.mapping.vectorize",
    "merge_detections": "lobate.mapping.merge",
    "filter_detections": "lobate.mapping.filter",
    "score": "lobate.mapping.score",
    "review_sheet": "lobate.inventory.review",
    "review_page": "lobate.inventory.screen",
    "review_project": "lobate.inventory.project",
    "apply_review": "lobate.inventory.decide",
    "describe": "lobate.inventory.describe",
    "compile_inventory": "lobate.inventory.compile",
    "translate_inventory": "lobate.inventory.translate",
    "document_inventory": "lobate.inventory.document",
    "figure_map": "lobate.figures.map",
    "figure_iou": "lobate.figures.iou",
    "figure_workflow": "lobate.figures.workflow",
    "figure_outlines": "lobate.figures.outlines",
    "figure_attributes": "lobate.figures.attributes",
    "figure_upslope": "lobate.figures.upslope",
    "figure_motion": "lobate.figures.motion",
    "figure_leakage": "lobate.figures.leakage",
    "figure_rounds": "lobate.figures.rounds",
    "figure_reliability": "lobate.figures.reliability",
    "figure_precision_recall": "lobate.figures.precision_recall",
    "trace_inventory": "lobate.figures.trace",
    "report": "lobate.figures.report.write",
}

Function = Callable[..., Any]
Marker = Input | Output | Setting


@dataclass(frozen=True)
class Parameter:
    """One parameter of a verb: what it is (``marker`` is None for a plain scalar), and whether several or none may come."""

    name: str
    marker: Marker | None
    type: Any
    many: bool
    default: Any

    @property
    def required(self) -> bool:
        """Whether a call must give it."""
        return self.default is inspect.Parameter.empty


def load(verb: str) -> Function:
    """Import and return the function of a verb."""
    return getattr(import_module(VERBS[verb]), verb)


@cache
def parameters(function: Function) -> dict[str, Parameter]:
    """Return a function's parameters by name, in order."""
    hints = get_type_hints(function, include_extras=True)
    listed = inspect.signature(function).parameters
    return {name: _parameter(name, hints.get(name, Any), one.default) for name, one in listed.items()}


def _parameter(name: str, hint: Any, default: Any) -> Parameter:
    plain, markers = _unwrapped(hint)
    kind = next((one for one in markers if isinstance(one, Marker)), None)
    for bare in markers:
        if isinstance(bare, type) and issubclass(bare, Marker):
            raise TypeError(f"{name}: write {bare.__name__}(), not {bare.__name__}")
    return Parameter(name, kind, plain, _is_list(plain), default)


def _unwrapped(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    markers = getattr(hint, "__metadata__", ())
    if markers:
        return get_args(hint)[0], markers
    # Annotated[...] | None puts the marker inside the union
    if get_origin(hint) in (Union, UnionType):
        inner = [_unwrapped(one) for one in get_args(hint)]
        found = tuple(marker for _, marked in inner for marker in marked)
        return Union[tuple(plain for plain, _ in inner)], found  # noqa: UP007
    return hint, ()


def _is_list(plain: Any) -> bool:
    options = get_args(plain) if get_origin(plain) in (Union, UnionType) else (plain,)
    return any(get_origin(one) is list for one in options)


def alternative(function: Function) -> Alternative | None:
    """Return what may run in the verb's place, if anything."""
    return getattr(function, "alternative", None)


def is_outside(function: Function) -> bool:
    """Whether the verb asks the world, so that its result is not kept in the store."""
    return getattr(function, "outside", False)


def involved(function: Function) -> tuple[Function, ...]:
    """Return the verb's function and, where it has an alternative, what chooses and what runs instead."""
    other = alternative(function)
    return (function, other.when, other.instead) if other else (function,)


def all_parameters(function: Function) -> dict[str, Parameter]:
    """Return the verb's own parameters, those that its choice needs, and those that only its alternative asks for.

    The last may be left out.
    """
    own, other = parameters(function), alternative(function)
    if other is None:
        return own
    spare = {name: replace(one, default=None) for name, one in parameters(other.instead).items()}
    more = {**spare, **parameters(other.when)}
    return {**own, **{name: one for name, one in more.items() if name not in own}}


def bind(function: Function, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return those of ``arguments`` that ``function`` asks for by name; what is missing keeps its default."""
    return {name: arguments[name] for name in inspect.signature(function).parameters if name in arguments}


def tidied(function: Function, given: dict[str, Any]) -> dict[str, Any]:
    """Return arguments from a command line or a rule as the verb expects them: paths, and one or none for no list."""
    listed = all_parameters(function)
    return {name: _tidied(listed[name], value) for name, value in given.items() if name in listed}


def _tidied(one: Parameter, value: Any) -> Any:
    if not isinstance(one.marker, Input | Output):
        return value
    paths = path_of(value)
    return paths if one.many else next(iter(paths), None)


def path_of(value: Any) -> list[Path]:
    """Return the paths an input or output argument stands for: none, one or several."""
    if value is None:
        return []
    return [Path(one) for one in value] if isinstance(value, list | tuple) else [Path(value)]
