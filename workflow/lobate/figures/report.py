"""The verb `report`: the answers to a reviewer of the inventory, in one HTML file."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, Any

from lobate import __version__
from lobate.engine.signature import Input, Output, Setting
from lobate.figures.report_page.accuracy import accuracy_facts
from lobate.figures.report_page.dataset import METHOD, NETWORK, card_html
from lobate.figures.report_page.landforms import inventory_facts, top_n
from lobate.figures.report_page.lineage import library_versions, lineage_facts
from lobate.figures.report_page.new_ground import facts_of_test_side
from lobate.figures.report_page.overview import overview_facts
from lobate.figures.report_page.page import render
from lobate.figures.report_page.removed import removed_facts
from lobate.figures.report_page.rounds import leakage_facts, rounds_facts
from lobate.figures.report_page.scores import scores_facts
from lobate.figures.report_page.settings_table import settings_facts, settings_with_defaults, value_of
from lobate.figures.report_page.threshold import calibration_facts, threshold_facts
from lobate.io.jsonfile import parse_json
from lobate.io.vector import read_layer, read_polygons

log = logging.getLogger(__name__)

THRESHOLD = "a threshold.json written by `choose-threshold`"


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
    threshold: Annotated[Path, Input()],
    contours: Annotated[Path, Input()],
    html: Annotated[Path, Output()],
    accuracy: Annotated[Path | None, Input()] = None,
    test: Annotated[Path | None, Input()] = None,
    *,
    settings: Annotated[list[dict[str, Any]], Setting("", view=settings_with_defaults)],
) -> None:
    """Write the page: one HTML file that needs no network, with the same bytes for the same results.

    ``facts``: the record that compose-rgb writes beside each image (<tile>.json); ``removed``: files with layers of removed
    features; ``metrics``: metrics.csv of each round; ``lineage``: the result of trace-inventory; ``threshold``: that of choose-threshold; ``contours``: that of
    contour-detections; ``accuracy``: the estimates
    from people's answers to a sample, and ``test`` the test side's scores, where there are any; ``settings``: all settings of
    the region. Raises UserError for files that are not what they should be.
    """
    from lobate.figures.report_page.outline_map import map_facts

    landform, region = str(value_of(settings, "landform")), str(value_of(settings, "region"))
    all_landforms = read_polygons(inventory, "inventory")
    landforms = top_n(all_landforms)
    rounds, steps = _read_json(selection, "rounds"), _read_json(lineage, "steps")
    scenes = {path.stem: _read_json(path, "scenes") for path in facts}
    text = render(
        {
            "title": f"{landform[:1].upper()}{landform[1:]} inventory: {region}",
            "credit": str(value_of(settings, "figures.credit")),
            "version": __version__,
            "method": METHOD,
            "network": NETWORK,
            "overview": overview_facts(
                _read_json(summary, "inventory"), rounds, scenes, _read_json(threshold, "threshold")
            ),
            "ground": map_facts(landforms, images, read_layer(contours, "contours")),
            "inventory": inventory_facts(landforms, len(all_landforms)),
            "scores": scores_facts(_read_json(scores, "polygons")),
            "accuracy": _read_accuracy(accuracy) if accuracy else None,
            "test_side": facts_of_test_side(rounds, metrics, test),
            "leakage": leakage_facts(rounds),
            "rounds": rounds_facts(rounds, metrics),
            "threshold": parse_json(threshold, threshold_facts, THRESHOLD),
            "calibration": parse_json(threshold, calibration_facts, THRESHOLD),
            "card": card_html(card),
            "removed": removed_facts(removed, scenes),
            "settings": settings_facts(settings),
            "steps": lineage_facts(steps),
            "libraries": library_versions(steps),
        }
    )
    html.write_text(text, encoding="utf-8")
    log.info(
        "The report has %.1f MB and shows %d of %d landforms.", len(text) / 1e6, len(landforms), len(all_landforms)
    )


def _read_accuracy(path: Path) -> dict[str, Any]:
    return parse_json(path, accuracy_facts, "an accuracy.json written by `estimate-accuracy`")


def _read_json(path: Path, key: str) -> dict[str, Any]:
    """Return the content of a JSON file of results; UserError where it lacks the key."""

    def checked(results: dict[str, Any]) -> dict[str, Any]:
        results[key]
        return results

    return parse_json(path, checked, f"a file of results with the key {key}")
