"""QGIS styles of the review sheet's layers: colours, labels, the form that a person fills in, and the table of all rows."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element

from lobate.inventory.detections import REVIEW_FIELDS
from lobate.inventory.vocabulary import VOCABULARIES
from lobate.io.qgis.markup import Value, element, element_with, option
from lobate.io.qgis.symbols import OutlineStyle, categorized_renderer, labeling, single_symbol_renderer

EDITABLE = ("status", *REVIEW_FIELDS)
"""Fields that a person fills."""

DISPLAYED = ("confidence", "area_m2", "elevation_min_m", "slope_mean_deg", "touches_edge", "tiles", "detection")
"""Fields of the detection in form and table; all others are hidden."""

FLAGS = ("touches_edge",)
"""Fields that are true or false."""

NULL = "{2839923C-8B7D-419E-B84B-CA2FE9B80EC7}"
"""The code of QGIS for an empty value in a drop-down."""

ALIASES = {"area_m2": "area (m²)", "elevation_min_m": "lowest point (m)", "slope_mean_deg": "slope (°)"}

REDRAWN_DEG = 2e-6
"""Degrees, some 20 cm: an outline farther than this from the outline that was shown counts as edited."""

STATUS_EXPRESSION = f"""CASE
WHEN "status" IS NULL THEN 'edited'
WHEN "status" IN ('pending', 'accepted') AND hausdorff_distance($geometry, geom_from_wkt("seen")) > {REDRAWN_DEG:f} THEN 'edited'
ELSE "status" END"""
"""Sets the status of a redrawn or new outline to edited, without a click."""

SORT_EXPRESSION = 'CASE WHEN "status" = \'pending\' THEN 0 ELSE 2 END + coalesce("confidence", 1)'
"""Order of the table: pending detections, least certain first, then decided ones."""

PREVIEW_EXPRESSION = "format_number(\"confidence\", 2) || '  ' || coalesce(\"status\", '')"
"""Title of a row in the form's list."""

UNSURE, SURE = 0.7, 0.9
"""Confidences below which a detection is unsure, and from which on it is sure."""

CLASS_EXPRESSION = f"""CASE WHEN "status" = 'pending' THEN CASE
WHEN "confidence" < {UNSURE} THEN 'unsure' WHEN "confidence" < {SURE} THEN 'fair' ELSE 'sure' END
ELSE "status" END"""
"""Class of a row: its status, or for a pending one its confidence."""

REVIEW_STYLES = (
    OutlineStyle("unsure", f"pending, confidence below {UNSURE}", "255,242,0,255", 0.9),
    OutlineStyle("fair", f"pending, confidence {UNSURE} to {SURE}", "255,176,0,255", 0.7),
    OutlineStyle("sure", f"pending, confidence from {SURE} on", "255,110,20,255", 0.5),
    OutlineStyle("accepted", "accepted", "0,230,150,255", 0.6),
    OutlineStyle("edited", "edited", "86,190,255,255", 0.7),
    OutlineStyle("rejected", "rejected", "255,90,220,255", 0.5, "dash"),
    OutlineStyle("", "no status yet", "255,255,255,255", 0.5, "dot"),
)
OTHERS_STYLE = OutlineStyle("", "other inventory", "120,255,255,255", 0.4, "dash dot")
LABEL_STYLES = (
    OutlineStyle("positive", "drawn by hand", "240,228,66,255", 0.4),
    OutlineStyle("negative", "drawn by hand: not the landform", "204,121,167,255", 0.4, "dash"),
    OutlineStyle("", "drawn by hand: other", "255,255,255,255", 0.3, "dot"),
)
REMOVED_STYLE = OutlineStyle("", "removed by the filters", "210,210,210,255", 0.3, "dot")

CONTOUR_STYLES = (
    OutlineStyle("0.25", "calibrated 0.25, no confidence interval", "255,255,255,160", 0.3, "dash"),
    OutlineStyle("0.75", "calibrated 0.75, no confidence interval", "255,255,255,255", 0.3),
)

LABELLED_FROM = 100_000
"""Smallest scale (1 : n) with labels."""


