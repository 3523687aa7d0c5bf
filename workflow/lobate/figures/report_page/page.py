"""The page, rendered from the templates beside this file: one HTML file that needs no network.

Jinja escapes all text from data. A policy in the page lets the browser run the page's own script and load nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lobate.figures.report_page.chart import chart_data_uri

if TYPE_CHECKING:
    from jinja2 import Environment

FOLDER = Path(__file__).parent
SCRIPTS = ("table.js", "map.js")


def render(context: Mapping[str, Any]) -> str:
    """Return the page's HTML; ``context`` holds the title, the credit and the facts of each section."""
    style = (FOLDER / "report.css").read_text(encoding="utf-8")
    script = "".join((FOLDER / name).read_text(encoding="utf-8") for name in SCRIPTS)
    template = environment().get_template("report.html")
    return template.render(**context, style=style, script=script, policy=_policy(script))


@cache
def environment() -> Environment:
    """Return the Jinja environment; it escapes every value and raises an error for a missing one."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    jinja = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        finalize=cell_text,
        loader=FileSystemLoader(FOLDER),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    jinja.tests["quantity"] = is_quantity
    jinja.filters.update(text=cell_text, chart_data_uri=chart_data_uri)
    return jinja


def cell_text(value: Any) -> Any:
    """Return a value as text of the page: nothing for unknown, six digits of a number, JSON for nested values."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list | tuple) else value


def is_quantity(value: Any) -> bool:
    """Return whether a table's cell is a number; numbers are aligned to the right."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _policy(script: str) -> str:
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
