"""fetch-scene: download one scene: bands, scene classification (SCL) and calibration metadata.

`resources/scenes/<scene>/` then holds the files, the STAC item with links to them, and, written last, checksums.json. A
scene that is complete is not downloaded again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from lobate.engine.signature import Input, Output, Setting, uncached
from lobate.errors import UserError
from lobate.imagery.catalogues import archive_of
from lobate.imagery.fetching.assets import (
    local_item,
    missing,
    parse_item,
    scene_downloads,
    sidecar_downloads,
    with_access,
)
from lobate.imagery.fetching.journal import Journal, open_journal, write_json_atomically
from lobate.imagery.fetching.urls import strip_query
from lobate.imagery.scene_row import Row
from lobate.imagery.scene_table import read_rows
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

    Raises UserError with the files that failed. The others stay, and the next call downloads the rest.
    """
    from lobate.imagery.fetching.download import download_all, open_downloader

    row = _table_row(table, scene)
    with open_journal(manifest.parent) as journal:
        access = archive_of(catalogue).access
        item = _cached_item(journal, row)
        if item is None or missing(journal, scene_downloads(with_access(item, access), row, bands)):
            with open_downloader(catalogue, scene) as downloader:
                item = with_access(_download_item(downloader.read, journal, row), access)
                download_all(downloader, journal, missing(journal, scene_downloads(item, row, bands)))
                download_all(downloader, journal, sidecar_downloads(journal, item, row, bands))
        else:
            log.info("scene %s is here already, complete", scene)
        _write_manifest(journal, with_access(item, access), row, manifest)


def _table_row(table: Path, scene: str) -> Row:
    for row in read_rows(table):
        if row["scene"] == scene:
            return row
    raise UserError(
        f"The scene table {table} has no scene {scene[:80]!r}. Name one of its scenes, or add it to the table."
    )


def _cached_item(journal: Journal, row: Row) -> dict[str, Any] | None:
    """Return the item in the journal if it came from the same source, else None."""
    item = journal.notes.get("item")
    same_source = journal.notes.get("source") == row["source"]
    return item if same_source and isinstance(item, dict) and isinstance(item.get("assets"), dict) else None


def _download_item(read: Callable[[str], bytes], journal: Journal, row: Row) -> dict[str, Any]:
    item = parse_item(read(row["source"]), row["source"])
    if item.get("id") != row["scene"]:
        raise UserError(
            f"The source of the scene {row['scene']} in the scene table, {strip_query(row['source'])}, is the scene "
            f"{str(item.get('id'))[:80]!r}. Correct the source, or find the scenes again."
        )
    journal.notes, journal.absent = {"source": row["source"], "item": item}, set()
    journal.save()
    return item


def _write_manifest(journal: Journal, item: dict[str, Any], row: Row, manifest: Path) -> None:
    """Write the item and then the manifest; the same files give the same bytes."""
    files = journal.complete()
    path = journal.folder / f"{row['scene']}.json"
    write_json_atomically(path, local_item(item, row["source"], {name: entry["href"] for name, entry in files.items()}))
    files[path.name] = {"sha256": file_digest(path), "bytes": path.stat().st_size, "href": strip_query(row["source"])}
    write_json_atomically(manifest, {"scene": row["scene"], "source": strip_query(row["source"]), "files": files})
    log.info(
        "scene %s: %d files, %.1f MB", row["scene"], len(files), sum(file["bytes"] for file in files.values()) / 1e6
    )
