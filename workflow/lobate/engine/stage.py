"""Runs of verbs as stages: a result in the store is not computed again, and no stale or damaged result is used.

A stage's *recipe* holds its name, its settings and scalars, the digest of its reachable code, the versions of its
libraries, and the digest of each input's visible part. The recipe's sha256 is the *key*. If the store has the key, its
outputs are linked. Otherwise the verb writes into an empty folder, and the store takes its outputs and links them.
"""

from __future__ import annotations

import logging
import os
import platform
import shutil
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import lobate
from lobate.engine.bound_call import BoundCall, bind, json_settings, resolve_args
from lobate.engine.change_guard import CodeGuard, InputGuard, read_steadily
from lobate.engine.checkpoint_check import checked_by
from lobate.engine.code_digest import code_digest, libraries
from lobate.engine.known_calls import call_digest, sources_digest
from lobate.engine.machine import machine_facts
from lobate.engine.options import has_stand_in
from lobate.engine.registry import ROOM_OF, load
from lobate.engine.signature import Function, Input, all_parameters, as_paths, functions_of_verb, is_uncached, pick_args
from lobate.errors import UserError
from lobate.io.digest import canonical_json, content_digest, files_of, text_digest
from lobate.settings import Region
from lobate.settings.load import resolved_json
from lobate.store import jobs
from lobate.store.os_errors import convert_os_errors
from lobate.store.store import Store

log = logging.getLogger(__name__)


def run(verb: str, arguments: dict[str, Any], region: Region | None, store: Store) -> str:
    """Compute a verb's outputs, or link them from the store; return the key ("" for an uncached verb).

    ``arguments`` holds paths and scalars by name, ``region`` the settings. Raises UserError for mistakes of the user.
    """
    function = load(verb)
    if is_uncached(function):
        return _run_uncached(function, arguments, region)
    with convert_os_errors(store.root), store.workdir(verb) as folder:
        call = bind(function, arguments, region).check_complete()
        inputs, code = InputGuard(call), CodeGuard(frozenset({call.function.__module__}))
        call = hash_inputs(call, folder / "seen", store)
        inputs.check(call.stage, call.sources)
        code.check_since_start(call.stage)
        recipe = _recipe(call)
        key = text_digest(canonical_json(recipe))
        if store.checkout(key, call.targets):
            _note_call(call, region, store, key)
            log.info("restored %s %s", call.stage, key)
            return key

        def check_unchanged() -> None:
            inputs.check(call.stage, call.sources)
            code.check(call.stage)

        try:
            with checked_by(check_unchanged):
                outputs, run_facts = _compute(call, key, folder / "made", store)
        finally:  # also after a failure, which a change may explain
            check_unchanged()
        store.commit(key, {"recipe": recipe, "sources": call.sources, "run": run_facts}, outputs)
        if not store.checkout(key, call.targets):
            raise UserError(
                f"An output of {call.stage} was lost or damaged on its way into the store {store.root}. Run again. If it "
                "happens again, check the disk."
            )
        _note_call(call, region, store, key)
        log.info("computed %s %s", call.stage, key)
        return key


def _note_call(call: BoundCall, region: Region | None, store: Store, key: str) -> None:
    """Note the key of a call, so that the next one like it is linked without importing the verb's module."""
    editable = any(target.editable for targets in call.targets.values() for target in targets)
    if editable or call.stage not in ROOM_OF or has_stand_in(call.stage):
        return
    settings = text_digest(resolved_json(region)) if region and call.settings else ""
    store.note_call(call_digest(call.stage, call.scalars, call.targets, settings), sources_digest(call.sources), key)


def _run_uncached(function: Function, arguments: dict[str, Any], region: Region | None) -> str:
    call = bind(function, arguments, region).check_complete()
    for _, _, paths in call.with_marker(Input).values():
        for path in paths:
            content_digest(path)  # raises UserError for a missing input, as for any stage
    folders = [target.path.parent for targets in call.targets.values() for target in targets]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    try:
        call.function(**call.arguments)
    finally:
        for folder in folders:
            with suppress(OSError):
                folder.rmdir()  # only if it stayed empty
    log.info("ran %s", call.stage)
    return ""


