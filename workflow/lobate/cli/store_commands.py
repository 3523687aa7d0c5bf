"""The commands of the group `store`: its size, its health, and the deletion of what nothing was made from."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated

from cyclopts import Parameter

from lobate.errors import UserError
from lobate.store.store import Store

COUNTS = "{recipes} recipes, {objects} objects, {bytes} bytes"


def du(*, as_json: Annotated[bool, Parameter(name="--json")] = False) -> int:
    """Print how many results the store holds, and their size.

    Parameters
    ----------
    as_json
        Print JSON instead of text.
    """
    from lobate.store.verify import disk_usage

    usage = asdict(disk_usage(_store()))
    text = json.dumps(usage) if as_json else COUNTS.format(**usage)
    sys.stdout.write(text + "\n")
    return 0


def verify() -> int:
    """Read every object of the store and delete the damaged ones; the exit status is 1 if there were any."""
    from lobate.store.verify import verify as read_all

    broken = read_all(_store())
    for digest in broken:
        sys.stdout.write(f"damaged {digest}\n")
    outcome = (
        f"{len(broken)} damaged objects were deleted; the next run makes them again"
        if broken
        else "every object is whole"
    )
    sys.stdout.write(f"{outcome}\n")
    return 1 if broken else 0


def gc(
    *,
    dry_run: bool = False,
    abandoned: Annotated[tuple[str, ...], Parameter(consume_multiple=True)] = (),
    forget: Annotated[tuple[str, ...], Parameter(consume_multiple=True)] = (),
) -> int:
    """Delete objects that no existing result was made from; jobs may run meanwhile. Results that cannot be seen exist.

    Parameters
    ----------
    dry_run
        Only print how much would be deleted.
    abandoned
        Hosts on which you know that no job of lobate runs any more; the remains of jobs that died there are deleted.
    forget
        Clones that you know to be gone for good, by their ids: objects that only they use are deleted.
    """
    from lobate.store.gc import collect

    collected = collect(_store(), dry_run=dry_run, abandoned=abandoned, forget=forget)
    counts = COUNTS.format(**asdict(collected.dropped))
    sys.stdout.write(f"{'would be deleted' if dry_run else 'deleted'}: {counts}\n")
    if collected.waiting.recipes or collected.waiting.objects:
        counts = COUNTS.format(**asdict(collected.waiting))
        sys.stdout.write(f"kept for running jobs; run lobate store gc again when they have ended: {counts}\n")
    for job in collected.jobs:
        sys.stdout.write(f"running job: {job}\n")
    hosts = sorted({job.host for job in collected.jobs if job.is_remote() and job.host.isprintable()})
    if hosts:
        sys.stdout.write(
            "Jobs on other hosts cannot be checked from here. If you know that none of them runs any more: "
            f"lobate store gc --abandoned {' '.join(hosts)}\n"
        )
    for clone in collected.unseen:
        places = " or ".join(clone.places) or "noted by an earlier lobate"
        sys.stdout.write(
            f"kept for {clone.results} results that cannot be seen from here: clone {clone.id}, {places}\n"
        )
    if collected.unseen:
        sys.stdout.write(
            "Run lobate store gc where these results can be seen. If you know that they are gone for good: "
            f"lobate store gc --forget {' '.join(clone.id for clone in collected.unseen)}\n"
        )
    return 0


def _store() -> Store:
    """Return the store, with a note on standard error if it does not exist yet."""
    store = Store.from_environment()
    if not store.root.exists():
        sys.stderr.write(
            f"There is no store {store.root} yet. It is expected in this folder unless LOBATE_STORE names another place.\n"
        )
    elif not store.root.is_dir():
        raise UserError(f"The store {store.root} is a file, not a folder. Name the right one in LOBATE_STORE.")
    return store


STORE_COMMANDS: dict[str, Callable[..., int]] = {"du": du, "verify": verify, "gc": gc}
