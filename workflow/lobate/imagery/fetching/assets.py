"""The assets of a STAC item that a scene needs, their downloads, and the item with links to the downloaded files.

A scene needs the requested bands, the scene classification (SCL), and the metadata with its calibration. Files are named
by band (``B04.tif``), not by the catalogue's asset keys.
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
from lobate.imagery.scene_row import SCENE_NAME, Row
from lobate.io.raster import open_raster

log = logging.getLogger(__name__)

SCL = "SCL"
METADATA_FILES = {"product_metadata": "MTD_MSIL2A.xml", "granule_metadata": "granule_metadata.xml"}
"""Key of an asset with ESA's metadata -> name of its local file."""
ELEVATION_KEYS = ("data", "elevation", "dem")
"""Keys of the raster in the items of elevation tiles."""
RASTER_SUFFIXES = (".tif", ".tiff", ".jp2")
BAND_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_]*")
IMAGE_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51")
"""First bytes of TIFF, BigTIFF, and JPEG 2000 with and without its header."""


@dataclass(frozen=True)
class Asset:
    """One file of a scene, as the STAC item describes it."""

    name: str
    """``B04``, ``SCL`` or ``product_metadata``."""
    file: str
    key: str
    """Its key in the item's ``assets``."""
    url: str
    checksum: str
    """As in the catalogue, empty where there is none."""
    size: int | None

    @property
    def is_raster(self) -> bool:
        """Whether the asset has pixels."""
        return self.name not in METADATA_FILES


@dataclass(frozen=True)
class AssetDownload:
    """One file to download. ``check`` reads the downloaded file and raises UserError where it is not as expected."""

    label: str
    """Its name in messages."""
    file: str
    url: str
    checksum: Checksum | None = None
    size: int | None = None
    check: Callable[[Path], None] = lambda _: None
    optional: bool = False
    """Whether the scene can be used without the file."""


def parse_item(content: bytes, source: str) -> dict[str, Any]:
    """Return the STAC item in ``content``. Raises UserError for anything else."""
    try:
        item = json.loads(content)
    except (ValueError, RecursionError):
        item = None
    if not (isinstance(item, dict) and isinstance(item.get("assets"), dict)) or item.get("type") != "Feature":
        raise UserError(
            f"The answer of {strip_query(source)} is no STAC item (a Feature with assets). Correct the source in the scene table, "
            "or find the scene again."
        )
    return {**item, "properties": item["properties"] if isinstance(item.get("properties"), dict) else {}}


def scene_assets(item: dict[str, Any], source: str, bands: Iterable[str]) -> list[Asset]:
    """Return the assets that a scene needs; ``source`` is the item's URL.

    Raises UserError for a missing band. Classification and metadata may be missing here: composing checks for them.
    """
    wanted = [*dict.fromkeys(bands)]
    for band in wanted:
        if not BAND_NAME.fullmatch(band):
            raise UserError(
                f"The band {band!r} is not the name of a band. Correct imagery.bands: letters, digits and _ only."
            )
    keys = {band: _band_key(item, band) for band in [*wanted, *({SCL} - {*wanted})]}
    missing_bands = [band for band in wanted if not keys[band]]
    if missing_bands:
        raise UserError(
            f"The STAC item {strip_query(source)} has no {' and no '.join(missing_bands)}; it has {', '.join(sorted(item['assets']))}. "
            "Change imagery.bands, or find the scene in a catalogue that has them."
        )
    rasters = [_asset(item, source, band, key) for band, key in keys.items() if key]
    return rasters + [_asset(item, source, name, key) for name, key in _metadata_keys(item)]


def elevation_asset(item: dict[str, Any], base: str, access: str = "https") -> Asset:
    """Return the raster of an elevation tile; relative links start from ``base``. Raises UserError without a raster."""
    name = str(item.get("id", ""))
    assets = item["assets"] if isinstance(item.get("assets"), dict) else {}
    key = next((key for key in (*ELEVATION_KEYS, *sorted(assets)) if _is_elevation(key, assets.get(key))), "")
    if not SCENE_NAME.fullmatch(name) or not key:
        raise UserError(
            f"The elevation item {name[:80]!r} of the catalogue has no raster, or its name cannot be a file's name. Choose "
            "another collection in imagery.catalogue.dem_collection."
        )
    asset = _asset(with_access({"assets": assets}, access), urljoin(base, name), name, key)
    return replace(asset, file=f"{name}{_raster_suffix(asset.url, '')}")


