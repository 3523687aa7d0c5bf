"""What was left out on the way, counted by reason: scenes, outlines, sub-images, detections, landforms."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyogrio

from lobate.io.vector import read_layer

LAYERS = {
    ("polygons", "removed"): "outlines given",
    ("detections", "removed"): "detections, by the filters",
    ("reviewed", "rejected"): "detections, by the reviewer",
    ("reviewed", "removed"): "detections, at the review",
    ("reviewed", "unmatched"): "decisions that meet no detection",
    ("inventory", "removed"): "landforms, at the compilation",
}
"""What a file's layer holds, by the file's stem and the layer."""

PATCHES = "sub-images of outlines"
"""What the layer `removed` of any other file holds."""

ORDER = ("scenes", PATCHES, *LAYERS.values())

MEASURE = re.compile(r" ?-?\d[\d.,]*(e[+-]?\d+)?%?( [^\s<>]+)? (?=[<>])")
"""The number in `area 0.0012 km2 < 0.03 km2`, which differs from feature to feature."""


def removed_facts(files: Sequence[Path], images: dict[str, dict[str, Any]]) -> list[list[Any]]:
    """Return rows of what, why and how many; ``files`` hold the layers, ``images`` the facts of each tile's scenes."""
    counts = Counter([*_scenes(images), *_features(files)])
    ordered = sorted(counts, key=lambda pair: (ORDER.index(pair[0]), -counts[pair], pair[1]))
    return [[what, reason, counts[what, reason]] for what, reason in ordered]


def _scenes(images: dict[str, dict[str, Any]]) -> Iterable[tuple[str, str]]:
    for image in images.values():
        for scene in image.get("left_out", []):
            yield "scenes", f"{scene['name']}: {scene['reason']}"


def _features(files: Sequence[Path]) -> Iterable[tuple[str, str]]:
    for path in files:
        layers = {layer: what for (stem, layer), what in LAYERS.items() if stem == path.stem} or {"removed": PATCHES}
        present = set(pyogrio.list_layers(path)[:, 0]) if path.exists() else set()
        for layer, what in layers.items():
            if layer in present:
                yield from ((what, reason) for reason in _reasons(path, layer))


def _reasons(path: Path, layer: str) -> list[str]:
    frame = read_layer(path, layer)
    reasons = frame["reason"] if "reason" in frame else frame.get("status", frame.index)
    return [generalize(str(reason)) for reason in reasons]


def generalize(reason: str) -> str:
    """Return a reason without the number that belongs to one feature only."""
    return MEASURE.sub(" ", reason)