def is_cached(verb: str, arguments: dict[str, Any], region: Region | None, store: Store) -> bool:
    """Whether the store has the result, or the verb's stand-in runs. Raises UserError for a missing input.

    Results among the inputs are not read; they keep the digest from their link note. A plan of hundreds of tiles would
    take too long otherwise. The job itself reads them.
    """
    function = load(verb)
    for name, parameter in all_parameters(function).items():
        if isinstance(parameter.marker, Input):
            for path in as_paths(arguments.get(name)):
                files_of(path)  # fails before a folder is created: in a first plan most inputs are missing
    with convert_os_errors(store.root), store.workdir(verb) as folder:
        call = hash_inputs(bind(function, arguments, region), folder, store, trust_notes=True)
        return call.function is not function or store.has(text_digest(canonical_json(_recipe(call))))


def fingerprint(verb: str, region: Region, scalars: dict[str, Any]) -> str:
    """Return a digest of code, libraries and settings, without the inputs. A rule has it among its ``params``."""
    functions = functions_of_verb(load(verb))
    modules = frozenset(function.__module__ for function in functions)
    settings = {
        f"{function.__name__}.{name}": value
        for function in functions
        for name, value in json_settings(function, resolve_args(function, scalars, region)).items()
    }
    return text_digest(canonical_json([code_digest(modules), libraries(modules), settings]))


def hash_inputs(call: BoundCall, folder: Path, store: Store, *, trust_notes: bool = False) -> BoundCall:
    """Return the call with the digest of each input, and with each input that has a view replaced by its visible part.

    The parts are written to ``folder``. With ``trust_notes`` results take their digest from their link note, unread.
    """
    arguments, sources = dict(call.arguments), {}
    for name, (marker, is_list, paths) in call.with_marker(Input).items():
        if not marker.view:
            sources[name] = [_source(path, store, trust_notes) for path in paths]
            continue
        parts = []
        for number, path in enumerate(paths):
            read = partial(_source_and_part, path, marker.view, folder / name / str(number), call, store, trust_notes)
            found, part = read_steadily(path, call.stage, read)
            parts.append(part)
            sources.setdefault(name, []).append({**found, "seen": content_digest(part)})
        sources.setdefault(name, [])
        arguments[name] = parts if is_list else next(iter(parts), None)
    return replace(call, arguments=arguments, sources=sources)


def _source_and_part(
    path: Path, view: Function, folder: Path, call: BoundCall, store: Store, trust_notes: bool
) -> tuple[dict[str, str], Path]:
    return _source(path, store, trust_notes), apply_view(view, path, folder, call)


def _source(path: Path, store: Store, trust_notes: bool) -> dict[str, str]:
    digest = (store.linked_digest(path) if trust_notes and path.exists() else None) or content_digest(path)
    store.check_unmodified(path, digest)
    return {"path": str(path), "name": path.name, "digest": digest}


def apply_view(view: Function, path: Path, folder: Path, call: BoundCall) -> Path:
    """Write the part of an input that a view selects into a new folder; return its path."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    part = folder / path.name
    arguments = pick_args(view, call.arguments)
    view(path, part, **{name: value for name, value in arguments.items() if name not in ("source", "target")})
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


def _compute(call: BoundCall, key: str, folder: Path, store: Store) -> tuple[dict[str, list[Path]], dict[str, Any]]:
    """Run the call into ``folder``; return its outputs by name, and the facts of this run."""
    outputs: dict[str, list[Path]] = {}
    for name, targets in call.targets.items():
        outputs[name] = [folder / name / str(n) / target.path.name for n, target in enumerate(targets)]
        for path in outputs[name]:
            path.parent.mkdir(parents=True)
    arguments = {
        name: paths if call.parameters[name].is_list else next(iter(paths), None) for name, paths in outputs.items()
    }
    os.environ["LOBATE_SCRATCH"] = str(store.scratch_folder(key))
    start = time.monotonic()
    with jobs.guard_workdir(folder):
        call.function(**{**call.arguments, **arguments})
    return outputs, {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - start, 3),
        "host": platform.node(),
        **machine_facts(),
        "python": platform.python_version(),
        "lobate": lobate.__version__,
    }
