"""STAC items of any catalogue, parsed into scenes: the rows of the scene table, with their footprints.

Catalogues differ in the properties for tile and processing baseline, and some have no cloud cover. The product's name
fills what is missing. Unusable items are logged.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import shapely
from shapely.geometry import box, shape
from shapely.geometry.base import BaseGeometry

from lobate.imagery.reading.scene import find_date
from lobate.imagery.scene_row import SCENE_NAME, Row
from lobate.io.antimeridian import cut_at_antimeridian
from lobate.io.band_names import COMMON_NAMES

log = logging.getLogger(__name__)
Json = dict[str, Any]

TILE_PATTERN = re.compile(r"(?:^|[_-])(?:MGRS-)?T?(\d{1,2})([C-HJ-NP-X])([A-HJ-NP-Z][A-HJ-NP-V])(?=[_-]|$)")
TIME_PATTERN = re.compile(r"(?<!\d)(\d{8}T\d{6})(?!\d)")
BASELINE_PATTERN = re.compile(r"_N(\d{2})\.?(\d{2})(?=_|$)")
BAND_OF_ASSET = {
    "SCL": "SCL",
    "scl": "SCL",
    **{name: name for name in COMMON_NAMES},
    **{b: a for a, b in COMMON_NAMES.items()},
}
"""Key of an asset -> its band."""
SAME_PRODUCT_OVERLAP = 0.5
"""Share of the smaller footprint: two scenes of one pass and tile that overlap by more are one product, delivered twice."""


@dataclass(frozen=True)
class CatalogueScene:
    """One scene of the catalogue; ``footprint`` in longitude and latitude, between -180 and 180 degrees."""

    scene: str
    tile: str
    date: date
    cloud: float | None
    baseline: str
    source: str
    footprint: BaseGeometry = field(repr=False)
    overpass: str = ""
    """Satellite and start of the pass, the same for all deliveries of one product."""
    generated: str = ""
    """Time of the product's generation."""
    checksums: dict[str, str] = field(default_factory=dict, hash=False)
    item: Json = field(default_factory=dict, hash=False, compare=False, repr=False)

    @property
    def row(self) -> Row:
        """Its row in the scene table."""
        return {
            "scene": self.scene,
            "tile": self.tile,
            "date": self.date.isoformat(),
            "cloud_cover": "" if self.cloud is None else f"{self.cloud:.4f}".rstrip("0").rstrip("."),
            "baseline": self.baseline,
            "source": self.source,
            "checksums": ";".join(f"{band}={digest}" for band, digest in sorted(self.checksums.items())),
        }


class UnusableItem(Exception):
    """An item without a property that a scene needs."""


def read_items(items: Iterable[Json], collection_url: str) -> list[CatalogueScene]:
    """Return the scenes of items, sorted by tile, date and name; log unusable items.

    ``collection_url`` is the base URL of items without a link to themselves.
    """
    scenes: dict[str, CatalogueScene] = {}
    for item in items:
        try:
            scene = read_item(item, collection_url)
            scenes.setdefault(scene.scene, scene)
        except UnusableItem as reason:
            log.warning("The catalogue's item %.80s is left out: %s.", item.get("id"), reason)
    return sort_items(scenes.values())


def read_item(item: Json, collection_url: str) -> CatalogueScene:
    """Return the scene of an item. Raises UnusableItem."""
    scene, properties = str(item.get("id", "")), _mapping(item.get("properties"))
    if not SCENE_NAME.fullmatch(scene):
        raise UnusableItem("its identifier cannot be the name of a folder")
    identifiers = (properties.get("s2:product_uri"), properties.get("s2:datatake_id"), scene)
    names = [str(name) for name in identifiers if name]
    return CatalogueScene(
        scene,
        _tile(properties, names),
        _date(properties, scene),
        _cloud(properties),
        _baseline(properties, names),
        _source(item, collection_url),
        _footprint(item),
        _overpass(properties, names),
        str(properties.get("s2:generation_time") or properties.get("created") or ""),
        _checksums(_mapping(item.get("assets"))),
        item,
    )


def latest_revision(scenes: list[CatalogueScene]) -> list[CatalogueScene]:
    """Return the newest processing of each product; log the scenes that are left out.

    Two products of one pass over one tile both stay where they show different parts of it.
    """
    latest: dict[tuple[str, str], list[CatalogueScene]] = {}
    for scene in sorted(scenes, key=lambda scene: (scene.baseline, scene.generated, scene.scene), reverse=True):
        products = latest.setdefault((scene.tile, scene.overpass), [])
        newer = next((product for product in products if _is_same_product(scene, product)), None)
        if newer is None:
            products.append(scene)
            continue
        log.warning(
            "The scene %s (baseline %s) is left out: %s (baseline %s) is a newer processing of the same product.",
            scene.scene,
            scene.baseline or "unknown",
            newer.scene,
            newer.baseline or "unknown",
        )
    return sort_items(scene for products in latest.values() for scene in products)


