"""The verb `document-inventory`: what the compiled inventory is, for people (README.md) and for programs (metadata.json).

The text beside a compiled inventory: what is in it, the paper's account, and how to cite it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

from lobate.engine.signature import Input, Output, Setting
from lobate.errors import UserError
from lobate.inventory.attributes import INVENTORY
from lobate.inventory.sources import DETECTION_METHOD, REVIEWED, read_compiled
from lobate.io.jsonfile import parse_json, read_json, write_json
from lobate.settings.example import Example
from lobate.settings.inventory import OtherInventory

FILES = (
    ("inventory.gpkg", "GeoPackage: layer `inventory`; layer `removed`, what was left out, with its reason"),
    ("inventory.parquet", "the same records as GeoParquet"),
    ("inventory.csv", "the same records as a table; the outline is WKT in `outline_wkt`"),
    ("inventory.geojson", "the same records as GeoJSON (RFC 7946)"),
    ("inventory.shp.zip", "the same records as a zipped Shapefile; `fields.tsv` in it tells the short names"),
    ("rgik.gpkg", "in the layers and columns of the RGIK template: AOI, PM, GO, and MA where velocities are known"),
    ("paper.gpkg", "with the attribute set of Hu et al. (2023)"),
    ("summary.json", "the numbers above"),
    ("metadata.json", "all that this page says, for programs"),
)
SYNTHETIC = "**SYNTHETIC**: this world was made up by lobate to try itself on; nothing in it was ever observed."
NOT_GIVEN = "not said; set `inventory.{}` before you pass it on"


def format_readme(told: dict[str, Any]) -> str:
    """Return the README of an inventory from its metadata (see ``document``), as Markdown."""
    parts = [
        f"# {told['title']}",
        SYNTHETIC if told["synthetic"] else "",
        _account(told["account"]["detections"]),
        _numbers(told["account"]["inventory"], told["landform"]),
        "## Files\n\n" + _table(("file", "what it is"), ((f"`{name}`", about) for name, about in FILES)),
        _sources_section(told["sources"], told["elevation"]),
        _scenes_section(told["scenes"]),
        _model_section(told["model"]),
        _terms(told),
        "## Attributes\n\n"
        + _table(("name", "kind", "meaning"), ((f"`{a['name']}`", a["kind"], a["about"]) for a in told["attributes"])),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _account(found: dict[str, int]) -> str:
    rows = [
        ("known: another inventory has them too", found["known"]),
        ("new: only detected", found["new"]),
        ("wrong: rejected in the review", found["wrong"]),
        ("left out: pending", found["pending_left_out"]),
        ("left out: the same ground as another detection", found["repeated"]),
        ("**total**", found["total"]),
        ("of the known and new: outline edited by a person", found["edited"]),
        ("of the known and new: accepted as they are", found["accepted"]),
        ("of the known and new: pending, nobody has looked yet", found["pending"]),
        ("of the known and new: by a person's word alone, this model detects nothing there", found["drawn"]),
    ]
    return "## What the detections turned out to be\n\n" + _table(("detections", "number"), rows)


def _numbers(compiled: dict[str, Any], landform: str) -> str:
    altitude, area = compiled["altitude_m"], compiled["area_km2"]
    rows = [
        *((f"known by: {method}", count) for method, count in sorted(compiled["by_method"].items())),
        (f"**{landform}s in all**", compiled["total"]),
        ("altitude, lowest to highest (m)", f"{_said(altitude['lowest'])} to {_said(altitude['highest'])}"),
        ("mean altitude (m)", _said(altitude["mean"])),
        ("area, total (km2)", _said(area["total"])),
        ("area, mean and median (km2)", f"{_said(area['mean'])} and {_said(area['median'])}"),
        ("mean slope (degrees)", _said(compiled["mean_slope_deg"])),
        ("mean velocity (cm a year)", _said(compiled["mean_velocity"])),
        ("without elevation", compiled["without_elevation"]),
    ]
    return "## The inventory in numbers\n\n" + _table(("", ""), rows)


def _sources_section(sources: list[dict[str, str | None]], dem: str | list[str] | None) -> str:
    rows = (
        (source["name"], source["method"], source["file"] or "", source["licence"] or "", source["citation"] or "")
        for source in sources
    )
    table = _table(("name", "method", "file", "licence", "citation"), rows)
    files = [dem] if isinstance(dem, str) else dem or []
    return f"## Sources\n\n{table}\n\nElevation: {', '.join(f'`{file}`' for file in files) or 'none'}."


def _scenes_section(scenes: list[dict[str, Any]]) -> str:
    if not scenes:
        return ""
    return "## Scenes\n\n" + _table(
        ("scene", "date"), ((f"`{scene['name']}`", _said(scene["date"])) for scene in scenes)
    )


def _model_section(model: dict[str, Any] | None) -> str:
    if model is None:
        return ""
    ious = model["validation_iou"]
    iou = ious.get("landform") if isinstance(ious, dict) else ious
    rows = [
        ("network", f"DeepLabv3+ on {model['architecture']['backbone']}"),
        ("bands", ", ".join(model["bands"] or []) or "unknown"),
        ("trained in round", _said(model["round"])),
        ("validation IoU of the landform", _said(iou)),
        ("digest of the weights", f"`{model['digest']}`"),
        ("licence of the model", _said(model["licence"])),
        ("made by", f"lobate {model['lobate']}"),
    ]
    return "## Model\n\n" + _table(("", ""), rows)


def _terms(told: dict[str, Any]) -> str:
    licence, citation = (told[name] or NOT_GIVEN.format(name) for name in ("licence", "citation"))
    return f"## Licence and citation\n\nLicence: {licence}\n\nCitation: {citation}"


def _table(head: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(_cell(one) for one in line) + " |" for line in lines)


def _cell(value: Any) -> str:
    return " ".join(str(value).replace("|", "\\|").split())


def _said(value: Any) -> str:
    return "unknown" if value is None else str(value)


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
    synthetic: Annotated[bool, Setting("example", view=is_synthetic)] = False,
) -> None:
    """Write the inventory's sources, scenes and their dates, model, licence and citation, and the paper's account.

    ``model``: the model file that detected; ``facts``: what composing wrote beside each image. Nothing in it tells when it
    was written, so the same inventory has the same metadata.
    """
    records = read_compiled(inventory)
    told: dict[str, Any] = {
        "title": f"Inventory of {landform}s, region {region}",
        "region": region,
        "landform": landform,
        "synthetic": synthetic,
        "licence": licence,
        "citation": citation,
        "crs": "EPSG:4326",
        "bounds": [round(float(one), 6) for one in records.total_bounds] if len(records) else None,
        "account": read_json(summary, "a summary.json written by `compile-inventory`"),
        "sources": _sources(others or {}),
        "elevation": dem,
        "scenes": _scenes(facts or []),
        "model": _model(model) if model else None,
        "attributes": [
            {"name": a.name, "kind": "text" if a.kind is str else "number", "about": a.meaning} for a in INVENTORY
        ],
    }
    told["dates"] = sorted({scene["date"] for scene in told["scenes"] if scene["date"]})
    write_json(metadata, told)
    readme.write_text(format_readme(told), encoding="utf-8")


def _sources(others: dict[str, OtherInventory]) -> list[dict[str, str | None]]:
    """The inventories compiled, in their order, the detections last."""
    listed = [
        {"name": name, "method": one.method, "file": one.path, "licence": one.licence, "citation": one.citation}
        for name, one in sorted(others.items())
    ]
    return [*listed, {"name": REVIEWED, "method": DETECTION_METHOD, "file": None, "licence": None, "citation": None}]


def _scenes(facts: list[Path]) -> list[dict[str, Any]]:
    """The scenes that gave pixels to any image, each once, by date."""
    what, advice = "an image's facts written by `compose-rgb`", "Give the file that compose-rgb wrote."
    scenes = [scene for path in facts for scene in parse_json(path, _scenes_with_pixels, what, advice)]
    by_name = {scene["name"]: scene for scene in scenes}
    return sorted(by_name.values(), key=lambda scene: (scene["date"] or "", scene["name"]))


def _scenes_with_pixels(facts: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"name": str(scene["name"]), "date": (scene["date"] or "")[:10] or None}
        for scene in facts["scenes"]
        if int(scene["pixels"])
    ]


def _model(path: Path) -> dict[str, Any]:
    """What the model says of itself in the header of its file; the weights are not read."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "numpy") as file:
            header = json.loads((file.metadata() or {})["lobate"])
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise UserError(
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
