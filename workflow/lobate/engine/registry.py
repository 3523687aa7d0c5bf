"""The registry of verbs.

A verb's function stands in the module of its own name in its room: ``lobate.labels.clean_labels`` holds ``clean_labels``.
The module is imported only when the verb is loaded.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

ROOMS: dict[str, tuple[str, ...]] = {
    "example": ("make_example",),
    "imagery": ("find_scenes", "fetch_scene", "fetch_dem", "mosaic_dem", "measure_stretch", "compose_rgb"),
    "labels": ("clean_labels", "reserve_test", "rasterize_labels"),
    "patches": ("crop_patches", "split_patches", "contact_sheet", "describe_dataset"),
    "training": (
        "train",
        "judge_round",
        "mine_negatives",
        "choose_round",
        "train_other",
        "cross_validate",
        "select_model",
        "evaluate_test",
        "record_test",
    ),
    "mapping": (
        "predict",
        "choose_threshold",
        "vectorize",
        "merge_detections",
        "filter_detections",
        "contour_detections",
        "score",
        "estimate_accuracy",
    ),
    "inventory": (
        "review_sheet",
        "review_page",
        "review_project",
        "apply_review",
        "describe",
        "compile_inventory",
        "translate_inventory",
        "document_inventory",
    ),
    "figures": (
        "figure_map",
        "figure_iou",
        "figure_workflow",
        "figure_outlines",
        "figure_attributes",
        "figure_upslope",
        "figure_motion",
        "figure_leakage",
        "figure_rounds",
        "figure_reliability",
        "figure_precision_recall",
        "trace_inventory",
        "report",
    ),
}
"""Room -> its verbs, both in the order of the data's flow, as in the command line's help and the documentation."""

ROOM_OF: dict[str, str] = {verb: room for room, verbs in ROOMS.items() for verb in verbs}
"""Verb -> room, in the order of `ROOMS`."""


def module_of(verb: str) -> str:
    """Return the full name of a verb's module. Raises KeyError for an unknown verb."""
    return f"lobate.{ROOM_OF[verb]}.{verb}"


def load(verb: str) -> Callable[..., Any]:
    """Import and return the function of a verb."""
    return getattr(import_module(module_of(verb)), verb)
