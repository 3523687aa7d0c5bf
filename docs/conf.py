"""The site: Markdown by MyST, looked after by Sphinx. `make docs` builds it into site/ and takes warnings for errors."""

from __future__ import annotations

import sys
from pathlib import Path

from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parent))

import reference

import lobate

project = "lobate"
author = "the lobate authors"
copyright = author
version = release = lobate.__version__

extensions = ["myst_parser"]
myst_heading_anchors = 3
exclude_patterns = ["*.py"]
html_theme = "furo"
html_title = f"lobate {lobate.__version__}"
html_show_sphinx = False
html_copy_source = False

MARKS = {"<!-- settings -->": reference.settings_page, "<!-- verbs -->": reference.verbs_page}


def fill(app: Sphinx, page: str, source: list[str]) -> None:
    """Write what the library says of itself where a page has a mark for it."""
    for mark, text in MARKS.items():
        if mark in source[0]:
            source[0] = source[0].replace(mark, text())


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", fill)
