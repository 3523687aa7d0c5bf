"""The text beside a compiled inventory: what is in it, the paper's account, and how to cite it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

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
UNSAID = "not said; set `inventory.{}` before you pass it on"


def readme_of(told: dict[str, Any]) -> str:
    """Return the README of an inventory from its metadata (see ``document``), as Markdown."""
    parts = [
        f"# {told['title']}",
        SYNTHETIC if told["synthetic"] else "",
        _account(told["account"]["detections"]),
        _numbers(told["account"]["inventory"], told["landform"]),
        "## Files\n\n" + _table(("file", "what it is"), ((f"`{name}`", about) for name, about in FILES)),
        _sources(told["sources"], told["elevation"]),
        _scenes(told["scenes"]),
        _model(told["model"]),
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


def _sources(sources: list[dict[str, str | None]], dem: str | list[str] | None) -> str:
    rows = (
        (one["name"], one["method"], one["file"] or "", one["licence"] or "", one["citation"] or "") for one in sources
    )
    table = _table(("name", "method", "file", "licence", "citation"), rows)
    files = [dem] if isinstance(dem, str) else dem or []
    return f"## Sources\n\n{table}\n\nElevation: {', '.join(f'`{one}`' for one in files) or 'none'}."


def _scenes(scenes: list[dict[str, Any]]) -> str:
    if not scenes:
        return ""
    return "## Scenes\n\n" + _table(("scene", "date"), ((f"`{one['name']}`", _said(one["date"])) for one in scenes))


def _model(model: dict[str, Any] | None) -> str:
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
    licence, citation = (told[name] or UNSAID.format(name) for name in ("licence", "citation"))
    return f"## Licence and citation\n\nLicence: {licence}\n\nCitation: {citation}"


def _table(head: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(_cell(one) for one in line) + " |" for line in lines)


def _cell(value: Any) -> str:
    return " ".join(str(value).replace("|", "\\|").split())


def _said(value: Any) -> str:
    return "unknown" if value is None else str(value)
