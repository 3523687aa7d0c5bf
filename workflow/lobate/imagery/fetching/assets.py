"""Which files of a STAC item a scene needs, and the item as it stands beside them once they are here.

Needed are the bands asked for, the scene classification, and the metadata that say what the numbers mean. Files are named
after what they are (``B04.tif``), never after what the catalogue calls them.

What is to be fetched: a scene's files, each with what its bytes must be and how it is looked at on arrival.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urljoin, urlsplit

from lobate.errors import UserError
from lobate.imagery.fetching.checksum import Checksum, parse_checksum
from lobate.imagery.fetching.journal import Journal
from lobate.imagery.fetching.urls import sibling_url, strip_query
from lobate.imagery.reading.stacitem import band_asset
from lobate.imagery.scene_table import SCENE_NAME, Row
from lobate.io.raster import open_raster

SCL = "SCL"
METADATA_FILES = {"product_metadata": "MTD_MSIL2A.xml", "granule_metadata": "granule_metadata.xml"}
"""Assets that say what the numbers mean, as the archives call them, and what their files are called here."""
ELEVATION_KEYS = ("data", "elevation", "dem")
"""What catalogues call the raster of an elevation tile."""
RASTER_SUFFIXES = (".tif", ".tiff", ".jp2")
BAND_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Asset:
    """One file of a scene: what it is called here and there, and what the catalogue knows of it."""

    name: str
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
        return self.name not in METADATA_FILES


def parse_item(content: bytes, source: str) -> dict[str, Any]:
    """Return the STAC item in ``content``; UserError when it is none."""
    try:
        item = json.loads(content)
    except (ValueError, RecursionError):
        item = None
    if not (isinstance(item, dict) and isinstance(item.get("assets"), dict)) or item.get("type") != "Feature":
        raise UserError(
            f"What {strip_query(source)} answers is no STAC item (a Feature with assets). Correct the source in the scene table, or "
            "find the scene again."
        )
    return {**item, "properties": item["properties"] if isinstance(item.get("properties"), dict) else {}}


def scene_assets(item: dict[str, Any], source: str, bands: Iterable[str]) -> list[Asset]:
    """Return what a scene needs of an item that came from ``source``.

    UserError when it lacks a band; without classification or metadata a scene may still do, as composing will say.
    """
    wanted = [*dict.fromkeys(bands)]
    for band in wanted:
        if not BAND_NAME.fullmatch(band):
            raise UserError(
                f"The band {band!r} is no name of a band. Correct imagery.bands: letters, digits and _ only."
            )
    found = {band: _band_key(item, band) for band in [*wanted, *({SCL} - {*wanted})]}
    lacking = [band for band in wanted if not found[band]]
    if lacking:
        raise UserError(
            f"The STAC item {strip_query(source)} has no {' and no '.join(lacking)}; it has {', '.join(sorted(item['assets']))}. "
            "Change imagery.bands, or find the scene in a catalogue that has them."
        )
    rasters = [_asset(item, source, band, key) for band, key in found.items() if key]
    return rasters + [_asset(item, source, what, key) for what, key in _metadata_keys(item)]


def elevation_asset(item: dict[str, Any], base: str) -> Asset:
    """Return the raster of an elevation tile; ``base``: where the items stand that do not say so themselves.

    UserError when the item has none.
    """
    name, assets = str(item.get("id", "")), item.get("assets")
    listed = assets if isinstance(assets, dict) else {}
    key = next((one for one in (*ELEVATION_KEYS, *sorted(listed)) if _is_elevation(one, listed.get(one))), "")
    if not SCENE_NAME.fullmatch(name) or not key:
        raise UserError(
            f"The item {name[:80]!r} of the elevation in the catalogue has no raster, or no name that a file can have. Choose "
            "another collection in imagery.catalogue.dem_collection."
        )
    asset = _asset({"assets": listed}, urljoin(base, name), name, key)
    return replace(asset, file=f"{name}{_raster_suffix(asset.url, '')}")


def _is_elevation(key: str, asset: Any) -> bool:
    if not isinstance(asset, dict) or not asset.get("href"):
        return False
    roles = asset.get("roles")
    return key in ELEVATION_KEYS or (isinstance(roles, list) and "data" in roles)


def local_item(item: dict[str, Any], source: str, local_files: dict[str, str]) -> dict[str, Any]:
    """Return the item with the files that are here in place of their addresses, the others' addresses made absolute.

    ``here``: name of a file -> the address it came from, without signature. All else, and so what the numbers mean, stays as
    it was.
    """
    assets = {
        key: {**asset, "href": _absolute_href(asset, source)}
        for key, asset in item["assets"].items()
        if isinstance(asset, dict) and asset.get("href")
    }
    for one in _assets_of_files(item, source, local_files):
        if local_files.get(one.file) == strip_query(one.url):
            assets[one.key]["href"] = f"./{one.file}"
    kept = [link for link in item.get("links") or [] if isinstance(link, dict) and link.get("rel") == "license"]
    origin = {"rel": "derived_from", "href": strip_query(source), "type": "application/geo+json"}
    return {**item, "assets": assets, "links": [*kept, origin]}


def _absolute_href(asset: dict[str, Any], source: str) -> str:
    """Return where an asset that nobody needs may be; its address may be none."""
    try:
        return strip_query(_asset_url(asset, source))
    except UserError:
        return str(asset["href"])


def _assets_of_files(item: dict[str, Any], source: str, files: Iterable[str]) -> Iterator[Asset]:
    """Yield the assets that files of these names are, as far as the item has them."""
    for band in sorted({PurePosixPath(file).stem for file in files}):
        if key := _band_key(item, band):
            yield _asset(item, source, band, key)
    yield from (_asset(item, source, what, key) for what, key in _metadata_keys(item) if METADATA_FILES[what] in files)


def _band_key(item: dict[str, Any], band: str) -> str:
    asset = band_asset(item, band)
    return next((key for key, one in item["assets"].items() if one is asset and asset), "")


def _metadata_keys(item: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for key in sorted(item["assets"]):
        what = key.lower().replace("-", "_")
        if what in METADATA_FILES:
            yield what, key


def _asset(item: dict[str, Any], source: str, what: str, key: str) -> Asset:
    asset = item["assets"][key] if isinstance(item["assets"][key], dict) else {}
    url = _asset_url(asset, source)
    size = asset.get("file:size")
    return Asset(
        name=what,
        file=METADATA_FILES.get(what) or what + _raster_suffix(url, str(asset.get("type", ""))),
        key=key,
        url=url,
        checksum=str(asset.get("file:checksum") or asset.get("checksum:multihash") or ""),
        size=size if isinstance(size, int) and size > 0 else None,
    )


def _asset_url(asset: dict[str, Any], source: str) -> str:
    """Return the asset's address on the web: its own, or the first of the alternatives that lies there."""
    others = asset.get("alternate")
    listed = [asset, *(others.values() if isinstance(others, dict) else [])]
    hrefs = [str(one["href"]) for one in listed if isinstance(one, dict) and one.get("href")]
    if not hrefs:
        raise UserError(
            f"An asset of the STAC item {strip_query(source)} has no href. Find the scene in another catalogue."
        )
    try:
        addresses = [urljoin(source, href) for href in hrefs]
        return next((address for address in addresses if urlsplit(address).scheme in ("http", "https")), addresses[0])
    except ValueError as error:
        raise UserError(
            f"An asset of the STAC item {strip_query(source)} leads to {hrefs[0][:200]!r}, which is no address ({error}). Find the "
            "scene in another catalogue."
        ) from None


