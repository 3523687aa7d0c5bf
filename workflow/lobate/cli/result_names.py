"""Names that a tile or another inventory may not have, since a fixed file of the results has the name already.

The rules say which files there are: patches/split.gpkg is one, and patches/{tile}.gpkg another where a tile is called split.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import product

from lobate.io.workflow_files import project_root

RULES = project_root() / "workflow/rules"
PATH = re.compile(r'\bresults\(\s*"([^"{}]*(?:\{\w+\}[^"{}]*)?)"\s*\)')


def clash(wildcard: str, name: str) -> str | None:
    """Return the result that another result would replace if ``name`` stood for a wildcard of the rules, else None."""
    for pattern, other in product(_paths(wildcard, True), _paths(wildcard, False)):
        if pattern.replace(f"{{{wildcard}}}", name) == other:
            return other
    for pattern, other in product(_paths(wildcard, True), repeat=2):
        start, end = pattern.split(f"{{{wildcard}}}")
        if len(pattern) < len(other) and re.fullmatch(_expression(other, wildcard), f"{start}{name}{end}"):
            return other.replace(f"{{{wildcard}}}", "...")
    return None


@cache
def _paths(wildcard: str, with_wildcard: bool) -> tuple[str, ...]:
    """Return the paths of results in the rules that hold this wildcard, or hold none."""
    paths = {path for file in sorted(RULES.glob("*.smk")) for path in PATH.findall(file.read_text(encoding="utf-8"))}
    wanted = f"{{{wildcard}}}" if with_wildcard else "{"
    return tuple(sorted(path for path in paths if (wanted in path) == with_wildcard))


def _expression(pattern: str, wildcard: str) -> str:
    return re.escape(pattern).replace(re.escape(f"{{{wildcard}}}"), "[^/]+")
