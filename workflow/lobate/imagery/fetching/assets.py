"""Which files of a STAC item a scene needs, and the item as it stands beside them once they are here.

Needed are the bands asked for, the scene classification, and the metadata that say what the numbers mean. Files are named
after what they are (``B04.tif``), never after what the catalogue calls them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urljoin, urlsplit

from lobate.errors import Mistake
from lobate.imagery.fetching.address import plain
from lobate.imagery.reading.stacitem import asset_of
from lobate.imagery.table import SCENE

CLASSES = "SCL"
METADATA = {"product_metadata": "MTD_MSIL2A.xml", "granule_metadata": "granule_metadata.xml"}
"""Assets that say what the numbers mean, as the archives call them, and what their files are called here."""
ELEVATION = ("data", "elevation", "dem")
"""What catalogues call the raster of an elevation tile."""
SUFFIXES = (".tif", ".tiff", ".jp2")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Asset:
    """One file of a scene: what it is called here and there, and what the catalogue knows of it."""

    what: str
    """``B04``, ``SCL`` or ``product_metadata``."""
    file: str
    key: str
    """Its name in the item's ``assets``."""
    url: str
    checksum: str
    """As the catalogue writes it, empty where it does not."""
    size: int | None

    @property
    def is_raster(self) -> bool:
        """Whether it has pixels."""
        return self.what not in METADATA


def read_item(content: bytes, source: str) -> dict[str, Any]:
    """Return the STAC item in ``content``; Mistake when it is none."""
    try:
        item = json.loads(content)
    except (ValueError, RecursionError):
        item = None
    if not (isinstance(item, dict) and isinstance(item.get("assets"), dict)) or item.get("type") != "Feature":
        raise Mistake(
            f"What {plain(source)} answers is no STAC item (a Feature with assets). Correct the source in the scene table, or "
            "find the scene again."
        )
    return {**item, "properties": item["properties"] if isinstance(item.get("properties"), dict) else {}}


def assets_of(item: dict[str, Any], source: str, bands: Iterable[str]) -> list[Asset]:
    """Return what a scene needs of an item that came from ``source``.

    Mistake when it lacks a band; without classification or metadata a scene may still do, as composing will say.
    """
    wanted = [*dict.fromkeys(bands)]
    for band in wanted:
        if not NAME.fullmatch(band):
            raise Mistake(f"The band {band!r} is no name of a band. Correct imagery.bands: letters, digits and _ only.")
    found = {band: _key(item, band) for band in [*wanted, *({CLASSES} - {*wanted})]}
    lacking = [band for band in wanted if not found[band]]
    if lacking:
        raise Mistake(
            f"The STAC item {plain(source)} has no {' and no '.join(lacking)}; it has {', '.join(sorted(item['assets']))}. "
            "Change imagery.bands, or find the scene in a catalogue that has them."
        )
    rasters = [_asset(item, source, band, key) for band, key in found.items() if key]
    return rasters + [_asset(item, source, what, key) for what, key in _metadata(item)]


def elevation_of(item: dict[str, Any], base: str) -> Asset:
    """Return the raster of an elevation tile; ``base``: where the items stand that do not say so themselves.

    Mistake when the item has none.
    """
    name, assets = str(item.get("id", "")), item.get("assets")
    listed = assets if isinstance(assets, dict) else {}
    key = next((one for one in (*ELEVATION, *sorted(listed)) if _is_data(one, listed.get(one))), "")
    if not SCENE.fullmatch(name) or not key:
        raise Mistake(
            f"The item {name[:80]!r} of the elevation in the catalogue has no raster, or no name that a file can have. Choose "
            "another collection in imagery.catalogue.dem_collection."
        )
    asset = _asset({"assets": listed}, urljoin(base, name), name, key)
    return replace(asset, file=f"{name}{_suffix(asset.url, '')}")


def _is_data(key: str, asset: Any) -> bool:
    if not isinstance(asset, dict) or not asset.get("href"):
        return False
    roles = asset.get("roles")
    return key in ELEVATION or (isinstance(roles, list) and "data" in roles)


def local_item(item: dict[str, Any], source: str, here: dict[str, str]) -> dict[str, Any]:
    """Return the item with the files that are here in place of their addresses, the others' addresses made absolute.

    ``here``: name of a file -> the address it came from, without signature. All else, and so what the numbers mean, stays as
    it was.
    """
    assets = {
        key: {**asset, "href": _absolute(asset, source)}
        for key, asset in item["assets"].items()
        if isinstance(asset, dict) and asset.get("href")
    }
    for one in _known(item, source, here):
        if here.get(one.file) == plain(one.url):
            assets[one.key]["href"] = f"./{one.file}"
    kept = [link for link in item.get("links") or [] if isinstance(link, dict) and link.get("rel") == "license"]
    origin = {"rel": "derived_from", "href": plain(source), "type": "application/geo+json"}
    return {**item, "assets": assets, "links": [*kept, origin]}


def _absolute(asset: dict[str, Any], source: str) -> str:
    """Return where an asset that nobody needs may be; its address may be none."""
    try:
        return plain(_address(asset, source))
    except Mistake:
        return str(asset["href"])


def _known(item: dict[str, Any], source: str, files: Iterable[str]) -> Iterator[Asset]:
    """Yield the assets that files of these names are, as far as the item has them."""
    for band in sorted({PurePosixPath(file).stem for file in files}):
        if key := _key(item, band):
            yield _asset(item, source, band, key)
    yield from (_asset(item, source, what, key) for what, key in _metadata(item) if METADATA[what] in files)


def _key(item: dict[str, Any], band: str) -> str:
    asset = asset_of(item, band)
    return next((key for key, one in item["assets"].items() if one is asset and asset), "")


def _metadata(item: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for key in sorted(item["assets"]):
        what = key.lower().replace("-", "_")
        if what in METADATA:
            yield what, key


def _asset(item: dict[str, Any], source: str, what: str, key: str) -> Asset:
    asset = item["assets"][key] if isinstance(item["assets"][key], dict) else {}
    url = _address(asset, source)
    size = asset.get("file:size")
    return Asset(
        what=what,
        file=METADATA.get(what) or what + _suffix(url, str(asset.get("type", ""))),
        key=key,
        url=url,
        checksum=str(asset.get("file:checksum") or asset.get("checksum:multihash") or ""),
        size=size if isinstance(size, int) and size > 0 else None,
    )


def _address(asset: dict[str, Any], source: str) -> str:
    """Return the asset's address on the web: its own, or the first of the alternatives that lies there."""
    others = asset.get("alternate")
    listed = [asset, *(others.values() if isinstance(others, dict) else [])]
    hrefs = [str(one["href"]) for one in listed if isinstance(one, dict) and one.get("href")]
    if not hrefs:
        raise Mistake(f"An asset of the STAC item {plain(source)} has no href. Find the scene in another catalogue.")
    try:
        addresses = [urljoin(source, href) for href in hrefs]
        return next((one for one in addresses if urlsplit(one).scheme in ("http", "https")), addresses[0])
    except ValueError as error:
        raise Mistake(
            f"An asset of the STAC item {plain(source)} leads to {hrefs[0][:200]!r}, which is no address ({error}). Find the "
            "scene in another catalogue."
        ) from None


def _suffix(url: str, kind: str) -> str:
    suffix = PurePosixPath(urlsplit(url).path).suffix.lower()
    if suffix in SUFFIXES:
        return suffix
    return ".jp2" if "jp2" in kind else ".tif"
