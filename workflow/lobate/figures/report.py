"""The verb `report`: all that a reviewer of the inventory asks, in one page that a person can mail.

What was left out on the way, counted by reason: scenes, outlines, sub-images, detections, landforms.

How well the detections agree with the reference, on all ground and on what training never saw.

The report's first lines: what came out, and how far to trust it.

The data set's card and the citation.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import pyogrio

from lobate import __version__
from lobate.engine.signature import Input, Output, Setting
from lobate.errors import UserError
from lobate.figures.report_page import render
from lobate.figures.report_page.choices import choices, lineage_section, settings_section, value_of, versions_section
from lobate.figures.report_page.landforms import inventory_section, top_n
from lobate.figures.report_page.markup import Markup, Section, concat, details, facts, paragraph, table
from lobate.figures.report_page.rounds import calibration_section, leakage_section, rounds_section
from lobate.io.vector import read_layer, read_polygons

LAYERS = {
    ("polygons", "removed"): "outlines given",
    ("detections", "removed"): "detections, by the filters",
    ("reviewed", "rejected"): "detections, by the reviewer",
    ("reviewed", "removed"): "detections, at the review",
    ("reviewed", "unmatched"): "decisions that meet no detection",
    ("inventory", "removed"): "landforms, at the compilation",
}
OTHERS = ("sub-images of outlines", "removed")
"""What any other file holds, and in which layer."""

MEASURE = re.compile(r" ?-?\d[\d.,]*(e[+-]?\d+)?%?( [^\s<>]+)? (?=[<>])")
"""The number in `area 0.0012 km2 < 0.03 km2`, which is another one for each feature."""


def removed_section(files: Sequence[Path], images: dict[str, dict[str, Any]]) -> Section:
    """Return the section: ``files`` hold layers of what was left out, ``images`` what is known of each tile's scenes."""
    counted: dict[tuple[str, str], int] = {}
    for what, reason in [*_scenes(images), *_features(files)]:
        counted[what, reason] = counted.get((what, reason), 0) + 1
    order = ["scenes", OTHERS[0], *LAYERS.values()]
    ordered = sorted(counted.items(), key=lambda one: (order.index(one[0][0]), -one[1], one[0][1]))
    rows = [[what, reason, count] for (what, reason), count in ordered]
    words = "Nothing is dropped silently: each of these stands in a layer 'removed' of its file, or beside its image, with the reason."
    found = table(("what", "why", "how many"), rows) if rows else paragraph("Nothing was left out.")
    return Section("removed", "Left out, and why", concat(paragraph(words), found))


def _scenes(images: dict[str, dict[str, Any]]) -> Iterable[tuple[str, str]]:
    for record in images.values():
        for scene in record.get("left_out", []):
            yield "scenes", f"{scene['name']}: {scene['reason']}"


def _features(files: Sequence[Path]) -> Iterable[tuple[str, str]]:
    for path in files:
        named = {layer: what for (stem, layer), what in LAYERS.items() if stem == path.stem} or {OTHERS[1]: OTHERS[0]}
        present = set(pyogrio.list_layers(path)[:, 0]) if path.exists() else set()
        for layer, what in named.items():
            if layer in present:
                frame = read_layer(path, layer)
                reasons = frame["reason"] if "reason" in frame else frame.get("status", frame.index)
                yield from ((what, generalize(str(reason))) for reason in reasons)


def generalize(reason: str) -> str:
    """Return a reason without the number of its own that one feature has in it."""
    return MEASURE.sub(" ", reason)


RATES, NAMES = ("precision", "recall", "f1"), ("precision", "recall", "F1")
COUNTS = ("detections", "references", "right", "found")


def scores_section(scores: dict[str, Any]) -> Section:
    """Return the section of mapping/scores.json."""
    grounds = {"all mapped ground": scores, "ground no training patch touches": scores.get("unseen", {})}
    counts = dict(scores.get("account", {}))
    what = counts.pop("what", "")
    unit = scores.get("polygons", {}).get("match_iou")
    pixels = [[name, *_values(one.get("pixels"), ("iou", *RATES))] for name, one in grounds.items()]
    polygons = [[name, *_values(one.get("polygons"), (*COUNTS, *RATES, "mean_f1"))] for name, one in grounds.items()]
    body = concat(
        facts({"mapped area, km²": scores.get("mapped_km2"), **_plain(counts)}),
        paragraph(f"Of these, {what}." if what else ""),
        table(("by pixels", "IoU", *NAMES), pixels),
        table((f"by polygons (right at IoU > {unit})", *COUNTS, *NAMES, "mean F1"), polygons),
        details("Precision and recall by the IoU asked for", concat(*(_by_iou(*pair) for pair in grounds.items()))),
        details("The reference", facts(_plain(scores.get("reference", {})))),
    )
    return Section("scores", "Scores", body)


def _by_iou(name: str, one: dict[str, Any]) -> str:
    rows = (one.get("polygons") or {}).get("thresholds") or {}
    head = ("IoU more than", *COUNTS, *NAMES)
    if not rows:
        return paragraph(f"{name}: not measured.")
    return table(head, [[iou, *_values(row, (*COUNTS, *RATES))] for iou, row in sorted(rows.items())], name)


