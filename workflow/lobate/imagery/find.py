"""Finding scenes: the verb that asks a catalogue what there is of an area in a season, and says what is lacking.

Its table is a proposal: a person looks at it and at the picture of coverage, keeps it under `resources/<region>/`, and
names it in `imagery.scenes`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from shapely.geometry.base import BaseGeometry

from lobate.errors import Mistake
from lobate.imagery.finding.area import outline, read_area
from lobate.imagery.finding.coverage import Coverage, measure, named
from lobate.imagery.finding.items import Found, newest, read_items
from lobate.imagery.finding.seasons import Days, seasons, within
from lobate.imagery.table import text_of
from lobate.settings.imagery import Catalogue, Clouds, Find
from lobate.signature import Input, Output, Setting, outside

log = logging.getLogger(__name__)
LARGEST_GAPS = 3
"""Gaps that are told one by one."""
WORTH = 0.01
"""Share of the gaps that a cloudier scene must show to be named."""


@outside
def find_scenes(
    area: Annotated[Path | None, Input()],
    table: Annotated[Path, Output()],
    coverage: Annotated[Path, Output()],
    *,
    find: Annotated[Find | None, Setting("imagery.find")],
    clouds: Annotated[Clouds, Setting("imagery.clouds")],
    catalogue: Annotated[Catalogue, Setting("imagery.catalogue")],
) -> None:
    """Ask a catalogue for the scenes of an area and season; write a table of them, and a picture of what they cover."""
    if find is None or area is None:
        raise Mistake(
            "The configuration does not say what to find. Give imagery.find with area (a vector file), years and months."
        )
    ground = read_area(area, find.layer)
    scenes = newest(_on(ground, _listed(catalogue, ground, seasons(find.years, find.months))))
    cloudy = [one for one in scenes if (one.cloud or 0.0) > clouds.max_scene_cloud]
    clear = [one for one in scenes if (one.cloud or 0.0) <= clouds.max_scene_cloud]
    if not clear:
        raise _nothing(area, find, clouds, cloudy)
    _tell_scenes(clear, cloudy, clouds)
    covered = measure(ground, [one.footprint for one in clear])
    _tell_coverage(covered, cloudy, clouds)
    _write(covered, clear, table, coverage)


def _listed(settings: Catalogue, ground: BaseGeometry, ranges: list[Days]) -> list[Found]:
    """Return the scenes that the catalogue lists for these days, wherever it says they lie."""
    from lobate.imagery.finding.catalogue import address_of, collection_of, search

    address, collection = address_of(settings), collection_of(settings)
    asked = outline(ground)
    items = [item for days in ranges for item in search(settings, collection, asked, days)]
    log.info("the catalogue %s lists %d items of %s", address, len(items), collection)
    found = read_items(items, f"{address.rstrip('/')}/collections/{collection}")
    return [one for one in found if within(one.date, ranges)]


def _on(ground: BaseGeometry, scenes: Iterable[Found]) -> list[Found]:
    """Return the scenes that show some of the area itself, not only of its outline's surroundings."""
    return [one for one in scenes if one.footprint.intersection(ground).area > 0]


def _tell_scenes(clear: list[Found], cloudy: list[Found], clouds: Clouds) -> None:
    for one in clear:
        if one.cloud is None:
            log.warning("The catalogue does not say how cloudy scene %s is; it is in the table, look at it.", one.scene)
    for one in cloudy:
        log.info("scene %s is left out: cloud cover %.1f %% is over the limit", one.scene, one.cloud)
    for tile in sorted({one.tile for one in (*clear, *cloudy)}):
        used, left = (sum(one.tile == tile for one in group) for group in (clear, cloudy))
        log.info("tile %s: %d scenes, %d over the limit of %g %% cloud", tile, used, left, clouds.max_scene_cloud)


def _tell_coverage(covered: Coverage, cloudy: list[Found], clouds: Clouds) -> None:
    for count, share in covered.shares().items():
        log.info("%.2f %% of the area is shown by %s", 100 * share, named(count))
    gaps = covered.gaps()
    if gaps.is_empty:
        log.info("every part of the area is shown by a scene")
        return
    fills = {one: covered.map.project(one.footprint).intersection(gaps).area / gaps.area for one in cloudy}
    best = _best([one for one in cloudy if fills[one] >= WORTH])
    there = "; ".join(f"{_cited(one)} and {100 * fills[one]:.0f} % of that ground" for one in best)
    log.warning(
        "%.2f %% of the area (%.2f km2) has no scene of at most %g %% cloud cover: %s. %s",
        100 * gaps.area / sum(covered.areas()),
        gaps.area / 1e6,
        clouds.max_scene_cloud,
        _places(covered),
        f"The best scenes above the limit: {there}. To use them, raise imagery.clouds.max_scene_cloud; or add years or "
        "months to imagery.find."
        if there
        else "No cloudier scene shows it either; add years or months to imagery.find.",
    )


def _places(covered: Coverage) -> str:
    """Say where the largest gaps lie."""
    parts = covered.largest_gaps()
    told = [f"{area / 1e6:.2f} km2 round {_degrees(*place)}" for area, place in parts[:LARGEST_GAPS]]
    more = f" and {len(parts) - LARGEST_GAPS} smaller parts" if len(parts) > LARGEST_GAPS else ""
    return f"{'; '.join(told)}{more}"


def _degrees(lon: float, lat: float) -> str:
    return f"{abs(lat):.3f} {'N' if lat >= 0 else 'S'} {abs(lon):.3f} {'E' if lon >= 0 else 'W'}"


def _best(scenes: Iterable[Found]) -> list[Found]:
    """Return the least cloudy scene of each tile."""
    best: dict[str, Found] = {}
    for one in sorted(scenes, key=lambda one: (one.tile, one.cloud or 0.0, one.scene)):
        best.setdefault(one.tile, one)
    return list(best.values())


def _cited(one: Found) -> str:
    return f"tile {one.tile}, {one.scene} of {one.date}, {one.cloud:.1f} % cloud"


def _nothing(area: Path, find: Find, clouds: Clouds, cloudy: list[Found]) -> Mistake:
    season = f"months {', '.join(map(str, find.months))} of {', '.join(map(str, find.years))}"
    if not cloudy:
        return Mistake(
            f"The catalogue has no scene at all of the area of interest {area} in {season}. Check that the area lies where you "
            "think it does (open it in QGIS over a map), and the years and months in imagery.find."
        )
    return Mistake(
        f"No scene of the area of interest {area} in {season} has at most {clouds.max_scene_cloud:g} % cloud cover. The best "
        f"above the limit: {'; '.join(map(_cited, _best(cloudy)))}. Raise imagery.clouds.max_scene_cloud, or add years or months to imagery.find."
    )


def _write(covered: Coverage, scenes: list[Found], table: Path, picture: Path) -> None:
    """Write both results, each whole or not at all."""
    from lobate.imagery.finding.coverage_map import draw

    new_table, new_picture = (path.with_name(f".{path.name}.new") for path in (table, picture))
    try:
        draw(covered, scenes, new_picture)
        new_table.write_text(text_of(one.row for one in scenes), encoding="utf-8")
        new_picture.replace(picture)
        new_table.replace(table)
    finally:
        new_table.unlink(missing_ok=True)
        new_picture.unlink(missing_ok=True)
    log.info("scenes in the table: %d; tiles: %s", len(scenes), ", ".join(sorted({one.tile for one in scenes})))
