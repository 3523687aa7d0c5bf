"""The verb `trace-inventory`: the steps behind the inventory, out of the store's records."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

from lobate.engine.signature import Input, Output, uncached
from lobate.io.jsonfile import write_json

log = logging.getLogger(__name__)

TAKEN = ("stage", "code", "settings", "scalars", "libraries")


@uncached
def trace_inventory(inventory: Annotated[Path, Input()], lineage: Annotated[Path, Output()]) -> None:
    """Write ``lineage`` (JSON): every step that ``inventory`` came out of, down to the raw data, its own first.

    What is read is the store, no input, so this is an outside verb, and the report that shows it stays a pure function
    of files. The records' times and hosts are left out: the same results have the same lineage wherever they were made.
    Raises UserError when nothing in the store made the file as it is.
    """
    from lobate.io.digest import content_digest
    from lobate.store.lineage import steps
    from lobate.store.store import Store

    found = [
        {"key": key, **{name: one["recipe"][name] for name in TAKEN}, "inputs": one["inputs"]}
        for key, one in steps(inventory, Store.here()).items()
    ]
    told = {"file": inventory.name, "digest": content_digest(inventory), "steps": found}
    write_json(lineage, told)
    log.info("%d steps lie behind %s", len(found), inventory)