def style(layer: str, columns: Sequence[str]) -> list[Element]:
    """Return the style elements of a layer of the sheet with these columns."""
    if layer == "review":
        return [
            categorized_renderer(CLASS_EXPRESSION, REVIEW_STYLES),
            labeling('format_number("confidence", 2)', "255,255,255,255", LABELLED_FROM),
            *form(columns),
            element(
                "mapTip", '<b>[% "status" %]</b>, confidence [% format_number("confidence", 2) %]<br>[% "remark" %]'
            ),
        ]
    if layer == "contours":
        return [
            categorized_renderer('"share"', CONTOUR_STYLES),
            *read_only(columns),
            element("mapTip", '[% "meaning" %]'),
        ]
    if layer == "labels":
        return [
            categorized_renderer('"class"', LABEL_STYLES),
            *read_only(columns),
            element("mapTip", '[% "polygon" %] ([% "source" %])'),
        ]
    if layer == "others":
        return [
            single_symbol_renderer(OTHERS_STYLE),
            labeling('"source_id"', "120,255,255,255", LABELLED_FROM),
            *read_only(columns),
            element("mapTip", '[% "source" %] [% "source_id" %]'),
        ]
    return [single_symbol_renderer(REMOVED_STYLE), *read_only(columns), element("mapTip", '[% "reason" %]')]


def form(columns: Sequence[str]) -> list[Element]:
    """Return the style elements of form and table for a layer with these columns."""
    editable, displayed = ([name for name in names if name in columns] for names in (EDITABLE, DISPLAYED))
    return [
        element_with("fieldConfiguration", [_field(name) for name in columns]),
        element_with("aliases", [element("alias", field=name, name=_alias(name)) for name in columns]),
        element_with("defaults", [element("default", field="status", expression=STATUS_EXPRESSION, applyOnUpdate=1)]),
        _table([*editable, *displayed], columns),
        element("editorlayout", "tablayout"),
        element_with("attributeEditorForm", [_group("Your decision", editable), _group("The detection", displayed)]),
        element_with("editable", [element("field", name=name, editable=int(name in EDITABLE)) for name in columns]),
        element_with("reuseLastValue", [element("field", name="reviewer", reuseLastValue=1)]),
        element("previewExpression", PREVIEW_EXPRESSION),
    ]


def read_only(columns: Sequence[str]) -> list[Element]:
    """Return the style elements of a layer that cannot be edited."""
    return [element_with("editable", [element("field", name=name, editable=0) for name in columns])]


def _field(name: str) -> Element:
    kind, settings = _widget(name)
    return element_with(
        "field",
        [element_with("editWidget", [element_with("config", [option(settings)])], type=kind)],
        name=name,
        configurationFlags="None",
    )


def _widget(name: str) -> tuple[str, dict[str, Value]]:
    """Return the widget of a field: a drop-down of the vocabulary or of the values so far, a check box, or a text."""
    if name == "status":
        return "ValueMap", {"map": [{word: word} for word in VOCABULARIES[name]]}
    if name in EDITABLE and name in VOCABULARIES:
        words: list[Value] = [{word.replace("_", " "): word} for word in VOCABULARIES[name]]
        return "ValueMap", {"map": [{"(not said)": NULL}, *words]}
    if name == "reviewer":
        return "UniqueValues", {"Editable": True}
    if name in FLAGS:
        return "CheckBox", {"CheckedState": "", "UncheckedState": ""}
    return ("TextEdit", {"IsMultiline": False}) if name in (*EDITABLE, *DISPLAYED) else ("Hidden", {})


def _alias(field: str) -> str:
    return ALIASES.get(field, field.replace("_", " "))


def _table(visible: Sequence[str], columns: Sequence[str]) -> Element:
    hidden = [name for name in columns if name not in visible]
    entries = [
        element("column", type="field", name=name, hidden=int(name in hidden), width=-1) for name in [*visible, *hidden]
    ]
    return element_with(
        "attributetableconfig", [element_with("columns", entries)], sortExpression=SORT_EXPRESSION, sortOrder=0
    )


def _group(title: str, fields: Sequence[str]) -> Element:
    entries = [element("attributeEditorField", name=name, showLabel=1) for name in fields]
    return element_with("attributeEditorContainer", entries, name=title, groupBox=1, columnCount=1, showLabel=1)
