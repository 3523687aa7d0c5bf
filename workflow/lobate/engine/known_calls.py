"""Calls whose key is known from an earlier one, so that the verb's module need not be imported to link its outputs.

A key follows from the recipe, and a recipe needs the verb's signature, its settings and the views of its inputs: most of a
second for a result that the store links in a millisecond. But all of this follows from the command line, the bytes of the
inputs and the settings, and the code. So a stage that knows its key notes both in the store (`Store.note_call`), and a
later process with the same call asks for that note first. A call without a note is run as a stage.

Verbs with a stand-in are always run as stages: which of the two runs is not known before the inputs are read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from lobate.engine.ast_cache import ROOT
from lobate.engine.code_digest import code_digest, libraries
from lobate.engine.options import Option, has_stand_in, options_of
from lobate.engine.registry import ROOM_OF, module_of
from lobate.errors import UserError
from lobate.io.digest import canonical_json, content_digest, file_digest, text_digest
from lobate.store.store import OutputTarget, Store

ALSO_DECIDING = ("settings", "engine")
"""Packages whose code decides about a key without being part of it."""

Sources = Mapping[str, Sequence[Mapping[str, str]]]
"""Input -> name and digest of each of its files."""


class PlainCall(NamedTuple):
    """A command line of a verb, as the rules write it: each option with its values, all of them texts."""

    verb: str
    values: dict[str, list[str]]
    settings: list[str]
    log: str | None

    def of(self, marker: str) -> dict[str, list[str]]:
        """Return the values of the options with this marker ("" for a scalar)."""
        options = {option.name for option in options_of(self.verb) if option.marker == marker}
        return {name: values for name, values in self.values.items() if name in options}


def parse_call(tokens: Sequence[str]) -> PlainCall | None:
    """Return the call that a command line makes; None for anything but a verb with options that exist, by full name."""
    if not tokens or (verb := tokens[0].replace("-", "_")) not in ROOM_OF or has_stand_in(verb):
        return None
    known = {option.name: option for option in options_of(verb) if option.marker != "Setting"}
    known |= {"settings": Option("settings", "", True), "log": Option("log", "", False)}
    values: dict[str, list[str]] = {}
    name = ""
    for token in tokens[1:]:
        if token.startswith("--"):
            name = token[2:].replace("-", "_")
            if name not in known or name in values:
                return None
            values[name] = []
        elif name and not token.startswith("-"):
            values[name].append(token)
        else:
            return None
    if any(len(given) > 1 and not known[name].is_list for name, given in values.items()):
        return None
    settings, log_file = values.pop("settings", []), next(iter(values.pop("log", [])), None)
    return PlainCall(verb, {name: given for name, given in values.items() if given}, settings, log_file)


def link_known(call: PlainCall, store: Store) -> str | None:
    """Link the outputs of a call whose key is noted, and return the key; None where there is no such note.

    Inputs are read only where a call like this one, up to the content of its inputs, has been noted.
    """
    if len(call.settings) > 1:
        return None
    outputs = {name: [OutputTarget(Path(path)) for path in paths] for name, paths in call.of("Output").items()}
    try:
        settings = file_digest(Path(call.settings[0])) if call.settings else ""
        name = call_digest(call.verb, call.of(""), outputs, settings)
        if not store.has_call(name):
            return None
        with store.workdir(call.verb):
            sources = {option: [_source(path, store) for path in paths] for option, paths in call.of("Input").items()}
            keys = store.keys_of_call(name, sources_digest(sources))
            return next((key for key in keys if store.checkout(key, outputs)), None)
    except (UserError, OSError):  # the stage says what is wrong
        return None


def _source(path: str, store: Store) -> dict[str, str]:
    digest = content_digest(Path(path))
    store.check_unmodified(Path(path), digest)
    return {"name": Path(path).name, "digest": digest}


def call_digest(
    verb: str, scalars: Mapping[str, Any], outputs: Mapping[str, Sequence[OutputTarget]], settings: str
) -> str:
    """Return a digest of all that decides about a key but the inputs; ``settings`` is the digest of their text."""
    modules = deciding_modules(verb)
    return text_digest(
        canonical_json(
            {
                "verb": verb,
                "code": code_digest(modules),
                "libraries": libraries(modules),
                "outputs": {name: [one.path.name for one in targets] for name, targets in outputs.items() if targets},
                "settings": settings,
                "scalars": {name: _texts(value) for name, value in scalars.items()},
            }
        )
    )


def sources_digest(sources: Sources) -> str:
    """Return the digest of names and contents of all inputs."""
    return text_digest(
        canonical_json(
            {name: [[file["name"], file["digest"]] for file in files] for name, files in sources.items() if files}
        )
    )


def _texts(value: Any) -> list[str]:
    return [str(inner) for inner in value] if isinstance(value, list | tuple) else [str(value)]


@cache
def deciding_modules(verb: str) -> frozenset[str]:
    """Return the verb's module, and those of the packages that decide about its key."""
    files = [file for package in ALSO_DECIDING for file in sorted((ROOT / package).rglob("*.py"))]
    return frozenset(
        {module_of(verb), *(".".join(["lobate", *_parts(file)]) for file in files)},
    )


def _parts(file: Path) -> list[str]:
    parts = [*file.relative_to(ROOT).with_suffix("").parts]
    return parts[:-1] if parts[-1] == "__init__" else parts
