"""The reflectance that a training's images show, as the facts beside them tell: a model is to be fed such images only."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from lobate.errors import Mistake
from lobate.training.protocols import read_facts

Ranges = dict[str, dict[str, float]]
"""Band -> ``lowest`` and ``highest``, the surface reflectance that became 1, and the one that became 255."""


def ranges_only(source: Path, target: Path) -> None:
    """Write of an image's facts the ranges of reflectance alone; null for an image that was 8 bit already."""
    target.write_text(json.dumps({"stretch": {"ranges": _ranges(source)}}, sort_keys=True), encoding="utf-8")


def ranges_of(facts: Iterable[Path]) -> Ranges | None:
    """Return what all images show alike; None where every one was 8 bit already, so that nobody knows.

    Raises Mistake for images that were not stretched alike.
    """
    found = [(path, ranges) for path in facts if (ranges := _ranges(path))]
    for path, ranges in found:
        if ranges != found[0][1]:
            raise Mistake(
                f"{path} and {found[0][0]} tell of different ranges of reflectance, so their images are not of one run. "
                "Delete both and run again."
            )
    return found[0][1] if found else None


def _ranges(path: Path) -> Ranges | None:
    return (read_facts(path).get("stretch") or {}).get("ranges")
