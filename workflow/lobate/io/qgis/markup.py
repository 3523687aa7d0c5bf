"""XML as QGIS writes it: elements, its typed options, and whole documents of the same bytes for the same content."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

VERSION = "3.22.0"
"""The oldest QGIS that the documents are written for; newer ones bring them up to date as they read them."""

DOCTYPE = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"

Value = str | bool | dict[str, "Value"] | list["Value"]


def element(tag: str, text: str | None = None, /, **attributes: object) -> Element:
    """Return an element; a trailing underscore in an attribute's name is dropped (``class_``)."""
    made = Element(tag, {name.rstrip("_"): str(value) for name, value in attributes.items()})
    made.text = text
    return made


def element_with(tag: str, children: Sequence[Element], /, **attributes: object) -> Element:
    """Return an element with these children."""
    made = element(tag, **attributes)
    made.extend(children)
    return made


def option(value: Value, name: str | None = None) -> Element:
    """Return a value as QGIS's <Option>: a map, a list, a truth value or a text."""
    made = Element("Option", {} if name is None else {"name": name})
    if isinstance(value, dict):
        made.set("type", "Map")
        made.extend(option(one, key) for key, one in value.items())
    elif isinstance(value, list):
        made.set("type", "List")
        made.extend(option(one) for one in value)
    else:
        made.set("type", "bool" if isinstance(value, bool) else "QString")
        made.set("value", str(value).lower() if isinstance(value, bool) else value)
    return made


def document(children: Sequence[Element], **attributes: object) -> str:
    """Return a <qgis> document with these children."""
    root = element("qgis", version=VERSION, **attributes)
    root.extend(children)
    indent(root, " ")
    return DOCTYPE + tostring(root, encoding="unicode") + "\n"


def reference_system(tag: str, wkt: str) -> Element:
    """Return a coordinate reference system; QGIS finds its number by itself."""
    made = Element(tag)
    SubElement(SubElement(made, "spatialrefsys"), "wkt").text = wkt
    return made
