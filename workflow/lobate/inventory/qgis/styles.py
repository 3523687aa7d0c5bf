"""The styles of the review sheet's layers."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element

from lobate.inventory.qgis.form import form, read_only
from lobate.qgis.markup import element
from lobate.qgis.symbols import Look, alike, categories, labels

UNSURE, SURE = 0.7, 0.9
"""Confidences between which a detection is fairly sure."""

CLASS = f"""CASE WHEN "status" = 'pending' THEN CASE
WHEN "confidence" < {UNSURE} THEN 'unsure' WHEN "confidence" < {SURE} THEN 'fair' ELSE 'sure' END
ELSE "status" END"""
"""Status and confidence in one."""

REVIEW = (
    Look("unsure", f"pending, confidence below {UNSURE}", "255,242,0,255", 0.9),
    Look("fair", f"pending, confidence {UNSURE} to {SURE}", "255,176,0,255", 0.7),
    Look("sure", f"pending, confidence from {SURE} on", "255,110,20,255", 0.5),
    Look("accepted", "accepted", "0,230,150,255", 0.6),
    Look("edited", "edited", "86,190,255,255", 0.7),
    Look("rejected", "rejected", "255,90,220,255", 0.5, "dash"),
    Look("", "no status yet", "255,255,255,255", 0.5, "dot"),
)
OTHERS = Look("", "other inventory", "120,255,255,255", 0.4, "dash dot")
REMOVED = Look("", "removed by the filters", "210,210,210,255", 0.3, "dot")

LABELLED_FROM = 100_000
"""Labels are shown from this scale on."""


def style(layer: str, columns: Sequence[str]) -> list[Element]:
    """Return the elements of the style of one of the sheet's layers, which has these columns."""
    if layer == "review":
        return [
            categories(CLASS, REVIEW),
            labels('format_number("confidence", 2)', "255,255,255,255", LABELLED_FROM),
            *form(columns),
            element(
                "mapTip", '<b>[% "status" %]</b>, confidence [% format_number("confidence", 2) %]<br>[% "remark" %]'
            ),
        ]
    if layer == "others":
        return [
            alike(OTHERS),
            labels('"source_id"', "120,255,255,255", LABELLED_FROM),
            *read_only(columns),
            element("mapTip", '[% "source" %] [% "source_id" %]'),
        ]
    return [alike(REMOVED), *read_only(columns), element("mapTip", '[% "reason" %]')]