def _raster_suffix(url: str, kind: str) -> str:
    suffix = PurePosixPath(urlsplit(url).path).suffix.lower()
    if suffix in RASTER_SUFFIXES:
        return suffix
    return ".jp2" if "jp2" in kind else ".tif"


log = logging.getLogger(__name__)

IMAGE_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51")
"""First bytes of TIFF, BigTIFF and JPEG 2000, with its header and without."""


@dataclass(frozen=True)
class AssetDownload:
    """One file that is wanted; ``check`` looks at it once it is here and raises UserError when it is not what it must be."""

    label: str
    """What messages call it."""
    file: str
    url: str
    checksum: Checksum | None = None
    size: int | None = None
    check: Callable[[Path], None] = lambda _: None
    optional: bool = False
    """Whether the scene may do without it where the archive has none."""


def missing(journal: Journal, downloads: list[AssetDownload]) -> list[AssetDownload]:
    """Return the orders whose files are not here yet, or not right; not those that the archive does not have."""
    return [
        order
        for order in downloads
        if not (order.optional and order.file in journal.absent)
        and not journal.is_complete(order.file, order.url, order.checksum)
    ]


def scene_downloads(item: dict[str, Any], row: Row, bands: list[str]) -> list[AssetDownload]:
    """Return what is to be fetched of a scene, each file with the checksum that the table or else the catalogue gives."""
    said = dict(pair.split("=", 1) for pair in row["checksums"].split(";") if pair)
    return [
        asset_download(asset, f"{asset.name} of scene {row['scene']}", said.get(asset.name, ""))
        for asset in scene_assets(item, row["source"], bands)
    ]