def sort_items(scenes: Iterable[CatalogueScene]) -> list[CatalogueScene]:
    """Return scenes in the order of the table: tile, date, name."""
    return sorted(scenes, key=lambda scene: (scene.tile, scene.date, scene.scene))


def _is_same_product(first: CatalogueScene, second: CatalogueScene) -> bool:
    smaller = min(first.footprint.area, second.footprint.area)
    return first.footprint.intersection(second.footprint).area > SAME_PRODUCT_OVERLAP * smaller


def _mapping(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


def _tile(properties: Json, names: list[str]) -> str:
    parts = [properties.get(f"mgrs:{part}") for part in ("utm_zone", "latitude_band", "grid_square")]
    codes = [
        properties.get("s2:mgrs_tile"),
        properties.get("grid:code"),
        "".join(map(str, parts)) if all(parts) else None,
    ]
    for text in (*filter(None, codes), *names):
        match = TILE_PATTERN.search(str(text).removesuffix(".SAFE"))
        if match:
            return f"{int(match[1]):02d}{match[2]}{match[3]}"
    raise UnusableItem("neither its properties nor its name hold an MGRS tile")


def _date(properties: Json, scene: str) -> date:
    for text in (properties.get("datetime"), properties.get("start_datetime"), find_date(scene)):
        try:
            moment = datetime.fromisoformat(str(text))
        except ValueError:
            continue
        return (moment.astimezone(UTC) if moment.tzinfo else moment).date()
    raise UnusableItem("it has no date")


def _cloud(properties: Json) -> float | None:
    value = properties.get("eo:cloud_cover")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and 0 <= value <= 100 else None


def _baseline(properties: Json, names: list[str]) -> str:
    for key in ("s2:processing_baseline", "processing:version"):
        match = re.fullmatch(r"(\d{1,2})\.(\d{2})", str(properties.get(key)))
        if match:
            return f"{int(match[1]):02d}.{match[2]}"
    for name in names:
        match = BASELINE_PATTERN.search(name.removesuffix(".SAFE"))
        if match:
            return f"{match[1]}.{match[2]}"
    return ""


def _source(item: Json, collection_url: str) -> str:
    links = item.get("links")
    for link in links if isinstance(links, list) else []:
        href = str(_mapping(link).get("href", ""))
        if _mapping(link).get("rel") == "self" and re.fullmatch(r"https?://\S+", href):
            return href
    return f"{collection_url}/items/{item['id']}"


def _footprint(item: Json) -> BaseGeometry:
    for read in (lambda: shape(item["geometry"]), lambda: box(*flat_bbox(item["bbox"]))):
        try:
            footprint = cut_at_antimeridian(shapely.force_2d(read()))
        except Exception:  # a geometry from outside may be wrong in any way
            continue
        if footprint.area > 0 and shapely.is_valid(footprint):
            return footprint
    raise UnusableItem("it has no footprint with an area")


def flat_bbox(bbox: list[float]) -> tuple[float, float, float, float]:
    """Return west, south, east and north of a box, which may have heights; across the antimeridian, east is over 180."""
    west, south, east, north = bbox if len(bbox) == 4 else (*bbox[:2], *bbox[3:5])
    return west, south, east + 360 if east < west else east, north


def _overpass(properties: Json, names: list[str]) -> str:
    """Return satellite (S2A) and start of the pass, from the product's names, else from the item's time."""
    start = next((match[1] for match in map(TIME_PATTERN.search, names) if match), None)
    satellite = names[0].removeprefix("G")[:3]
    return f"{satellite} {start or str(properties.get('datetime'))[:19]}"


def _checksums(assets: Json) -> dict[str, str]:
    """Return band -> digest; of several resolutions (B04_10m, B04_20m) the finest, which is the one that is fetched."""
    digests: dict[str, Any] = {}
    for name in sorted(assets):
        band = BAND_OF_ASSET.get(re.sub(r"_\d\dm$", "", name))
        if band:
            digests.setdefault(band, _mapping(assets[name]).get("file:checksum"))
    return {
        band: digest
        for band, digest in digests.items()
        if isinstance(digest, str) and re.fullmatch(r"[0-9a-fA-F]+", digest)
    }
