"""Sphinx's settings: the pages are Markdown, read by MyST. `make docs` builds the site and takes warnings for errors."""

from __future__ import annotations

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
