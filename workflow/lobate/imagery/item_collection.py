"""A scene table as a STAC item collection: one GeoJSON file with the items of its scenes.

`find_scenes` writes one beside the table, and `imagery.scenes` takes one, also of other tools (pystac-client, stac-asset).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lobate.errors import UserError
from lobate.imagery.finding.items import CatalogueScene, UnusableItem, read_item
from lobate.imagery.scene_row import Row
from lobate.io.jsonfile import json_text

Json = dict[str, Any]


def read_collection(path: Path, text: str) -> list[Row]:
    """Return the rows of an item collection, or of one item, in the file's order.

    Raises UserError for anything else, and for an item that lacks what a scene needs: none is left out.
    """
    return [_row(path, number, item) for number, item in enumerate(_items(path, text), start=1)]


def to_collection(scenes: Iterable[CatalogueScene]) -> str:
    """Return the text of an item collection, sorted as the table is: the same scenes give the same bytes."""
    ordered = sorted(scenes, key=lambda scene: (scene.tile, scene.date, scene.scene))
    return json_text({"type": "FeatureCollection", "features": [_with_source(scene) for scene in ordered]})


def _items(path: Path, text: str) -> list[Any]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        content = None
    kind = content.get("type") if isinstance(content, dict) else None
    items = [content] if kind == "Feature" else content.get("features") if kind == "FeatureCollection" else None
    if not isinstance(items, list):
        raise UserError(
            f"The scene table {path} is JSON, but no STAC item collection (a FeatureCollection of items). Save the items of a search "
            "as one, or name the table that snakemake find_scenes writes."
        )
    return items


def _row(path: Path, number: int, item: Any) -> Row:
    name = str(item.get("id", ""))[:80] if isinstance(item, dict) else ""
    try:
        if not (isinstance(item, dict) and isinstance(item.get("assets"), dict)):
            raise UnusableItem("it is no STAC item with assets")
        row = read_item(item, _collection_url(item)).row
    except UnusableItem as reason:
        raise UserError(
            f"Item {number} of the scene table {path} ({name!r}) is no scene: {reason}. Correct it, or take it out of the file."
        ) from None
    if not row["source"].startswith(("http://", "https://")):
        raise UserError(
            f"Item {number} of the scene table {path} ({name!r}) has no link to itself (rel: self) with a web address, and the scene "
            "is fetched from there. Save the items with their links."
        )
    return row


def _collection_url(item: Json) -> str:
    """Return the address of the item's collection, empty where no link has it."""
    links = item.get("links")
    hrefs = [link.get("href") for link in links or [] if isinstance(link, dict) and link.get("rel") == "collection"]
    return str(hrefs[0]).rstrip("/") if hrefs else ""


def _with_source(scene: CatalogueScene) -> Json:
    """Return the item of a scene with a link to itself, which the table names as its source."""
    links = scene.item.get("links")
    others = [link for link in links or [] if not (isinstance(link, dict) and link.get("rel") == "self")]
    own = {"rel": "self", "type": "application/geo+json", "href": scene.source}
    return {**scene.item, "links": [own, *others]}
