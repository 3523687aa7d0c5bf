"""How a verb's function says which of its parameters are inputs, outputs and settings.

A verb is a plain function; the stage, the command line and the rules all read its signature:

    def rasterize_labels(
        image: Annotated[Path, Input()],
        polygons: Annotated[Path, Input(lens=polygons_on_image)],
        label: Annotated[Path, Output()],
        *,
        ring_m: Annotated[float, Setting("labels.ring_m")] = 0.0,
    ) -> None: ...

Inputs and outputs are paths (``list[Path]`` for several, ``Path | None`` where one may be absent), settings come from
the region's configuration by their dotted name, anything else is a scalar of the command line. Nothing here has
behaviour of its own, so no result depends on it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Input:
    """A file, a folder or a Shapefile (with its side files) that the verb reads.

    ``lens(source, target, **others)`` writes to ``target`` the part of ``source`` that the verb may see; it may ask by
    name for other arguments of the verb. The part, not the whole, then decides whether the verb has to run again.
    """

    lens: Callable[..., None] | None = None


@dataclass(frozen=True)
class Output:
    """A file, folder or Shapefile that the verb writes; it is given a path in an empty folder.

    What a person may change by hand afterwards is ``editable``: a copy of its own, not a read-only link into the store.
    """

    editable: bool = False


@dataclass(frozen=True)
class Setting:
    """A value of the region's configuration, by its dotted name (``training.schedule``); all of it by "".

    ``lens(value, **others)`` narrows it to what this call depends on.
    """

    name: str
    lens: Callable[..., Any] | None = None


@dataclass(frozen=True)
class Alternative:
    """Another function that runs in a verb's place when ``when`` says so; its key is its own."""

    when: Callable[..., bool]
    instead: Callable[..., None]


def unless(when: Callable[..., bool], *, instead: Callable[..., None]) -> Callable[[F], F]:
    """Run ``instead`` in place of the decorated verb when ``when(...)`` is true.

    Both take any of the verb's arguments by name, and may declare inputs and settings of their own. What only ``when``
    reads does not enter the verb's key: the answer decides, not what it was derived from.
    """

    def mark(function: F) -> F:
        function.alternative = Alternative(when, instead)  # type: ignore[attr-defined]
        return function

    return mark


def outside(function: F) -> F:
    """Mark a verb that asks the world (a catalogue, an archive): its result is no function of its inputs.

    It is not kept in the store and runs whenever it is asked to; that nothing is fetched twice or half is its own care.
    """
    function.outside = True  # type: ignore[attr-defined]
    return function
