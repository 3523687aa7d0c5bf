"""The verb `report`: all that a reviewer of the inventory asks, in one page that a person can mail."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, Any

from lobate import __version__
from lobate.engine.signature import Input, Output, Setting
from lobate.figures.report_page.choices import choices, settings_facts, value_of
from lobate.figures.report_page.dataset import METHOD, NETWORK, card_html
from lobate.figures.report_page.landforms import inventory_facts, top_n
from lobate.figures.report_page.lineage import library_versions, lineage_facts
from lobate.figures.report_page.overview import overview_facts
from lobate.figures.report_page.page import render
from lobate.figures.report_page.removed import removed_facts
from lobate.figures.report_page.rounds import calibration_facts, leakage_facts, rounds_facts
from lobate.figures.report_page.scores import scores_facts
from lobate.io.jsonfile import parse_json
from lobate.io.vector import read_polygons

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
    settings: Annotated[list[dict[str, Any]], Setting("", view=choices)],
) -> None:
    """Write the page: one HTML file without network, the same bytes for the same results.

    ``facts``: the record that compose-rgb writes beside each image (<tile>.json); ``removed``: files with layers of what
    was left out; ``metrics``: metrics.csv of every round; ``lineage``: the result of trace-inventory; ``settings``:
    `choices` of the region. Raises UserError for files that are not what they should be.
    """
    from lobate.figures.report_page.panmap import map_facts

    landform, region = str(value_of(settings, "landform")), str(value_of(settings, "region"))
    all_landforms = read_polygons(inventory, "inventory")
    shown = top_n(all_landforms)
    chosen, traced = _read(selection, "rounds"), _read(lineage, "steps")
    scenes = {path.stem: _read(path, "scenes") for path in facts}
    text = render(
        {
            "title": f"{landform[:1].upper()}{landform[1:]} inventory: {region}",
            "credit": str(value_of(settings, "figures.credit")),
            "version": __version__,
            "method": METHOD,
            "network": NETWORK,
            "overview": overview_facts(_read(summary, "inventory"), chosen, scenes),
            "ground": map_facts(shown, images),
            "inventory": inventory_facts(shown, len(all_landforms)),
            "scores": scores_facts(_read(scores, "polygons")),
            "leakage": leakage_facts(chosen),
            "rounds": rounds_facts(chosen, metrics),
            "calibration": calibration_facts(chosen),
            "card": card_html(card),
            "removed": removed_facts(removed, scenes),
            "settings": settings_facts(settings),
            "traced": lineage_facts(traced),
            "libraries": library_versions(traced),
        }
    )
    html.write_text(text, encoding="utf-8")
    log.info("The report has %.1f MB and shows %d of %d landforms.", len(text) / 1e6, len(shown), len(all_landforms))


def _read(path: Path, key: str) -> dict[str, Any]:
    """Return the content of a JSON file of results, which has at least this key."""

    def checked(results: dict[str, Any]) -> dict[str, Any]:
        results[key]
        return results

    return parse_json(path, checked, f"a file of results with {key}, as the report shows it")
