"""The page in which a person reviews the detections, put together from the files beside this one; no network, one file.

A policy in it lets the browser run no script but this one, and load nothing from anywhere. All text from data goes through
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
SCRIPTS = ("outline.js", "review.js", "screen.js")


def page(title: str, data: dict[str, Any]) -> str:
    """Return the page's HTML; ``data`` is what the scripts show, as plain values, with the region's name."""
    script = "".join((HERE / name).read_text(encoding="utf-8") for name in SCRIPTS)
    parts = {
        "policy": _policy(script),
        "title": escape(title),
        "style": (HERE / "review.css").read_text(encoding="utf-8"),
        "region": escape(str(data["region"])),
        "script": script,
        "data": _embedded(data),
    }
    return re.sub(r"{{(\w+)}}", lambda found: parts[found[1]], (HERE / "review.html").read_text(encoding="utf-8"))


def _policy(script: str) -> str:
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"


def _embedded(data: dict[str, Any]) -> str:
    """Return JSON that cannot end the element it stands in."""
    return json.dumps(data, sort_keys=True, separators=(",", ":")).replace("<", "\\u003c")
