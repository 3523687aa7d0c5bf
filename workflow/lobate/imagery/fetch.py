"""fetch-scene: a scene of the table comes here, its bands, its classification and what its numbers mean.

`resources/scenes/<scene>/` then holds the files, the STAC item with their names in it, and, written last, checksums.json,
which stands for the whole. A scene that is here already is not asked for again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from lobate.digests import file_digest
from lobate.errors import Mistake
from lobate.imagery.fetching.address import plain
from lobate.imagery.fetching.assets import local_item, read_item
from lobate.imagery.fetching.orders import lacking, orders_of, side_orders
from lobate.imagery.fetching.workshop import Workshop, enter_workshop, write_json
from lobate.imagery.table import Row, rows
from lobate.settings.imagery import Catalogue
from lobate.signature import Input, Output, Setting, outside

log = logging.getLogger(__name__)


@outside
def fetch_scene(
    table: Annotated[Path, Input()],
    manifest: Annotated[Path, Output()],
    *,
    scene: str,
    bands: Annotated[list[str], Setting("imagery.bands")],
    catalogue: Annotated[Catalogue, Setting("imagery.catalogue")],
) -> None:
    """Fetch one scene of a scene table into the folder of ``manifest`` (`resources/scenes/<scene>/checksums.json`).

    Raises Mistake naming the files that could not be had; what did arrive stays, and the next call fetches the rest.
    """
    from lobate.imagery.fetching.delivery import deliver, open_courier

    row = _row_of(table, scene)
    with enter_workshop(manifest.parent) as workshop:
        item = _known_item(workshop, row)
        if item is None or lacking(workshop, orders_of(item, row, bands)):
            with open_courier(catalogue, scene) as courier:
                item = _ask_for_item(courier.read, workshop, row)
                deliver(courier, workshop, lacking(workshop, orders_of(item, row, bands)))
                deliver(courier, workshop, side_orders(workshop, item, row, bands))
        else:
            log.info("all of scene %s is here already", scene)
        _conclude(workshop, item, row, manifest)


def _row_of(table: Path, scene: str) -> Row:
    for row in rows(table):
        if row["scene"] == scene:
            return row
    raise Mistake(
        f"The scene table {table} has no scene {scene[:80]!r}. Name one of its scenes, or add it to the table."
    )


def _known_item(workshop: Workshop, row: Row) -> dict[str, Any] | None:
    """Return the item as it was when the scene was fetched from the same source, if it was."""
    item = workshop.notes.get("item")
    same = workshop.notes.get("source") == row["source"] and isinstance(item, dict)
    return item if same and isinstance(item.get("assets"), dict) else None


def _ask_for_item(read: Callable[[str], bytes], workshop: Workshop, row: Row) -> dict[str, Any]:
    item = read_item(read(row["source"]), row["source"])
    if item.get("id") != row["scene"]:
        raise Mistake(
            f"The source of the scene {row['scene']} in the scene table, {plain(row['source'])}, is the scene "
            f"{str(item.get('id'))[:80]!r}. Correct the source, or find the scenes again."
        )
    workshop.notes, workshop.absent = {"source": row["source"], "item": item}, set()
    workshop.save()
    return item


def _conclude(workshop: Workshop, item: dict[str, Any], row: Row, manifest: Path) -> None:
    """Write the item, and last of all the manifest; the same files give the same bytes."""
    files = workshop.present()
    path = workshop.folder / f"{row['scene']}.json"
    write_json(path, local_item(item, row["source"], {name: entry["href"] for name, entry in files.items()}))
    files[path.name] = {"sha256": file_digest(path), "bytes": path.stat().st_size, "href": plain(row["source"])}
    write_json(manifest, {"scene": row["scene"], "source": plain(row["source"]), "files": files})
    log.info("scene %s: %d files, %.1f MB", row["scene"], len(files), sum(one["bytes"] for one in files.values()) / 1e6)
