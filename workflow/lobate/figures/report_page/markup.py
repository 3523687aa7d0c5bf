"""HTML in small pieces; every text is escaped unless it is `Markup`, which only this package makes."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any


class Markup(str):
    """Text that is HTML already."""


@dataclass(frozen=True)
class Section:
    """One part of the page: the name of its anchor, its heading and its HTML."""

    name: str
    title: str
    body: str


def to_html(value: Any) -> str:
    """Return any value as HTML text: nothing for what is unknown, six digits of a number, JSON for what is nested."""
    if isinstance(value, Markup):
        return value
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    return escape(str(value) if isinstance(value, str | int) else json.dumps(value, ensure_ascii=False))


def escaped(value: str | int) -> str:
    """Return a text as HTML, quotes too."""
    return escape(str(value))


def table(head: Sequence[str], rows: Iterable[Sequence[Any]], caption: str = "") -> Markup:
    """Return a table; cells that are numbers stand to the right, and so does the head of a column that has some."""
    cells = [list(row) for row in rows]
    columns = list(zip(*cells, strict=True)) or [()] * len(head)
    heads = "".join(
        f'<th scope="col"{_side(any(map(_is_number, column)))}>{to_html(name)}</th>'
        for name, column in zip(head, columns, strict=True)
    )
    lines = "\n".join(f"<tr>{''.join(map(cell, row))}</tr>" for row in cells)
    named = f"<caption>{to_html(caption)}</caption>" if caption else ""
    return Markup(
        f'<div class="wide" tabindex="0"><table>{named}<thead><tr>{heads}</tr></thead>\n<tbody>\n{lines}\n</tbody></table></div>\n'
    )


def cell(value: Any) -> str:
    """Return one cell of a table."""
    return f"<td{_side(_is_number(value))}>{to_html(value)}</td>"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _side(number: bool) -> str:
    return " class=number" if number else ""


def facts(pairs: Mapping[str, Any]) -> Markup:
    """Return names with their values."""
    return Markup(
        "<dl>" + "".join(f"<div><dt>{to_html(k)}</dt><dd>{to_html(v)}</dd></div>" for k, v in pairs.items()) + "</dl>\n"
    )


def details(title: str, body: str, *, opened: bool = False) -> Markup:
    """Return what is seen only when a reader opens it."""
    return Markup(f"<details{' open' if opened else ''}><summary>{to_html(title)}</summary>\n{body}</details>\n")


def paragraph(text: str) -> Markup:
    """Return a paragraph."""
    return Markup(f"<p>{to_html(text)}</p>\n")


def concat(*parts: str) -> Markup:
    """Return pieces of HTML one after the other."""
    return Markup("".join(parts))
