"""How QGIS shows the score's cases: what was found, what was missed, and what was found wrongly."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from lobate.qgis.markup import element
from lobate.qgis.symbols import Look, alike, categories, labels

HIT = Look("", "found", "0,230,150,255", 0.6)
MISS = Look("", "missed", "86,190,255,255", 0.7, "dash")
ALARMS = (
    Look("wrong", "wrong: no outline is there", "255,90,220,255", 0.6),
    Look("new", "new: overlaps an outline of the reference", "255,242,0,255", 0.6),
    Look("known", "known: overlaps an outline given to labels", "255,176,0,255", 0.6),
    Look("", "open: nobody knows yet", "255,255,255,255", 0.6, "dot"),
)
"""Detections that match no reference outline well enough, by the paper's account."""

LABELLED_FROM = 100_000
"""Labels are shown from this scale on."""


def styles() -> dict[str, list[Element]]:
    """Return the style of each layer of the score's cases."""
    return {
        "hits": [
            alike(HIT),
            labels('format_number("iou", 2)', "0,230,150,255", LABELLED_FROM),
            element("mapTip", '[% "detection" %] is [% "reference" %], IoU [% format_number("iou", 2) %]'),
        ],
        "misses": [
            alike(MISS),
            labels('"reference"', "86,190,255,255", LABELLED_FROM),
            element("mapTip", '[% "reference" %], best IoU [% format_number("best_iou", 2) %]'),
        ],
        "false_alarms": [
            categories('"account"', ALARMS),
            labels('format_number("mean", 2)', "255,255,255,255", LABELLED_FROM),
            element("mapTip", '[% "detection" %]: [% "account" %], best IoU [% format_number("best_iou", 2) %]'),
        ],
    }
