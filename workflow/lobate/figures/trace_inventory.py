"""The verb `trace-inventory`: the steps behind the inventory, from the store's records."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

from lobate.engine.signature import Input, Output, uncached
from lobate.io.jsonfile import write_json

log = logging.getLogger(__name__)

RECIPE_KEYS = ("stage", "code", "settings", "scalars", "libraries")


@uncached
def trace_inventory(inventory: Annotated[Path, Input()], lineage: Annotated[Path, Output()]) -> None:
    """Write ``lineage`` (JSON): every step behind ``inventory`` down to the raw data, its own step first.

    The verb reads the store, which is no input, so it is uncached; the report reads its result and stays a pure function of
    files. Times and hosts are left out: the same results have the same lineage on every machine. Raises UserError when no
    step in the store made the file as it is.
    """
    from lobate.io.digest import content_digest
    from lobate.store.lineage import lineage_steps
    from lobate.store.store import Store

    records = lineage_steps(inventory, Store.from_environment())
    entries = [
        {"key": key, **{name: record["recipe"][name] for name in RECIPE_KEYS}, "inputs": record["inputs"]}
        for key, record in records.items()
    ]
    write_json(lineage, {"file": inventory.name, "digest": content_digest(inventory), "steps": entries})
    log.info("%d steps lie behind %s", len(entries), inventory)
