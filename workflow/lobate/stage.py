"""Every verb runs as a stage: nothing is computed whose result is known, and nothing known is stale or damaged.

A stage's *recipe* is its name, the digest of the code it can reach, the digest of what it sees of each input, its
settings and scalars, and the versions of the libraries it uses; the recipe's sha256 is the *key*. A known key's outputs
are linked from the store. Otherwise the verb runs into an empty folder, and what it made is taken into the store and
linked from there.
"""

from __future__ import annotations

import logging
import os
import platform
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel

import lobate
from lobate import jobs, verbs
from lobate.digests import canonical, content_digest, family, text_digest
from lobate.errors import Mistake
from lobate.reach import code_digest, libraries
from lobate.settings import Region
from lobate.signature import Input, Output, Setting
from lobate.store import Store, Target
from lobate.trouble import told

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Call:
    """One function with all its arguments, ready to run; ``sources`` holds what stands behind each input."""

    function: verbs.Function
    arguments: dict[str, Any]
    sources: dict[str, list[dict[str, str]]]

    @property
    def stage(self) -> str:
        """Name of the stage."""
        return self.function.__name__

    def of(self, marker: type) -> dict[str, verbs.Parameter]:
        """Return the parameters marked so."""
        listed = verbs.parameters(self.function)
        return {name: one for name, one in listed.items() if isinstance(one.marker, marker) and name in self.arguments}

    @property
    def targets(self) -> dict[str, list[Target]]:
        """Where each output is wanted."""
        return {
            name: [Target(path, one.marker.editable) for path in verbs.path_of(self.arguments[name])]
            for name, one in self.of(Output).items()
        }


def run(verb: str, given: dict[str, Any], region: Region | None, store: Store) -> str:
    """Make a verb's outputs, or link them from the store where they are known; return the key ("" for an outside verb).

    ``given`` holds paths and scalars by name, ``region`` the settings. Raises Mistake for what a user can mend.
    """
    if verbs.is_outside(verbs.load(verb)):
        return _run_outside(verb, given, region)
    with told(store.root), store.work(verb) as folder:
        call = _seen(_complete(_chosen(verbs.load(verb), given, region)), folder / "seen", store)
        recipe = _recipe(call)
        key = text_digest(canonical(recipe))
        if store.restore(key, call.targets):
            log.info("restored %s %s", call.stage, key)
            return key
        _compute(call, recipe, key, folder / "made", store)
        if not store.restore(key, call.targets):
            raise Mistake(
                f"What {call.stage} made was lost or damaged while the store {store.root} took it. Run again; if it stays so, "
                "check the disk."
            )
        log.info("computed %s %s", call.stage, key)
        return key


def _run_outside(verb: str, given: dict[str, Any], region: Region | None) -> str:
    call = _complete(_chosen(verbs.load(verb), given, region))
    for path in (path for name in call.of(Input) for path in verbs.path_of(call.arguments[name])):
        content_digest(path)  # says what is missing, as for any stage
    folders = [target.path.parent for listed in call.targets.values() for target in listed]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    try:
        call.function(**call.arguments)
    finally:
        for folder in folders:
            with suppress(OSError):
                folder.rmdir()  # one that stayed empty
    log.info("ran %s", call.stage)
    return ""


def known(verb: str, given: dict[str, Any], region: Region | None, store: Store) -> bool:
    """Whether the result is in the store, or is passed on by a lighter stage; inputs must be there.

    Results among the inputs are taken for what was linked there and not read, so that a plan of hundreds of tiles does not
    read all of them; the job itself will.
    """
    function = verbs.load(verb)
    listed = verbs.all_parameters(function)
    for name in (name for name, one in listed.items() if isinstance(one.marker, Input)):
        for path in verbs.path_of(given.get(name)):
            family(path)  # says what is missing before a folder is made: in a first plan most inputs are yet to come
    with told(store.root), store.work(verb) as folder:
        call = _seen(_chosen(function, given, region), folder, store, trusting=True)
        return call.function is not function or store.has(text_digest(canonical(_recipe(call))))


def stamp(verb: str, region: Region, scalars: dict[str, Any]) -> str:
    """Return a digest of all but the inputs: code, libraries and settings. A rule puts it into its ``params``."""
    functions = verbs.involved(verbs.load(verb))
    modules = frozenset(one.__module__ for one in functions)
    settings = {
        f"{one.__name__}.{name}": value
        for one in functions
        for name, value in _plain(one, _resolved(one, scalars, region)).items()
    }
    return text_digest(canonical([code_digest(modules), libraries(modules), settings]))


def _chosen(function: verbs.Function, given: dict[str, Any], region: Region | None) -> Call:
    given = verbs.tidied(function, given)
    other = verbs.alternative(function)
    if other and other.when(**_resolved(other.when, given, region)):
        function = other.instead
    return Call(function, _resolved(function, given, region), {})


