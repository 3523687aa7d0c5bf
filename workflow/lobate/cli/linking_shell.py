"""Snakemake's `shell`, which asks the store first: a result that it knows costs no process.

A job is a command, and each command starts Python anew, for a result that the store links in a millisecond. So the process
that would start the command looks for the call's note itself (`lobate.engine.known_calls`). All else about the job is
Snakemake's, its records too. A command that is no call of a verb, a call without a note, and a job with an environment
of its own are run as ever. A benchmark then holds the seconds that linking took, and no memory.
"""

from __future__ import annotations

import inspect
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lobate.engine.known_calls import PlainCall, link_known, parse_call
from lobate.store.store import Store

PROGRAM = "lobate"
ELSEWHERE = ("conda_env", "container_img", "env_modules")
"""What Snakemake's rule functions call an environment: its libraries, and so its keys, may be others."""


def linking_shell(run: Callable[..., Any]) -> Callable[..., Any]:
    """Return a ``shell`` for Snakefiles that links known results, and else calls ``run``, Snakemake's own."""

    def shell(command: str, *arguments: Any, **named: Any) -> Any:
        from snakemake.utils import format as fill_in

        frame = inspect.currentframe()
        assert frame is not None and frame.f_back is not None  # a Snakefile or a rule's function calls this
        around = frame.f_back.f_locals
        if not any(around.get(name) for name in ELSEWHERE):
            start = time.perf_counter()
            call = call_of(fill_in(command, *arguments, **{**frame.f_back.f_globals, **around, **named}))
            if call and is_linked(call):
                if record := named.get("bench_record"):
                    record.running_time = time.perf_counter() - start
                return None
        return run(command, *arguments, **{**around, **named})  # what Snakemake's own reads in its caller

    return shell


def call_of(command: str) -> PlainCall | None:
    """Return the call of a verb that a shell command makes; None for any other command."""
    try:
        words = shlex.split(command)
    except ValueError:
        return None
    while words and "=" in words[0] and words[0].partition("=")[0].isidentifier():
        del words[0]  # an assignment to the environment, which no key depends on
    return parse_call(words[1:]) if words[:1] == [PROGRAM] else None


def is_linked(call: PlainCall) -> bool:
    """Whether the outputs could be linked from the store; the log and standard error say so, as those of a process do."""
    key = link_known(call, Store.from_environment())
    if key is None:
        return False
    said = f"restored {call.verb} {key}\n"
    if call.log:
        Path(call.log).parent.mkdir(parents=True, exist_ok=True)
        Path(call.log).write_text(said, encoding="utf-8")
    sys.stderr.write(said)
    return True
