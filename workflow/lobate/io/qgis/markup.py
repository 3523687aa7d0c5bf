"""XML in the form that QGIS writes: elements, typed options, and documents; the same content gives the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

VERSION = "3.22.0"
"""The oldest version of QGIS that reads the documents; newer versions update them when they read them."""

DOCTYPE = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"

Value = str | bool | dict[str, "Value"] | list["Value"]


def element(tag: str, text: str | None = None, /, **attributes: object) -> Element:
    """Return an element; a trailing underscore in an attribute's name is dropped (``class_``)."""
    result = Element(tag, {name.rstrip("_"): str(value) for name, value in attributes.items()})
    result.text = text
    return result


def element_with(tag: str, children: Sequence[Element], /, **attributes: object) -> Element:
    """Return an element with these children."""
    parent = element(tag, **attributes)
    parent.extend(children)
    return parent


def option(value: Value, name: str | None = None) -> Element:
    """Return a value as QGIS's <Option>: a map, a list, a bool or a text."""
    result = Element("Option", {} if name is None else {"name": name})
    if isinstance(value, dict):
        result.set("type", "Map")
        result.extend(option(inner, key) for key, inner in value.items())
    elif isinstance(value, list):
        result.set("type", "List")
        result.extend(option(inner) for inner in value)
    else:
        result.set("type", "bool" if isinstance(value, bool) else "QString")
        result.set("value", str(value).lower() if isinstance(value, bool) else value)
    return result


def document(children: Sequence[Element], **attributes: object) -> str:
    """Return a <qgis> document with these children."""
    root = element("qgis", version=VERSION, **attributes)
    root.extend(children)
    indent(root, " ")
    return DOCTYPE + tostring(root, encoding="unicode") + "\n"


def reference_system(tag: str, wkt: str) -> Element:
    """Return a coordinate reference system by its WKT; QGIS looks up the EPSG code."""
    result = Element(tag)
    SubElement(SubElement(result, "spatialrefsys"), "wkt").text = wkt
    return result