def local_item(item: dict[str, Any], source: str, local_files: dict[str, str]) -> dict[str, Any]:
    """Return the item with links to the local files, all other links absolute, and everything else unchanged.

    ``local_files``: name of a file -> the URL that it was downloaded from, without signature.
    """
    assets = {
        key: {**asset, "href": _absolute_href(asset, source)}
        for key, asset in item["assets"].items()
        if isinstance(asset, dict) and asset.get("href")
    }
    for asset in _assets_of_files(item, source, local_files):
        if local_files.get(asset.file) == strip_query(asset.url):
            assets[asset.key]["href"] = f"./{asset.file}"
    licenses = [link for link in item.get("links") or [] if isinstance(link, dict) and link.get("rel") == "license"]
    origin = {"rel": "derived_from", "href": strip_query(source), "type": "application/geo+json"}
    return {**item, "assets": assets, "links": [*licenses, origin]}


def with_access(item: dict[str, Any], access: str) -> dict[str, Any]:
    """Return the item with the addresses of an access (https or s3) first, where its assets have several."""
    if access != "s3":
        return item
    assets = {key: _bucket_asset(asset) if isinstance(asset, dict) else asset for key, asset in item["assets"].items()}
    return {**item, "assets": assets}


def scene_downloads(item: dict[str, Any], row: Row, bands: list[str]) -> list[AssetDownload]:
    """Return the downloads of a scene; each checksum is the table's, else the catalogue's."""
    checksums = dict(pair.split("=", 1) for pair in row["checksums"].split(";") if pair)
    return [
        asset_download(asset, f"{asset.name} of scene {row['scene']}", checksums.get(asset.name, ""))
        for asset in scene_assets(item, row["source"], bands)
    ]


def asset_download(asset: Asset, label: str, table_checksum: str = "") -> AssetDownload:
    """Return the download of one file; ``table_checksum`` goes before the catalogue's."""
    return AssetDownload(
        label=label,
        file=asset.file,
        url=asset.url,
        checksum=_expected_checksum(asset, label, table_checksum),
        size=asset.size,
        check=partial(_check_raster, asset),
        optional=not asset.is_raster,
    )


def sidecar_downloads(journal: Journal, item: dict[str, Any], row: Row, bands: list[str]) -> list[AssetDownload]:
    """Return downloads of the ``.aux.xml`` of each raster without georeference: it may hold the georeference."""
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


def missing(journal: Journal, downloads: list[AssetDownload]) -> list[AssetDownload]:
    """Return the downloads whose files are not here, or not correct; without those that the archive does not have."""
    return [
        download
        for download in downloads
        if not (download.optional and download.file in journal.absent)
        and not journal.is_complete(download.file, download.url, download.checksum)
    ]


def _is_elevation(key: str, asset: Any) -> bool:
    if not isinstance(asset, dict) or not asset.get("href"):
        return False
    roles = asset.get("roles")
    return key in ELEVATION_KEYS or (isinstance(roles, list) and "data" in roles)


def _absolute_href(asset: dict[str, Any], source: str) -> str:
    """Return the URL of an asset, or its href unchanged where that is not a URL: nothing reads these."""
    try:
        return strip_query(_asset_url(asset, source))
    except UserError:
        return str(asset["href"])


def _assets_of_files(item: dict[str, Any], source: str, files: Iterable[str]) -> Iterator[Asset]:
    """Yield the item's assets for local files of these names."""
    for band in sorted({PurePosixPath(file).stem for file in files}):
        if key := _band_key(item, band):
            yield _asset(item, source, band, key)
    yield from (_asset(item, source, name, key) for name, key in _metadata_keys(item) if METADATA_FILES[name] in files)


def _band_key(item: dict[str, Any], band: str) -> str:
    asset = band_asset(item, band)
    return next((key for key, value in item["assets"].items() if value is asset and asset), "")


