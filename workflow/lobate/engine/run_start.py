"""What happens when a run of Snakemake begins, in a workflow that may be deployed as a module of another one."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any


def before_first_job(workflow: Any, action: Callable[[], None]) -> None:
    """Have Snakemake call ``action`` before the first job of a run that has jobs to do, and not in a dry run.

    Snakemake drops the `onstart` of a module. What the deployer registers by `onstart`, before or later, runs after the
    action. ``workflow`` is Snakemake's own object.
    """
    register = workflow.onstart

    def with_action(handler: Callable[[Any], None]) -> Callable[[Any], None]:
        def run(log: Any) -> None:
            action()
            handler(log)

        return run

    workflow._onstart = with_action(workflow._onstart)
    workflow.onstart = lambda handler: register(with_action(handler))


def prepend_to_path(folder: Path) -> None:
    """Let the processes that this one starts find the commands of a folder first."""
    path = os.environ.get("PATH", os.defpath).split(os.pathsep)
    os.environ["PATH"] = os.pathsep.join([str(folder), *(other for other in path if other != str(folder))])