def _complete(call: Call) -> Call:
    """Return the call, if it has all that its function needs."""
    listed = verbs.parameters(call.function)
    lacking = [one for name, one in listed.items() if one.required and name not in call.arguments]
    options = [
        "--settings FILE" if isinstance(one.marker, Setting) else f"--{one.name.replace('_', '-')}" for one in lacking
    ]
    if options:
        verb = call.stage.replace("_", "-")
        raise Mistake(
            f"lobate {verb} needs {' and '.join(dict.fromkeys(options))}; lobate {verb} --help says what it is."
        )
    return call


def _resolved(function: verbs.Function, given: dict[str, Any], region: Region | None) -> dict[str, Any]:
    """Return the arguments of ``function`` by name: what is given, and settings of the region."""
    arguments = verbs.bind(function, given)
    for name, one in verbs.parameters(function).items():
        if isinstance(one.marker, Setting) and name not in arguments and region is not None:
            arguments[name] = _setting(one.marker, region, given)
    return arguments


def _setting(marker: Setting, region: Region, given: dict[str, Any]) -> Any:
    value: Any = region
    for part in filter(None, marker.name.split(".")):
        value = getattr(value, part)
    return marker.lens(value, **verbs.bind(marker.lens, given)) if marker.lens else value


def _seen(call: Call, folder: Path, store: Store, *, trusting: bool = False) -> Call:
    """Digest every input, and put the part that the verb may see in its place where it has a lens."""
    arguments, sources = dict(call.arguments), {}
    for name, one in call.of(Input).items():
        paths = verbs.path_of(call.arguments[name])
        sources[name] = [_source(path, store, trusting) for path in paths]
        if one.marker.lens:
            paths = [_through(one.marker.lens, path, folder / name / str(n), call) for n, path in enumerate(paths)]
            sources[name] = [
                {**whole, "seen": content_digest(path)} for whole, path in zip(sources[name], paths, strict=True)
            ]
            arguments[name] = paths if one.many else next(iter(paths), None)
    return replace(call, arguments=arguments, sources=sources)


def _source(path: Path, store: Store, trusting: bool) -> dict[str, str]:
    digest = (store.linked(path) if trusting and path.exists() else None) or content_digest(path)
    store.check_untouched(path, digest)
    return {"path": str(path), "name": path.name, "digest": digest}


def _through(lens: verbs.Function, path: Path, folder: Path, call: Call) -> Path:
    folder.mkdir(parents=True)
    part = folder / path.name
    others = {
        name: value for name, value in verbs.bind(lens, call.arguments).items() if name not in ("source", "target")
    }
    lens(path, part, **others)
    return part


def _recipe(call: Call) -> dict[str, Any]:
    modules = frozenset({call.function.__module__})
    scalars = {name: one for name, one in verbs.parameters(call.function).items() if one.marker is None}
    return {
        "stage": call.stage,
        "code": code_digest(modules),
        "libraries": libraries(modules),
        "inputs": {
            name: [[one["name"], one.get("seen", one["digest"])] for one in listed]
            for name, listed in call.sources.items()
        },
        "outputs": {name: [target.path.name for target in listed] for name, listed in call.targets.items()},
        "settings": _plain(call.function, call.arguments),
        "scalars": {name: call.arguments[name] for name in sorted(scalars) if name in call.arguments},
    }


def _plain(function: verbs.Function, arguments: dict[str, Any]) -> dict[str, Any]:
    marked = {name for name, one in verbs.parameters(function).items() if isinstance(one.marker, Setting)}
    return {name: _jsonable(arguments[name]) for name in sorted(marked & set(arguments))}


def _jsonable(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, dict):
        return {key: _jsonable(one) for key, one in value.items()}
    return [_jsonable(one) for one in value] if isinstance(value, list | tuple) else value


def _compute(call: Call, recipe: dict[str, Any], key: str, folder: Path, store: Store) -> None:
    made: dict[str, list[Path]] = {}
    for name, targets in call.targets.items():
        made[name] = [folder / name / str(n) / target.path.name for n, target in enumerate(targets)]
        for path in made[name]:
            path.parent.mkdir(parents=True)
    listed = verbs.parameters(call.function)
    places = {name: paths if listed[name].many else next(iter(paths), None) for name, paths in made.items()}
    os.environ["LOBATE_SCRATCH"] = str(store.scratch(key))
    began = time.monotonic()
    with jobs.undisturbed(folder):
        call.function(**{**call.arguments, **places})
    run_facts = {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - began, 3),
        "host": platform.node(),
        "python": platform.python_version(),
        "lobate": lobate.__version__,
    }
    store.publish(key, {"recipe": recipe, "sources": call.sources, "run": run_facts}, made)
