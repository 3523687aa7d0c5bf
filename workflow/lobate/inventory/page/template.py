"""Assembly of the review page from the files beside this one: one file, without network.

A policy in the page lets the browser run no other script, and load nothing from anywhere. All text from data goes through
JSON and is shown as text.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html import escape
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SCRIPTS = (
    "outline.js",
    "statements.js",
    "keeping.js",
    "merging.js",
    "deciding.js",
    "mending.js",
    "screen.js",
    "panel.js",
    "controls.js",
)
"""In the order in which they stand in the page."""


def render_page(title: str, data: dict[str, Any]) -> str:
    """Return the HTML of the page; ``data`` holds plain values for the scripts, among them the region's name."""
    script = "".join((HERE / name).read_text(encoding="utf-8") for name in SCRIPTS)
    parts = {
        "policy": _policy(script),
        "title": escape(title),
        "style": (HERE / "review.css").read_text(encoding="utf-8"),
        "region": escape(str(data["region"])),
        "script": script,
        "data": _embed(data),
    }
    return re.sub(r"{{(\w+)}}", lambda match: parts[match[1]], (HERE / "review.html").read_text(encoding="utf-8"))


def _policy(script: str) -> str:
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; base-uri 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    )


def _embed(data: dict[str, Any]) -> str:
    """Return JSON without the character that could end its element."""
    return json.dumps(data, sort_keys=True, separators=(",", ":")).replace("<", "\\u003c")
