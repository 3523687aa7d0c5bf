"""The verb `document-inventory`: what the compiled inventory is, for people (README.md) and for programs (metadata.json)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from lobate.errors import Mistake
from lobate.inventory.attributes import INVENTORY
from lobate.inventory.readme import readme_of
from lobate.inventory.sources import DETECTED, REVIEWED
from lobate.inventory.translate import read_compiled
from lobate.settings.example import Example
from lobate.settings.inventory import OtherInventory
from lobate.signature import Input, Output, Setting


def is_synthetic(example: Example | None) -> bool:
    """Whether the region is the embedded example."""
    return example is not None


def document_inventory(
    inventory: Annotated[Path, Input()],
    summary: Annotated[Path, Input()],
    readme: Annotated[Path, Output()],
    metadata: Annotated[Path, Output()],
    model: Annotated[Path | None, Input()] = None,
    facts: Annotated[list[Path] | None, Input()] = None,
    *,
    region: Annotated[str, Setting("region")] = "region",
    landform: Annotated[str, Setting("landform")] = "rock glacier",
    others: Annotated[dict[str, OtherInventory] | None, Setting("inventory.others")] = None,
    dem: Annotated[str | list[str] | None, Setting("inventory.dem")] = None,
    licence: Annotated[str | None, Setting("inventory.licence")] = None,
    citation: Annotated[str | None, Setting("inventory.citation")] = None,
    synthetic: Annotated[bool, Setting("example", lens=is_synthetic)] = False,
) -> None:
    """Write the inventory's sources, scenes and their dates, model, licence and citation, and the paper's account.

    ``model``: the model file that detected; ``facts``: what composing wrote beside each image. Nothing in it tells when it
    was written, so the same inventory has the same metadata.
    """
    records = read_compiled(inventory)
    told = {
        "title": f"Inventory of {landform}s, region {region}",
        "region": region,
        "landform": landform,
        "synthetic": synthetic,
        "licence": licence,
        "citation": citation,
        "crs": "EPSG:4326",
        "bounds": [round(float(one), 6) for one in records.total_bounds] if len(records) else None,
        "account": read_json(summary, "what compile-inventory counted"),
        "sources": _sources(others or {}),
        "elevation": dem,
        "scenes": _scenes(facts or []),
        "model": _model(model) if model else None,
        "attributes": [
            {"name": a.name, "kind": "text" if a.kind is str else "number", "about": a.about} for a in INVENTORY
        ],
    }
    told["dates"] = sorted({one["date"] for one in told["scenes"] if one["date"]})
    metadata.write_text(json.dumps(told, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
    readme.write_text(readme_of(told), encoding="utf-8")


def read_json(path: Path, what: str) -> Any:
    """Return what a JSON file holds. Raises Mistake for one that cannot be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Mistake(f"{path} should be {what}, as JSON, but cannot be read so: {error}. Make it again.") from error


def _sources(others: dict[str, OtherInventory]) -> list[dict[str, str | None]]:
    """The inventories compiled, in their order, the detections last."""
    listed = [
        {"name": name, "method": one.method, "file": one.path, "licence": one.licence, "citation": one.citation}
        for name, one in sorted(others.items())
    ]
    return [*listed, {"name": REVIEWED, "method": DETECTED, "file": None, "licence": None, "citation": None}]


def _scenes(facts: list[Path]) -> list[dict[str, Any]]:
    """The scenes that gave pixels to any image, each once, by date."""
    try:
        given = [
            {"name": str(one["name"]), "date": (one["date"] or "")[:10] or None, "pixels": int(one["pixels"])}
            for path in facts
            for one in read_json(path, "what an image was composed of")["scenes"]
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise Mistake("The facts beside an image do not tell its scenes. Give what compose-rgb wrote.") from error
    named = {one["name"]: {"name": one["name"], "date": one["date"]} for one in given if one["pixels"]}
    return sorted(named.values(), key=lambda one: (one["date"] or "", one["name"]))


def _model(path: Path) -> dict[str, Any]:
    """What the model says of itself in the header of its file; the weights are not read."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "numpy") as file:
            header = json.loads((file.metadata() or {})["lobate"])
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise Mistake(
            f"{path} is no model of lobate, or is damaged ({error}). Give the model.safetensors that select-model chose."
        ) from error
    wanted = (
        "architecture",
        "bands",
        "digest",
        "round",
        "threshold",
        "validation_iou",
        "dataset",
        "licence",
        "lobate",
        "libraries",
    )
    return {name: header.get(name) for name in wanted}
