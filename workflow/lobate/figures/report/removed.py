"""What was left out on the way, counted by reason: scenes, outlines, sub-images, detections, landforms."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyogrio

from lobate.figures.report.markup import Section, joined, paragraph, table
from lobate.vectors import read_layer

LAYERS = {
    ("polygons", "removed"): "outlines given",
    ("detections", "removed"): "detections, by the filters",
    ("reviewed", "rejected"): "detections, by the reviewer",
    ("reviewed", "removed"): "detections, at the review",
    ("reviewed", "unmatched"): "decisions that meet no detection",
    ("inventory", "removed"): "landforms, at the compilation",
}
OTHERS = ("sub-images of outlines", "removed")
"""What any other file holds, and in which layer."""

MEASURE = re.compile(r" ?-?\d[\d.,]*(e[+-]?\d+)?%?( [^\s<>]+)? (?=[<>])")
"""The number in `area 0.0012 km2 < 0.03 km2`, which is another one for each feature."""


def removed_section(files: Sequence[Path], images: dict[str, dict[str, Any]]) -> Section:
    """Return the section: ``files`` hold layers of what was left out, ``images`` what is known of each tile's scenes."""
    counted: dict[tuple[str, str], int] = {}
    for what, reason in [*_scenes(images), *_features(files)]:
        counted[what, reason] = counted.get((what, reason), 0) + 1
    order = ["scenes", OTHERS[0], *LAYERS.values()]
    ordered = sorted(counted.items(), key=lambda one: (order.index(one[0][0]), -one[1], one[0][1]))
    rows = [[what, reason, count] for (what, reason), count in ordered]
    words = "Nothing is dropped silently: each of these stands in a layer 'removed' of its file, or beside its image, with the reason."
    found = table(("what", "why", "how many"), rows) if rows else paragraph("Nothing was left out.")
    return Section("removed", "Left out, and why", joined(paragraph(words), found))


def _scenes(images: dict[str, dict[str, Any]]) -> Iterable[tuple[str, str]]:
    for facts in images.values():
        for scene in facts.get("left_out", []):
            yield "scenes", f"{scene['name']}: {scene['reason']}"


def _features(files: Sequence[Path]) -> Iterable[tuple[str, str]]:
    for path in files:
        named = {layer: what for (stem, layer), what in LAYERS.items() if stem == path.stem} or {OTHERS[1]: OTHERS[0]}
        present = set(pyogrio.list_layers(path)[:, 0]) if path.exists() else set()
        for layer, what in named.items():
            if layer in present:
                frame = read_layer(path, layer)
                reasons = frame["reason"] if "reason" in frame else frame.get("status", frame.index)
                yield from ((what, general(str(reason))) for reason in reasons)


def general(reason: str) -> str:
    """Return a reason without the number of its own that one feature has in it."""
    return MEASURE.sub(" ", reason)
