"""Finding scenes: the verb that asks a catalogue what there is of an area in a season, and says what is lacking.

Its table is a proposal: a person looks at it and at the picture of coverage, keeps it under `resources/<region>/`, and
names it in `imagery.scenes`.

Date ranges by season and year: July and August of 2018, or a southern summer over New Year.
"""

from __future__ import annotations

import logging
from calendar import monthrange
from collections.abc import Iterable
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Annotated

from shapely.geometry.base import BaseGeometry

from lobate.engine.signature import Input, Output, Setting, uncached
from lobate.errors import UserError
from lobate.imagery.finding.area import query_outline, read_area
from lobate.imagery.finding.coverage import Coverage, count_in_words, measure_coverage
from lobate.imagery.finding.items import CatalogueScene, latest_revision, read_items
from lobate.imagery.scene_table import to_tsv
from lobate.io.atomic import atomic_write
from lobate.settings.imagery import Catalogue, Clouds, Find

DateRange = tuple[date, date]
"""First and last day."""


def season_ranges(years: list[int], months: list[int]) -> list[DateRange]:
    """Return the days of the same months of several years, one range for months that follow one another, in order.

    Months in the order they pass: in [12, 1, 2] January and February are those of the next year.
    """
    return sorted(
        (date(year + begin // 12, begin % 12 + 1, 1), _last_day(year + end // 12, end % 12 + 1))
        for year in years
        for begin, end in _month_runs(months)
    )


def is_in_ranges(day: date, ranges: list[DateRange]) -> bool:
    """Whether a day lies in one of the ranges."""
    return any(first <= day <= last for first, last in ranges)


def _month_runs(months: list[int]) -> list[tuple[int, int]]:
    """Return first and last of each unbroken run of months, counted from January of the year the season begins in."""
    counted = [month - 1 for month in months]
    turn = next((place for place, (one, next_one) in enumerate(pairwise(counted), 1) if next_one < one), len(counted))
    counted = sorted([*counted[:turn], *(month + 12 for month in counted[turn:])])
    begins = [month for month in counted if month - 1 not in counted]
    ends = [month for month in counted if month + 1 not in counted]
    return list(zip(begins, ends, strict=True))


def _last_day(year: int, month: int) -> date:
    return date(year, month, monthrange(year, month)[1])


log = logging.getLogger(__name__)
MAX_NAMED_GAPS = 3
"""Gaps that are told one by one."""
MIN_GAP_SHARE = 0.01
"""Share of the gaps that a cloudier scene must show to be named."""


@uncached
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
        raise UserError(
            "The configuration does not say what to find. Give imagery.find with area (a vector file), years and months."
        )
    ground = read_area(area, find.layer)
    scenes = latest_revision(
        _showing_area(ground, _search_scenes(catalogue, ground, season_ranges(find.years, find.months)))
    )
    cloudy = [scene for scene in scenes if (scene.cloud or 0.0) > clouds.max_scene_cloud]
    clear = [scene for scene in scenes if (scene.cloud or 0.0) <= clouds.max_scene_cloud]
    if not clear:
        raise _no_clear_scene(area, find, clouds, cloudy)
    _log_scenes(clear, cloudy, clouds)
    covered = measure_coverage(ground, [one.footprint for one in clear])
    _log_coverage(covered, cloudy, clouds)
    _write(covered, clear, table, coverage)


def _search_scenes(settings: Catalogue, ground: BaseGeometry, ranges: list[DateRange]) -> list[CatalogueScene]:
    """Return the scenes that the catalogue lists for these days, wherever it says they lie."""
    from lobate.imagery.catalogues import catalogue_url, scene_collection
    from lobate.imagery.finding.catalogue import search

    address, collection = catalogue_url(settings), scene_collection(settings)
    asked = query_outline(ground)
    items = [item for days in ranges for item in search(settings, collection, asked, days)]
    log.info("the catalogue %s lists %d items of %s", address, len(items), collection)
    found = read_items(items, f"{address.rstrip('/')}/collections/{collection}")
    return [one for one in found if is_in_ranges(one.date, ranges)]


def _showing_area(ground: BaseGeometry, scenes: Iterable[CatalogueScene]) -> list[CatalogueScene]:
    """Return the scenes that show some of the area itself, not only of its outline's surroundings."""
    return [scene for scene in scenes if scene.footprint.intersection(ground).area > 0]


def _log_scenes(clear: list[CatalogueScene], cloudy: list[CatalogueScene], clouds: Clouds) -> None:
    for one in clear:
        if one.cloud is None:
            log.warning("The catalogue does not say how cloudy scene %s is; it is in the table, look at it.", one.scene)
    for one in cloudy:
        log.info("scene %s is left out: cloud cover %.1f %% is over the limit", one.scene, one.cloud)
    for tile in sorted({one.tile for one in (*clear, *cloudy)}):
        used, left = (sum(one.tile == tile for one in group) for group in (clear, cloudy))
        log.info("tile %s: %d scenes, %d over the limit of %g %% cloud", tile, used, left, clouds.max_scene_cloud)


def _log_coverage(covered: Coverage, cloudy: list[CatalogueScene], clouds: Clouds) -> None:
    for count, share in covered.shares().items():
        log.info("%.2f %% of the area is shown by %s", 100 * share, count_in_words(count))
    gaps = covered.gaps()
    if gaps.is_empty:
        log.info("every part of the area is shown by a scene")
        return
    fills = {one: covered.map.project(one.footprint).intersection(gaps).area / gaps.area for one in cloudy}
    best = _clearest_by_tile([one for one in cloudy if fills[one] >= MIN_GAP_SHARE])
    there = "; ".join(f"{_describe_scene(one)} and {100 * fills[one]:.0f} % of that ground" for one in best)
    log.warning(
        "%.2f %% of the area (%.2f km2) has no scene of at most %g %% cloud cover: %s. %s",
        100 * gaps.area / sum(covered.areas_m2()),
        gaps.area / 1e6,
        clouds.max_scene_cloud,
        _describe_gaps(covered),
        f"The best scenes above the limit: {there}. To use them, raise imagery.clouds.max_scene_cloud; or add years or "
        "months to imagery.find."
        if there
        else "No cloudier scene shows it either; add years or months to imagery.find.",
    )


def _describe_gaps(covered: Coverage) -> str:
    """Say where the largest gaps lie."""
    parts = covered.largest_gaps()
    told = [f"{area / 1e6:.2f} km2 round {_format_lonlat(*place)}" for area, place in parts[:MAX_NAMED_GAPS]]
    more = f" and {len(parts) - MAX_NAMED_GAPS} smaller parts" if len(parts) > MAX_NAMED_GAPS else ""
    return f"{'; '.join(told)}{more}"


def _format_lonlat(lon: float, lat: float) -> str:
    return f"{abs(lat):.3f} {'N' if lat >= 0 else 'S'} {abs(lon):.3f} {'E' if lon >= 0 else 'W'}"


def _clearest_by_tile(scenes: Iterable[CatalogueScene]) -> list[CatalogueScene]:
    """Return the least cloudy scene of each tile."""
    best: dict[str, CatalogueScene] = {}
    for scene in sorted(scenes, key=lambda one: (one.tile, one.cloud or 0.0, one.scene)):
        best.setdefault(scene.tile, scene)
    return list(best.values())


def _describe_scene(one: CatalogueScene) -> str:
    return f"tile {one.tile}, {one.scene} of {one.date}, {one.cloud:.1f} % cloud"


def _no_clear_scene(area: Path, find: Find, clouds: Clouds, cloudy: list[CatalogueScene]) -> UserError:
    season = f"months {', '.join(map(str, find.months))} of {', '.join(map(str, find.years))}"
    if not cloudy:
        return UserError(
            f"The catalogue has no scene at all of the area of interest {area} in {season}. Check that the area lies where you "
            "think it does (open it in QGIS over a map), and the years and months in imagery.find."
        )
    return UserError(
        f"No scene of the area of interest {area} in {season} has at most {clouds.max_scene_cloud:g} % cloud cover. The best "
        f"above the limit: {'; '.join(map(_describe_scene, _clearest_by_tile(cloudy)))}. Raise imagery.clouds.max_scene_cloud, or add years or months to imagery.find."
    )


def _write(covered: Coverage, scenes: list[CatalogueScene], table: Path, picture: Path) -> None:
    """Write both results, each whole or not at all."""
    from lobate.imagery.finding.coverage_map import draw_coverage

    new_table, new_picture = (path.with_name(f".{path.name}.new") for path in (table, picture))
    with atomic_write(table, new_table), atomic_write(picture, new_picture):  # the picture is renamed first
        draw_coverage(covered, scenes, new_picture)
        new_table.write_text(to_tsv(scene.row for scene in scenes), encoding="utf-8")
    log.info("scenes in the table: %d; tiles: %s", len(scenes), ", ".join(sorted({scene.tile for scene in scenes})))
