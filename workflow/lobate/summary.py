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
    selection = _read(folder / "training/selection.json")
    scores = _read(folder / "mapping/scores.json")
    compiled = _read(folder / "inventory/summary.json")
    lines = [
        f"Region {region.region}" + (" (synthetic: nothing in it was ever observed)" if region.example else ""),
        f"  inventory  {folder / 'inventory/inventory.gpkg'}: {_landforms(compiled, region.landform)}",
        f"  map        {folder / 'figures/map.png'}",
        f"  scores     {folder / 'mapping/scores.json'}: {_found(scores)}",
        f"  model      {folder / 'training/model.safetensors'}: {_trained(selection, region)}",
    ]
    return "\n".join(lines) + "\n"


def _read(file: Path) -> dict[str, Any]:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Mistake(f"There is no {file} yet. Run snakemake for this region first.") from None


def _landforms(compiled: dict[str, Any], landform: str) -> str:
    methods = ", ".join(f"{count} by {method}" for method, count in sorted(compiled["by_method"].items()))
    return f"{compiled['total']} {landform}s ({methods})"


def _found(scores: dict[str, Any]) -> str:
    return ", ".join(f"{name} {scores[name]}" for name in sorted(scores))


def _trained(selection: dict[str, Any], region: Region) -> str:
    return f"{selection} against a target of {region.training.target_iou}"
