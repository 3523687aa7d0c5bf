"""The verb `report`: all that a reviewer of the inventory asks, in one page that a person can mail."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Annotated, Any

from lobate.errors import Mistake
from lobate.figures.report import page
from lobate.figures.report.card import card_section, citation_section
from lobate.figures.report.choices import choices, settings_section, value_of
from lobate.figures.report.landforms import inventory_section, largest
from lobate.figures.report.lineage import lineage_section, versions_section
from lobate.figures.report.overview import overview_section
from lobate.figures.report.removed import removed_section
from lobate.figures.report.rounds import calibration_section, leakage_section, rounds_section
from lobate.figures.report.scores import scores_section
from lobate.signature import Input, Output, Setting
from lobate.vectors import read_polygons

log = logging.getLogger(__name__)


def report(
    inventory: Annotated[Path, Input()],
    summary: Annotated[Path, Input()],
    images: Annotated[list[Path], Input()],
    facts: Annotated[list[Path], Input()],
    card: Annotated[Path, Input()],
    removed: Annotated[list[Path], Input()],
    selection: Annotated[Path, Input()],
    metrics: Annotated[list[Path], Input()],
    scores: Annotated[Path, Input()],
    lineage: Annotated[Path, Input()],
    html: Annotated[Path, Output()],
    *,
    settings: Annotated[list[dict[str, Any]], Setting("", lens=choices)],
) -> None:
    """Write the page: one HTML file without network, the same bytes for the same results.

    ``facts``: what compose-rgb tells of each image (<tile>.json); ``removed``: files with layers of what was left out;
    ``metrics``: metrics.csv of every round; ``lineage``: what trace-inventory found; ``settings``: `choices` of the region.
    Raises Mistake for files that are not what they should be.
    """
    from lobate.figures.report.panmap import map_section

    credit = str(value_of(settings, "figures.credit"))
    landform, region = str(value_of(settings, "landform")), str(value_of(settings, "region"))
    whole = read_polygons(inventory, "inventory")
    shown = largest(whole)
    chosen, traced = _read(selection, "rounds"), _read(lineage, "steps")
    scenes = {path.stem: _read(path, "scenes") for path in facts}
    sections = [
        overview_section(_read(summary, "inventory"), chosen, scenes),
        map_section(shown, images, credit),
        inventory_section(shown, len(whole)),
        scores_section(_read(scores, "polygons")),
        leakage_section(chosen),
        rounds_section(chosen, metrics),
        calibration_section(chosen),
        card_section(card),
        removed_section(removed, scenes),
        settings_section(settings),
        lineage_section(traced),
        versions_section(traced),
        citation_section(credit),
    ]
    text = page(f"{landform[:1].upper()}{landform[1:]} inventory: {region}", credit, sections)
    html.write_text(text, encoding="utf-8")
    log.info("The report has %.1f MB and shows %d of %d landforms.", len(text) / 1e6, len(shown), len(whole))


def _read(path: Path, key: str) -> dict[str, Any]:
    """Return what a JSON file of results says, which has at least this key."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        found[key]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Mistake(
            f"{path} does not hold what the report needs of it ({type(error).__name__}: {error}). Delete it and run again."
        ) from error
    return found