def asset_download(asset: Asset, label: str, table_checksum: str = "") -> AssetDownload:
    """Return the order of one file; ``noted``: its checksum where somebody noted it apart from the catalogue."""
    return AssetDownload(
        label=label,
        file=asset.file,
        url=asset.url,
        checksum=_expected_checksum(asset, label, table_checksum),
        size=asset.size,
        check=partial(_check_raster, asset),
        optional=not asset.is_raster,
    )


def _expected_checksum(asset: Asset, what: str, in_table: str) -> Checksum | None:
    """Return what the file's bytes must hash to, None where nobody says; UserError when table and catalogue disagree."""
    noted, listed = parse_checksum(in_table), parse_checksum(asset.checksum)
    if noted and listed and noted.algorithm == listed.algorithm and noted != listed:
        raise UserError(
            f"The catalogue's checksum of {what} is no longer that of the scene table: the "
            "archive has another file there now. Find the scenes again, or delete this checksum from the table to take the "
            "new file."
        )
    if asset.checksum and not listed:
        log.info(
            "%s: the catalogue's checksum %.20s... is of an unknown kind and is not looked at",
            what,
            asset.checksum,
        )
    return noted or listed


def _check_raster(asset: Asset, path: Path) -> None:
    """Refuse a band that is neither TIFF nor JPEG 2000, such as a page that asks to log in, or that ends too soon.

    GDAL is not asked before: other formats that it knows may lead it to other files of this machine.
    """
    if not asset.is_raster:
        return
    begins = _first_bytes(path)
    try:
        if not begins.startswith(IMAGE_SIGNATURES):
            raise UserError("other bytes")
        with open_raster(path, need_crs=False) as raster:
            raster.read(1, window=((raster.height - 1, raster.height), (raster.width - 1, raster.width)))
    except UserError:
        raise UserError(
            f"{strip_query(asset.url)} is no image that can be read, or ends too soon (it begins with {begins[:24]!r}). Look at the "
            "address in a browser; the archive may want a signature (imagery.catalogue.signing), or its file is damaged."
        ) from None


def _first_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(64)


def sidecar_downloads(journal: Journal, item: dict[str, Any], row: Row, bands: list[str]) -> list[AssetDownload]:
    """Return orders for what stands beside rasters that do not say where on Earth they are: there it may be said."""
    return [
        AssetDownload(
            label=f"the side file of {asset.name} of scene {row['scene']}",
            file=f"{asset.file}.aux.xml",
            url=sibling_url(asset.url, ".aux.xml"),
            optional=True,
        )
        for asset in scene_assets(item, row["source"], bands)
        if asset.is_raster and not _has_crs(journal.folder / asset.file)
    ]


def _has_crs(path: Path) -> bool:
    with open_raster(path, need_crs=False) as raster:
        return raster.crs is not None