def _metadata_keys(item: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield name and key of each asset with ESA's metadata."""
    for key in sorted(item["assets"]):
        name = key.lower().replace("-", "_")
        if name in METADATA_FILES:
            yield name, key


def _asset(item: dict[str, Any], source: str, name: str, key: str) -> Asset:
    asset = item["assets"][key] if isinstance(item["assets"][key], dict) else {}
    url = _asset_url(asset, source)
    size = asset.get("file:size")
    return Asset(
        name=name,
        file=METADATA_FILES.get(name) or name + _raster_suffix(url, str(asset.get("type", ""))),
        key=key,
        url=url,
        checksum=str(asset.get("file:checksum") or asset.get("checksum:multihash") or ""),
        size=size if isinstance(size, int) and size > 0 else None,
    )


def _bucket_asset(asset: dict[str, Any]) -> dict[str, Any]:
    """Return an asset with its address in a bucket alone, or unchanged where it has none."""
    bucket = next((href for href in _hrefs(asset) if href.startswith("s3://")), None)
    return {**asset, "href": bucket, "alternate": {}} if bucket else asset


def _hrefs(asset: dict[str, Any]) -> list[str]:
    """Return the asset's own ``href`` and those of its alternatives."""
    alternatives = asset.get("alternate")
    places = [asset, *(alternatives.values() if isinstance(alternatives, dict) else [])]
    return [str(place["href"]) for place in places if isinstance(place, dict) and place.get("href")]


def _asset_url(asset: dict[str, Any], source: str) -> str:
    """Return the asset's first http(s) URL, of its own ``href`` and those of its alternatives; else the first of all."""
    hrefs = _hrefs(asset)
    if not hrefs:
        raise UserError(
            f"An asset of the STAC item {strip_query(source)} has no href. Find the scene in another catalogue."
        )
    try:
        urls = [urljoin(source, href) for href in hrefs]
        return next((url for url in urls if urlsplit(url).scheme in ("http", "https")), urls[0])
    except ValueError as error:
        raise UserError(
            f"An asset of the STAC item {strip_query(source)} has the href {hrefs[0][:200]!r}, which is no address ({error}). Find "
            "the scene in another catalogue."
        ) from None


def _raster_suffix(url: str, media_type: str) -> str:
    suffix = PurePosixPath(urlsplit(url).path).suffix.lower()
    if suffix in RASTER_SUFFIXES:
        return suffix
    return ".jp2" if "jp2" in media_type else ".tif"


def _expected_checksum(asset: Asset, label: str, table_checksum: str) -> Checksum | None:
    """Return the checksum of table or catalogue, None without one. Raises UserError where the two contradict each other."""
    of_table, of_catalogue = parse_checksum(table_checksum), parse_checksum(asset.checksum)
    if of_table and of_catalogue and of_table.algorithm == of_catalogue.algorithm and of_table != of_catalogue:
        raise UserError(
            f"The catalogue's checksum of {label} is no longer that of the scene table: the "
            "archive has another file there now. Find the scenes again, or delete this checksum from the table to accept the "
            "new file."
        )
    if asset.checksum and not of_catalogue:
        log.info(
            "%s: the catalogue's checksum %.20s... is of an unknown kind and is not checked", label, asset.checksum
        )
    return of_table or of_catalogue


def _check_raster(asset: Asset, path: Path) -> None:
    """Refuse a raster that is neither TIFF nor JPEG 2000, such as a login page, or that is truncated.

    The first bytes are checked before GDAL opens the file: other formats of GDAL may refer to files of this machine.
    """
    if not asset.is_raster:
        return
    first_bytes = _first_bytes(path)
    try:
        if not first_bytes.startswith(IMAGE_SIGNATURES):
            raise UserError("neither TIFF nor JPEG 2000")
        with open_raster(path, require_place=False) as raster:
            raster.read(1, window=((raster.height - 1, raster.height), (raster.width - 1, raster.width)))
    except UserError:
        raise UserError(
            f"{strip_query(asset.url)} is no readable image, or is truncated (it begins with {first_bytes[:24]!r}). Open the address "
            "in a browser: the archive may require a signature (imagery.catalogue.signing) or an account (imagery.catalogue.archive), or its file is damaged."
        ) from None


def _first_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(64)


def _has_crs(path: Path) -> bool:
    with open_raster(path, require_place=False) as raster:
        return raster.crs is not None
