"""The report's page, put together from the files beside this one: one file that a person can mail, without network.

A policy in it lets the browser run no script but this one, and load nothing from anywhere. All text from data is escaped
by `markup`.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path

from lobate.figures.report_page.markup import Markup, Section

HERE = Path(__file__).parent
SCRIPTS = ("table.js", "map.js")


def render(title: str, note: str, sections: Sequence[Section]) -> str:
    """Return the page's HTML: a heading, a line below it, and sections with a list of them to go to."""
    script = "".join((HERE / name).read_text(encoding="utf-8") for name in SCRIPTS)
    parts = {
        "policy": _policy(script),
        "style": (HERE / "report.css").read_text(encoding="utf-8"),
        "script": script,
        "title": escape(title),
        "note": escape(note),
        "contents": "".join(f'<li><a href="#{one.name}">{escape(one.title)}</a></li>' for one in sections),
        "sections": "".join(map(_section, sections)),
    }
    text = (HERE / "report.html").read_text(encoding="utf-8")
    return re.sub(
        r"{{(\w+)}}", lambda found: parts[found[1]], text
    )  # in one go: what stands in a part is no placeholder


def _section(one: Section) -> str:
    return Markup(f'<section id="{one.name}"><h2>{escape(one.title)}</h2>\n{one.body}\n</section>\n')


def _policy(script: str) -> str:
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
