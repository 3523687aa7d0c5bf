"""Every verb runs as a stage: nothing is computed whose result is known, and nothing known is stale or damaged.

A stage's *recipe* is its name, the digest of the code it can reach, the digest of what it sees of each input, its
settings and scalars, and the versions of the libraries it uses; the recipe's sha256 is the *key*. A known key's outputs
are linked from the store. Otherwise the verb runs into an empty folder, and the store takes its outputs and links them.
"""

from __future__ import annotations

import logging
import os
import platform
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import lobate
from lobate.engine.bound_call import BoundCall, bind, json_settings, resolve_args
from lobate.engine.code_digest import code_digest, libraries
from lobate.engine.registry import load
from lobate.engine.signature import Function, Input, all_parameters, as_paths, functions_of_verb, is_uncached, pick_args
from lobate.errors import UserError
from lobate.io.digest import canonical_json, content_digest, files_of, text_digest
from lobate.settings import Region
from lobate.store import jobs
from lobate.store.os_errors import convert_os_errors
from lobate.store.store import Store

log = logging.getLogger(__name__)


def run(verb: str, arguments: dict[str, Any], region: Region | None, store: Store) -> str:
    """Make a verb's outputs, or link them from the store where they are known; return the key ("" for an uncached verb).

    ``given`` holds paths and scalars by name, ``region`` the settings. Raises UserError for what a user can mend.
    """
    function = load(verb)
    if is_uncached(function):
        return _run_uncached(function, arguments, region)
    with convert_os_errors(store.root), store.workdir(verb) as folder:
        call = hash_inputs(bind(function, arguments, region).check_complete(), folder / "seen", store)
        recipe = _recipe(call)
        key = text_digest(canonical_json(recipe))
        if store.checkout(key, call.targets):
            log.info("restored %s %s", call.stage, key)
            return key
        _compute(call, recipe, key, folder / "made", store)
        if not store.checkout(key, call.targets):
            raise UserError(
                f"What {call.stage} made was lost or damaged while the store {store.root} took it. Run again. If it happens "
                "again, check the disk."
            )
        log.info("computed %s %s", call.stage, key)
        return key


def _run_uncached(function: Function, arguments: dict[str, Any], region: Region | None) -> str:
    call = bind(function, arguments, region).check_complete()
    for _, _, paths in call.with_marker(Input).values():
        for path in paths:
            content_digest(path)  # names a missing input, as for any stage
    folders = [target.path.parent for targets in call.targets.values() for target in targets]
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


def is_cached(verb: str, arguments: dict[str, Any], region: Region | None, store: Store) -> bool:
    """Whether the store has the result, or a lighter stage passes it on. Raises UserError where an input is missing.

    Results among the inputs keep the digest that they were linked with and are not read: a plan of hundreds of tiles must
    not read all of them. The job itself reads them.
    """
    function = load(verb)
    for name, parameter in all_parameters(function).items():
        if isinstance(parameter.marker, Input):
            for path in as_paths(arguments.get(name)):
                files_of(path)  # names a missing input before a folder is made: in a first plan most are missing
    with convert_os_errors(store.root), store.workdir(verb) as folder:
        call = hash_inputs(bind(function, arguments, region), folder, store, trusting=True)
        return call.function is not function or store.has(text_digest(canonical_json(_recipe(call))))


def fingerprint(verb: str, region: Region, scalars: dict[str, Any]) -> str:
    """Return a digest of all but the inputs: code, libraries and settings. A rule puts it into its ``params``."""
    functions = functions_of_verb(load(verb))
    modules = frozenset(function.__module__ for function in functions)
    settings = {
        f"{function.__name__}.{name}": value
        for function in functions
        for name, value in json_settings(function, resolve_args(function, scalars, region)).items()
    }
    return text_digest(canonical_json([code_digest(modules), libraries(modules), settings]))


def hash_inputs(call: BoundCall, folder: Path, store: Store, *, trusting: bool = False) -> BoundCall:
    """Digest every input, and put the part that the verb may see in its place where it has a view."""
    arguments, sources = dict(call.arguments), {}
    for name, (marker, many, paths) in call.with_marker(Input).items():
        sources[name] = [_source(path, store, trusting) for path in paths]
        if marker.view:
            parts = [apply_view(marker.view, path, folder / name / str(n), call) for n, path in enumerate(paths)]
            sources[name] = [
                {**whole, "seen": content_digest(part)} for whole, part in zip(sources[name], parts, strict=True)
            ]
            arguments[name] = parts if many else next(iter(parts), None)
    return replace(call, arguments=arguments, sources=sources)


def _source(path: Path, store: Store, trusting: bool) -> dict[str, str]:
    digest = (store.linked_digest(path) if trusting and path.exists() else None) or content_digest(path)
    store.check_unmodified(path, digest)
    return {"path": str(path), "name": path.name, "digest": digest}


def apply_view(view: Function, path: Path, folder: Path, call: BoundCall) -> Path:
    """Write the part of an input that a view lets through into a new folder; return its path."""
    folder.mkdir(parents=True)
    part = folder / path.name
    others = {
        name: value for name, value in pick_args(view, call.arguments).items() if name not in ("source", "target")
    }
    view(path, part, **others)
    return part


def _recipe(call: BoundCall) -> dict[str, Any]:
    modules = frozenset({call.function.__module__})
    return {
        "stage": call.stage,
        "code": code_digest(modules),
        "libraries": libraries(modules),
        "inputs": {
            name: [[source["name"], source.get("seen", source["digest"])] for source in sources]
            for name, sources in call.sources.items()
        },
        "outputs": {name: [target.path.name for target in targets] for name, targets in call.targets.items()},
        "settings": call.settings,
        "scalars": call.scalars,
    }


def _compute(call: BoundCall, recipe: dict[str, Any], key: str, folder: Path, store: Store) -> None:
    made: dict[str, list[Path]] = {}
    for name, targets in call.targets.items():
        made[name] = [folder / name / str(n) / target.path.name for n, target in enumerate(targets)]
        for path in made[name]:
            path.parent.mkdir(parents=True)
    places = {name: paths if call.parameters[name].is_list else next(iter(paths), None) for name, paths in made.items()}
    os.environ["LOBATE_SCRATCH"] = str(store.scratch_folder(key))
    began = time.monotonic()
    with jobs.guard_workdir(folder):
        call.function(**{**call.arguments, **places})
    run_facts = {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - began, 3),
        "host": platform.node(),
        "python": platform.python_version(),
        "lobate": lobate.__version__,
    }
    store.commit(key, {"recipe": recipe, "sources": call.sources, "run": run_facts}, made)
