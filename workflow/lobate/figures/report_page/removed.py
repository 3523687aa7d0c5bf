"""Counts of removed scenes, outlines, sub-images, detections and landforms by reason."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from lobate.io.vector import layer_types, read_layer

LAYERS = {
    ("polygons", "removed"): "outlines given",
    ("detections", "removed"): "detections, by the filters",
    ("reviewed", "rejected"): "detections, by the reviewer",
    ("reviewed", "removed"): "detections, at the review",
    ("reviewed", "unmatched"): "decisions that meet no detection",
    ("inventory", "removed"): "landforms, at the compilation",
}
"""File stem and layer -> the kind of its features."""

PATCHES = "sub-images of outlines"
"""Kind of the features in the layer `removed` of any other file."""

ORDER = ("scenes", PATCHES, *LAYERS.values())

MEASURED_VALUE = re.compile(r" ?-?\d[\d.,]*(e[+-]?\d+)?%?( [^\s<>]+)? (?=[<>])")
"""The measured value in `area 0.0012 km2 < 0.03 km2`; it differs from feature to feature."""


def removed_facts(files: Sequence[Path], images: dict[str, dict[str, Any]]) -> list[list[Any]]:
    """Return rows of kind, reason and count; ``files`` hold the layers, ``images`` the facts of each tile's scenes."""
    counts = Counter([*_scene_reasons(images), *_layer_reasons(files)])
    ordered = sorted(counts, key=lambda pair: (ORDER.index(pair[0]), -counts[pair], pair[1]))
    return [[kind, reason, counts[kind, reason]] for kind, reason in ordered]


def _scene_reasons(images: dict[str, dict[str, Any]]) -> Iterable[tuple[str, str]]:
    for image in images.values():
        for scene in image.get("left_out", []):
            yield "scenes", f"{scene['name']}: {scene['reason']}"


def _layer_reasons(files: Sequence[Path]) -> Iterable[tuple[str, str]]:
    for path in files:
        layers = {layer: kind for (stem, layer), kind in LAYERS.items() if stem == path.stem} or {"removed": PATCHES}
        present = layer_types(path) if path.exists() else ()
        for layer, kind in layers.items():
            if layer in present:
                yield from ((kind, reason) for reason in _read_reasons(path, layer))


def _read_reasons(path: Path, layer: str) -> list[str]:
    frame = read_layer(path, layer)
    reasons = frame["reason"] if "reason" in frame else frame.get("status", frame.index)
    return [generalize(str(reason)) for reason in reasons]


def generalize(reason: str) -> str:
    """Return a reason without the measured value of one feature."""
    return MEASURED_VALUE.sub(" ", reason)
