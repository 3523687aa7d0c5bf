"""What is to be fetched: a scene's files, each with what its bytes must be and how it is looked at on arrival."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from lobate.errors import Mistake
from lobate.imagery.fetching.address import beside, plain
from lobate.imagery.fetching.assets import Asset, assets_of
from lobate.imagery.fetching.checksum import Checksum, parse_checksum
from lobate.imagery.fetching.workshop import Workshop
from lobate.imagery.table import Row
from lobate.rasters import open_raster

log = logging.getLogger(__name__)

IMAGES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51")
"""First bytes of TIFF, BigTIFF and JPEG 2000, with its header and without."""


@dataclass(frozen=True)
class Order:
    """One file that is wanted; ``check`` looks at it once it is here and raises Mistake when it is not what it must be."""

    what: str
    """What messages call it."""
    file: str
    url: str
    checksum: Checksum | None = None
    size: int | None = None
    check: Callable[[Path], None] = lambda _: None
    optional: bool = False
    """Whether the scene may do without it where the archive has none."""


def lacking(workshop: Workshop, orders: list[Order]) -> list[Order]:
    """Return the orders whose files are not here yet, or not right; not those that the archive does not have."""
    return [
        one
        for one in orders
        if not (one.optional and one.file in workshop.absent) and not workshop.has(one.file, one.url, one.checksum)
    ]


def orders_of(item: dict[str, Any], row: Row, bands: list[str]) -> list[Order]:
    """Return what is to be fetched of a scene, each file with the checksum that the table or else the catalogue gives."""
    said = dict(pair.split("=", 1) for pair in row["checksums"].split(";") if pair)
    return [
        order_of(asset, f"{asset.what} of scene {row['scene']}", said.get(asset.what, ""))
        for asset in assets_of(item, row["source"], bands)
    ]


def order_of(asset: Asset, what: str, noted: str = "") -> Order:
    """Return the order of one file; ``noted``: its checksum where somebody noted it apart from the catalogue."""
    return Order(
        what=what,
        file=asset.file,
        url=asset.url,
        checksum=_checksum(asset, what, noted),
        size=asset.size,
        check=partial(_check, asset),
        optional=not asset.is_raster,
    )


def _checksum(asset: Asset, what: str, in_table: str) -> Checksum | None:
    """Return what the file's bytes must hash to, None where nobody says; Mistake when table and catalogue disagree."""
    noted, listed = parse_checksum(in_table), parse_checksum(asset.checksum)
    if noted and listed and noted.algorithm == listed.algorithm and noted != listed:
        raise Mistake(
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


def _check(asset: Asset, path: Path) -> None:
    """Refuse a band that is neither TIFF nor JPEG 2000, such as a page that asks to log in, or that ends too soon.

    GDAL is not asked before: other formats that it knows may lead it to other files of this machine.
    """
    if not asset.is_raster:
        return
    begins = _beginning(path)
    try:
        if not begins.startswith(IMAGES):
            raise Mistake("other bytes")
        with open_raster(path, need_crs=False) as raster:
            raster.read(1, window=((raster.height - 1, raster.height), (raster.width - 1, raster.width)))
    except Mistake:
        raise Mistake(
            f"{plain(asset.url)} is no image that can be read, or ends too soon (it begins with {begins[:24]!r}). Look at the "
            "address in a browser; the archive may want a signature (imagery.catalogue.signing), or its file is damaged."
        ) from None


def _beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(64)


def side_orders(workshop: Workshop, item: dict[str, Any], row: Row, bands: list[str]) -> list[Order]:
    """Return orders for what stands beside rasters that do not say where on Earth they are: there it may be said."""
    return [
        Order(
            what=f"the side file of {asset.what} of scene {row['scene']}",
            file=f"{asset.file}.aux.xml",
            url=beside(asset.url, ".aux.xml"),
            optional=True,
        )
        for asset in assets_of(item, row["source"], bands)
        if asset.is_raster and not _has_crs(workshop.folder / asset.file)
    ]


def _has_crs(path: Path) -> bool:
    with open_raster(path, need_crs=False) as raster:
        return raster.crs is not None
