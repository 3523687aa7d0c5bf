"""fetch-scene: a scene of the table comes here, its bands, its classification and what its numbers mean.

`resources/scenes/<scene>/` then holds the files, the STAC item with their names in it, and, written last, checksums.json,
which stands for the whole. A scene that is here already is not asked for again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from lobate.engine.signature import Input, Output, Setting, uncached
from lobate.errors import UserError
from lobate.imagery.fetching.assets import local_item, missing, orders_of, read_item, side_orders
from lobate.imagery.fetching.journal import Journal, open_journal, write_json
from lobate.imagery.fetching.urls import strip_query
from lobate.imagery.scene_table import Row, read_rows
from lobate.io.digest import file_digest
from lobate.settings.imagery import Catalogue

log = logging.getLogger(__name__)


@uncached
def fetch_scene(
    table: Annotated[Path, Input()],
    manifest: Annotated[Path, Output()],
    *,
    scene: str,
    bands: Annotated[list[str], Setting("imagery.bands")],
    catalogue: Annotated[Catalogue, Setting("imagery.catalogue")],
) -> None:
    """Fetch one scene of a scene table into the folder of ``manifest`` (`resources/scenes/<scene>/checksums.json`).

    Raises UserError naming the files that could not be had; what did arrive stays, and the next call fetches the rest.
    """
    from lobate.imagery.fetching.download import download_all, open_downloader

    row = _row_of(table, scene)
    with open_journal(manifest.parent) as workshop:
        item = _known_item(workshop, row)
        if item is None or missing(workshop, orders_of(item, row, bands)):
            with open_downloader(catalogue, scene) as courier:
                item = _ask_for_item(courier.read, workshop, row)
                download_all(courier, workshop, missing(workshop, orders_of(item, row, bands)))
                download_all(courier, workshop, side_orders(workshop, item, row, bands))
        else:
            log.info("all of scene %s is here already", scene)
        _conclude(workshop, item, row, manifest)


def _row_of(table: Path, scene: str) -> Row:
    for row in read_rows(table):
        if row["scene"] == scene:
            return row
    raise UserError(
        f"The scene table {table} has no scene {scene[:80]!r}. Name one of its scenes, or add it to the table."
    )


def _known_item(workshop: Journal, row: Row) -> dict[str, Any] | None:
    """Return the item as it was when the scene was fetched from the same source, if it was."""
    item = workshop.notes.get("item")
    same = workshop.notes.get("source") == row["source"]
    return item if same and isinstance(item, dict) and isinstance(item.get("assets"), dict) else None


def _ask_for_item(read: Callable[[str], bytes], workshop: Journal, row: Row) -> dict[str, Any]:
    item = read_item(read(row["source"]), row["source"])
    if item.get("id") != row["scene"]:
        raise UserError(
            f"The source of the scene {row['scene']} in the scene table, {strip_query(row['source'])}, is the scene "
            f"{str(item.get('id'))[:80]!r}. Correct the source, or find the scenes again."
        )
    workshop.notes, workshop.absent = {"source": row["source"], "item": item}, set()
    workshop.save()
    return item


def _conclude(workshop: Journal, item: dict[str, Any], row: Row, manifest: Path) -> None:
    """Write the item, and last of all the manifest; the same files give the same bytes."""
    files = workshop.complete()
    path = workshop.folder / f"{row['scene']}.json"
    write_json(path, local_item(item, row["source"], {name: entry["href"] for name, entry in files.items()}))
    files[path.name] = {"sha256": file_digest(path), "bytes": path.stat().st_size, "href": strip_query(row["source"])}
    write_json(manifest, {"scene": row["scene"], "source": strip_query(row["source"]), "files": files})
    log.info("scene %s: %d files, %.1f MB", row["scene"], len(files), sum(one["bytes"] for one in files.values()) / 1e6)