def _values(found: dict[str, Any] | None, names: tuple[str, ...]) -> list[Any]:
    return [(found or {}).get(name) for name in names]


def _plain(found: dict[str, Any]) -> dict[str, Any]:
    return {name.replace("_", " "): "not known" if value is None else value for name, value in found.items()}


ORDER = ("total", "known", "new", "wrong", "accepted", "edited", "pending", "pending_left_out", "repeated")
"""What is said of the detections."""
MEANT = "known: another inventory has the landform too; new: only detected; wrong: rejected in the review"
"""The scores use the same words of the outlines by hand, and say so."""


def overview_section(summary: dict[str, Any], selection: dict[str, Any], images: dict[str, dict[str, Any]]) -> Section:
    """Return the section of inventory/summary.json, the chosen model's IoU and the scenes that were used."""
    found = summary["inventory"]
    altitude = found.get("altitude_m") or {}
    chosen = next((one for one in selection["rounds"] if one["chosen"]), {})
    numbers = {
        "landforms": found.get("total"),
        **{f"by {name}": count for name, count in (found.get("by_method") or {}).items()},
        "altitude, m": _range(altitude.get("lowest"), altitude.get("highest")),
        "mean area, km²": (found.get("area_km2") or {}).get("mean"),
        "total area, km²": (found.get("area_km2") or {}).get("total"),
        "mean slope, °": found.get("mean_slope_deg"),
        "validation IoU": (chosen.get("validation_iou") or {}).get("landform"),
    }
    detections = summary.get("detections") or {}
    review = {name.replace("_", " "): detections[name] for name in ORDER if name in detections}
    rows = [
        [tile, scene["name"], scene.get("date"), scene.get("cloud_cover"), scene.get("baseline"), scene.get("pixels")]
        for tile, image in sorted(images.items())
        for scene in image["scenes"]
    ]
    body = concat(
        facts({name: value for name, value in numbers.items() if value not in (None, "")}),
        paragraph(f"Of the detections ({MEANT}):") if review else "",
        facts(review) if review else "",
        table(("tile", "scene", "date", "cloud cover, %", "baseline", "pixels it gave"), rows, "Scenes used"),
    )
    return Section("overview", "Overview", body)


def _range(lowest: Any, highest: Any) -> str:
    return "" if lowest is None or highest is None else f"{lowest:,.0f} to {highest:,.0f}"


METHOD = (
    "Hu, Y., Liu, L., Huang, L., Zhao, L., and Wang, J. (2023): Mapping and characterizing rock glaciers in the arid western "
    "Kunlun Mountains supported by InSAR and deep learning. Journal of Geophysical Research: Earth Surface."
)
NETWORK = (
    "Chen, L.-C., Zhu, Y., Papandreou, G., Schroff, F., and Adam, H. (2018): Encoder-decoder with atrous separable "
    "convolution for semantic image segmentation. ECCV 2018."
)


def card_section(path: Path) -> Section:
    """Return the data set's card, Markdown, as HTML; HTML within it is shown as text."""
    from markdown_it import MarkdownIt

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is no card of a data set: {error}. Make it with describe-dataset.") from error
    reader = MarkdownIt("js-default", {"html": False, "linkify": False}).disable("image")
    return Section("dataset", "Data set", Markup(f'<div class="card">{reader.render(_without_front(text))}</div>'))


def _without_front(text: str) -> str:
    """Drop the YAML block that data hubs want at the head of a card."""
    parts = text.split("---\n", 2)
    return parts[2] if text.startswith("---\n") and len(parts) == 3 else text


def citation_section(credit: str) -> Section:
    """Return what to cite: the software, the method, the network, the data."""
    body = concat(
        paragraph(f"Software: lobate, version {__version__}."),
        paragraph(f"Method: {METHOD}"),
        paragraph(f"Network: {NETWORK}"),
        paragraph(f"Data: {credit}."),
    )
    return Section("citation", "Citation", body)


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

    ``facts``: what compose-rgb tells of each image (<tile>.json); ``removed``: files with layers of what was left out;
    ``metrics``: metrics.csv of every round; ``lineage``: what trace-inventory found; ``settings``: `choices` of the region.
    Raises UserError for files that are not what they should be.
    """
    from lobate.figures.report_page.panmap import map_section

    credit = str(value_of(settings, "figures.credit"))
    landform, region = str(value_of(settings, "landform")), str(value_of(settings, "region"))
    whole = read_polygons(inventory, "inventory")
    shown = top_n(whole)
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
    text = render(f"{landform[:1].upper()}{landform[1:]} inventory: {region}", credit, sections)
    html.write_text(text, encoding="utf-8")
    log.info("The report has %.1f MB and shows %d of %d landforms.", len(text) / 1e6, len(shown), len(whole))


def _read(path: Path, key: str) -> dict[str, Any]:
    """Return what a JSON file of results says, which has at least this key."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        found[key]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path} does not hold what the report needs of it ({type(error).__name__}: {error}). Delete it and run again."
        ) from error
    return found
