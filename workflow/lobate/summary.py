"""What a run ended with, in a few lines for a terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lobate.errors import Mistake
from lobate.settings import Region


def summary(region: Region) -> str:
    """Return where a region's inventory, map and scores are, and what they say.

    Raises Mistake when the region has not been run to its end.
    """
    folder = Path("results", region.region)
    selection = read_json(folder / "training/selection.json")
    scores = read_json(folder / "mapping/scores.json")
    compiled = read_json(folder / "inventory/summary.json")
    lines = [
        f"Region {region.region}" + (" (synthetic: nothing in it was ever observed)" if region.example else ""),
        f"  inventory  {folder / 'inventory/inventory.gpkg'}: {_landforms(compiled, region.landform)}",
        f"  map        {folder / 'figures/map.png'}",
        f"  scores     {folder / 'mapping/scores.json'}: {_found(scores)}",
        f"  model      {folder / 'training/model.safetensors'}: {_trained(selection, region.training.target_iou)}",
    ]
    return "\n".join(lines) + "\n"


def read_json(file: Path) -> dict[str, Any]:
    """Return a result's facts. Raises Mistake when the region has not been run so far."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Mistake(f"There is no {file} yet. Run snakemake for this region first.") from None


def _landforms(compiled: dict[str, Any], landform: str) -> str:
    inventory = compiled["inventory"]
    methods = ", ".join(f"{count} {method}" for method, count in sorted(inventory["by_method"].items()))
    return f"{inventory['total']} {landform}s ({methods})"


def _found(scores: dict[str, Any]) -> str:
    polygons = scores["polygons"]
    rates = ", ".join(f"{name} {polygons[name]}" for name in ("precision", "recall", "f1"))
    return f"pixel IoU {scores['pixels']['iou']}; polygons: {rates}; reference: {scores['reference']['what']}"


def _trained(selection: dict[str, Any], target: float) -> str:
    chosen = next(one for one in selection["rounds"] if one["trained_in"] == selection["chosen"])
    reached = "reaches" if selection["reached"] else "DOES NOT REACH"
    return f"validation IoU {chosen['validation_iou']['landform']} in round {selection['chosen']}, which {reached} {target}"
