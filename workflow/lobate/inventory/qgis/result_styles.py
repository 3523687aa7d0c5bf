"""QGIS styles inside the inventory, the reviewed detections and the inventory in the columns of a standard."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from lobate.inventory.qgis.styles import CLASS_EXPRESSION, LABELLED_FROM, OTHERS_STYLE, REMOVED_STYLE, REVIEW_STYLES
from lobate.io.qgis.markup import element
from lobate.io.qgis.symbols import (
    OutlineStyle,
    categorized_renderer,
    labeling,
    marker_renderer,
    single_symbol_renderer,
)

WHITE = "255,255,255,255"
INVENTORY_STYLES = (
    OutlineStyle("accepted", "accepted in the review", "0,230,150,255", 0.6),
    OutlineStyle("edited", "mended or drawn in the review", "86,190,255,255", 0.7),
    OutlineStyle("pending", "pending: nobody has looked at it", "255,176,0,255", 0.6, "dash"),
    OutlineStyle("mapped", "of another inventory", OTHERS_STYLE.colour, 0.5, "dash dot"),
    OutlineStyle("", "no status", WHITE, 0.5, "dot"),
)
GROUND_STYLE = OutlineStyle("", "mapped ground", WHITE, 0.4, "dash dot")
CONFLICT_STYLE = OutlineStyle("", "reviewers contradict each other", "255,242,0,255", 0.9, "dot")
REJECTED_STYLE = OutlineStyle("", "rejected in the review", "255,90,220,255", 0.5, "dash")
UNMATCHED_STYLE = OutlineStyle("", "decision without a detection", "210,210,210,255", 0.5, "dash")
CHANGE_STYLE = OutlineStyle("", "change of identifiers", "255,242,0,255", 0.5, "dot")
OUTLINE_TYPE_STYLES = (
    OutlineStyle("Extended", "extended outline", "0,230,150,255", 0.6),
    OutlineStyle("Restricted", "restricted outline", "86,190,255,255", 0.6, "dash"),
    OutlineStyle("", "type of the outline not said", "255,176,0,255", 0.6),
)
MARKER_STYLE = OutlineStyle("", "primary marker", "255,242,0,255", 0.8)
MOVING_STYLE = OutlineStyle("", "moving area", "255,90,220,255", 0.6)


def inventory_style() -> list[Element]:
    """Return the style of a compiled inventory: what the review said of each landform."""
    return [
        categorized_renderer('"status"', INVENTORY_STYLES),
        labeling('"id"', WHITE, LABELLED_FROM),
        _tip("id", "status", "upslope_connection", "activity", "area_km2", "remark"),
    ]


def package_styles(layers: list[str]) -> dict[str, list[Element]]:
    """Return the styles of those layers of inventory.gpkg that there are."""
    styles = {
        "inventory": inventory_style(),
        "removed": [single_symbol_renderer(REMOVED_STYLE), _tip("source_id", "reason")],
        "ground": [single_symbol_renderer(GROUND_STYLE)],
        "id_changes": [single_symbol_renderer(CHANGE_STYLE)],
    }
    return {name: styles[name] for name in layers}


def reviewed_styles() -> dict[str, list[Element]]:
    """Return the styles of the layers of reviewed.gpkg; ``reviewed`` looks as the detections do in the review."""
    return {
        "reviewed": [
            categorized_renderer(CLASS_EXPRESSION, REVIEW_STYLES),
            labeling('format_number("confidence", 2)', WHITE, LABELLED_FROM),
            _tip("detection", "status", "remark"),
        ],
        "rejected": [single_symbol_renderer(REJECTED_STYLE), _tip("detection", "remark")],
        "unmatched": [single_symbol_renderer(UNMATCHED_STYLE), _tip("status", "reason")],
        "removed": [single_symbol_renderer(REMOVED_STYLE), _tip("detection", "reason")],
        "conflicts": [single_symbol_renderer(CONFLICT_STYLE), _tip("about", "said")],
    }


def rgik_styles() -> dict[str, list[Element]]:
    """Return the styles of the layers of the RGIK template."""
    return {
        "AOI": [single_symbol_renderer(GROUND_STYLE)],
        "PM": [
            marker_renderer(MARKER_STYLE),
            labeling('"PrimaryID"', WHITE, LABELLED_FROM),
            _tip("PrimaryID", "Upsl.Con."),
        ],
        "GO": [categorized_renderer('"Out.Type"', OUTLINE_TYPE_STYLES), _tip("PrimaryID", "Out.Type", "Comment")],
        "MA": [single_symbol_renderer(MOVING_STYLE)],
    }


def paper_styles() -> dict[str, list[Element]]:
    """Return the style of the inventory with the paper's attribute set."""
    one = OutlineStyle("", "landform", "0,230,150,255", 0.6)
    return {"inventory": [single_symbol_renderer(one), labeling('"id"', WHITE, LABELLED_FROM), _tip("id", "name")]}


def _tip(*columns: str) -> Element:
    """Return what is shown over an outline: the values of these columns that there are."""
    return element("mapTip", "<br>".join(f"[% coalesce(\"{name}\", '') %]" for name in columns))
