"""The verb `document-inventory`: the compiled inventory's README.md for people and metadata.json for programs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

from lobate.engine.signature import Input, Output, Setting
from lobate.inventory.attributes import INVENTORY
from lobate.inventory.sources import read_compiled
from lobate.io.antimeridian import lonlat_bounds
from lobate.io.decisions import summary_in_words
from lobate.io.intervals import area_in_words, with_interval
from lobate.io.jsonfile import parse_json, read_json, write_json
from lobate.io.origin import DETECTION_METHOD, REVIEWED
from lobate.network.header import read_header
from lobate.settings.example import Example
from lobate.settings.inventory import OtherInventory

FILES = (
    (
        "inventory.gpkg",
        "GeoPackage: layer `inventory`; layer `removed`, what was left out, with its reason; layer `ground`, the mapped ground; after a published inventory "
        "also `id_changes`, its splits, merges, and what appeared and vanished",
    ),
    ("inventory.parquet", "the same records as GeoParquet"),
    ("inventory.csv", "the same records as a table; the outline is WKT in `outline_wkt`"),
    ("inventory.geojson", "the same records as GeoJSON (RFC 7946)"),
    ("inventory.shp.zip", "the same records as a zipped Shapefile; `fields.tsv` in it tells the short names"),
    (
        "rgik.gpkg",
        "in the layers and columns of the RGIK template: AOI, PM, GO, and an empty MA: no moving area was drawn",
    ),
    ("paper.gpkg", "with the attribute set of Hu et al. (2023)"),
    ("summary.json", "the numbers above"),
    ("metadata.json", "all that this page says, for programs"),
)
THRESHOLD = "a threshold.json written by `choose-threshold`"
SYNTHETIC = "**SYNTHETIC**: this world was made up by lobate to try itself on; nothing in it was ever observed."
ALARM = "learnt_nothing"
"""Field of a model's header, and of the map's threshold, where the model learnt nothing."""
MODEL_FIELDS = (
    "architecture",
    "bands",
    "digest",
    "round",
    "validation_iou",
    "validation_intervals",
    "dataset",
    "licence",
    "lobate",
    "libraries",
)
"""Fields of the model's header in metadata.json."""
GROUND_RULE = (
    "The layer `ground` of `inventory.gpkg` is the ground that was mapped. An outline of another inventory counts if half or "
    "more of its area lies there, or if a detection is the same landform. No outline is cut."
)
NOT_GIVEN = "not said; set `inventory.{}` before you pass it on"


def is_synthetic(example: Example | None) -> bool:
    """Return whether the region is the embedded example."""
    return example is not None


def document_inventory(
    inventory: Annotated[Path, Input()],
    summary: Annotated[Path, Input()],
    readme: Annotated[Path, Output()],
    metadata: Annotated[Path, Output()],
    model: Annotated[Path | None, Input()] = None,
    facts: Annotated[list[Path] | None, Input()] = None,
    threshold: Annotated[Path | None, Input()] = None,
    accuracy: Annotated[Path | None, Input()] = None,
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

    ``model``: the model file behind the detections; ``facts``: the JSON that compose-rgb wrote beside each image;
    ``threshold``: what choose-threshold wrote; ``accuracy``: what estimate-accuracy wrote, where people have judged a sample. There is no time of writing in them, so the
    same inventory has the same metadata.
    """
    records = read_compiled(inventory)
    document: dict[str, Any] = {
        "title": f"Inventory of {landform}s, region {region}",
        "region": region,
        "landform": landform,
        "synthetic": synthetic,
        "licence": licence,
        "citation": citation,
        "crs": "EPSG:4326",
        "bounds": [round(bound, 6) for bound in lonlat_bounds(records.geometry.values)] if len(records) else None,
        "account": read_json(summary, "a summary.json written by `compile-inventory`"),
        "sources": _list_sources(others or {}),
        "elevation": dem,
        "scenes": _list_scenes(facts or []),
        "model": _read_model(model) if model else None,
        "threshold": parse_json(threshold, _about_threshold, THRESHOLD) if threshold else None,
        "attributes": _list_attributes(),
    }
    if accuracy:
        document["accuracy"] = parse_json(accuracy, _check_accuracy, "an accuracy.json written by `estimate-accuracy`")
    document["dates"] = sorted({scene["date"] for scene in document["scenes"] if scene["date"]})
    write_json(metadata, document)
    readme.write_text(format_readme(document), encoding="utf-8")


def _about_threshold(record: dict[str, Any]) -> dict[str, Any]:
    """Return the threshold of the map with its reason, and why the model learnt nothing, or None."""
    return {name: record[name] for name in ("threshold", "reason", "learnt_nothing")}


def _check_accuracy(accuracy: dict[str, Any]) -> dict[str, Any]:
    """Return the content of accuracy.json as it is. Raises an error where the parts for the README are missing."""
    _accuracy_section(accuracy)
    return accuracy


def _list_attributes() -> list[dict[str, str]]:
    kinds = {str: "text", float: "number"}
    return [
        {"name": attribute.name, "kind": kinds[attribute.kind], "about": attribute.meaning} for attribute in INVENTORY
    ]


def _list_sources(others: dict[str, OtherInventory]) -> list[dict[str, str | None]]:
    """Return the compiled inventories, in their order, the detections last."""
    sources: list[dict[str, str | None]] = [
        {
            "name": name,
            "method": settings.method or name,
            "file": settings.path,
            "licence": settings.licence,
            "citation": settings.citation,
        }
        for name, settings in sorted(others.items())
    ]
    detections = {"name": REVIEWED, "method": DETECTION_METHOD, "file": None, "licence": None, "citation": None}
    return [*sources, detections]


def _list_scenes(facts: list[Path]) -> list[dict[str, Any]]:
    """Return the scenes with pixels in any image, each once, by date."""
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


def _read_model(path: Path) -> dict[str, Any]:
    """Return the fields of the model's header that describe it; the weights are not read."""
    header = read_header(path)
    return {name: header.get(name) for name in MODEL_FIELDS} | ({ALARM: header[ALARM]} if header.get(ALARM) else {})


def format_readme(metadata: dict[str, Any]) -> str:
    """Return the README of an inventory as Markdown, from its metadata."""
    parts = [
        f"# {metadata['title']}",
        SYNTHETIC if metadata["synthetic"] else "",
        _learnt_nothing_section(metadata["model"], metadata["threshold"]),
        _detections_section(metadata["account"]["detections"]),
        _numbers_section(metadata["account"], metadata["landform"]),
        _accuracy_section(metadata["accuracy"]) if "accuracy" in metadata else "",
        _ground_section(metadata["account"].get("ground")),
        _identifiers_section(metadata["account"].get("identifiers")),
        "## Files\n\n" + _table(("file", "what it is"), ((f"`{name}`", about) for name, about in FILES)),
        _sources_section(metadata["sources"], metadata["elevation"]),
        _scenes_section(metadata["scenes"]),
        _model_section(metadata["model"], metadata["threshold"]),
        _licence_section(metadata),
        "## Attributes\n\n" + _table(("name", "kind", "meaning"), _attribute_rows(metadata["attributes"])),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _attribute_rows(attributes: list[dict[str, str]]) -> Iterable[tuple[str, ...]]:
    return ((f"`{attribute['name']}`", attribute["kind"], attribute["about"]) for attribute in attributes)


def _learnt_nothing_section(*said: dict[str, Any] | None) -> str:
    """Return why the model learnt nothing, by its header and by its map, in red where Markdown may be coloured; else ""."""
    reasons = [facts[ALARM] for facts in said if facts and facts.get(ALARM)]
    return "\n\n".join(
        f'<span style="color:red">**THE MODEL LEARNT NOTHING**: {reason}. No number below says anything about landforms.</span>'
        for reason in reasons
    )


def _detections_section(counts: dict[str, int]) -> str:
    rows = [
        ("in another inventory too", counts["in_other_inventories"]),
        ("only detected", counts["only_detected"]),
        ("rejected in the review", counts["rejected"]),
        ("left out: pending", counts["pending_left_out"]),
        ("left out: the same ground as another detection", counts["repeated"]),
        ("**total**", counts["total"]),
        ("of the first two: outline edited by a person", counts["edited"]),
        ("of the first two: accepted as they are", counts["accepted"]),
        ("of the first two: pending, nobody has looked yet", counts["pending"]),
        ("of the first two: by a person's word alone, this model detects nothing there", counts["drawn"]),
    ]
    return "## What the detections turned out to be\n\n" + _table(("detections", "number"), rows)


def _numbers_section(account: dict[str, Any], landform: str) -> str:
    compiled = account["inventory"]
    altitude, area = compiled["altitude_m"], compiled["area_km2"]
    rows = [
        *((f"known by: {method}", count) for method, count in sorted(compiled["by_method"].items())),
        (f"**{landform}s in all**", compiled["total"]),
        ("altitude, lowest to highest (m)", f"{_or_unknown(altitude['lowest'])} to {_or_unknown(altitude['highest'])}"),
        ("mean altitude (m)", _or_unknown(altitude["mean"])),
        ("area, total (km2)", area_in_words(area["total"], "unknown")),
        (
            "area, mean and median (km2)",
            " and ".join(area_in_words(area[name], "unknown") for name in ("mean", "median")),
        ),
        ("mean slope (degrees)", _or_unknown(compiled["mean_slope_deg"])),
        ("mean velocity (cm a year)", _or_unknown(compiled["mean_velocity"])),
        ("without elevation", compiled["without_elevation"]),
    ]
    unreviewed = f"**{words[:1].upper()}{words[1:]}.**\n\n" if (words := summary_in_words(account)) else ""
    return f"## The inventory in numbers\n\n{unreviewed}" + _table(("", ""), rows)


def _accuracy_section(accuracy: dict[str, Any]) -> str:
    """Return the estimates from the sample: the notes, then a table for each way of counting what people could not say."""
    imagery = ", ".join(str(name) for name in accuracy["imagery"])
    intro = (
        f"Estimated from a random sample of the map (sample {accuracy['sample']}) that people judged on {imagery}, without sight of "
        f"the map. In brackets: intervals at {accuracy['level']:.0%}."
    )
    tables = [
        _table((f"'cannot say' counted as {table['cannot_say_counts_as']}", "estimate"), map(tuple, table["rows"]))
        for table in accuracy["tables"]
    ]
    notes = "\n".join(f"- {note}" for note in accuracy["notes"])
    return "\n\n".join(["## Accuracy of the map", intro, notes, *tables])


def _ground_section(counts: dict[str, Any] | None) -> str:
    if counts is None:
        return ""
    rows = [
        ("landforms across the border of the mapped ground (`mapped_share` below 1)", counts["at_the_border"]),
        ("**left out: outlines of other inventories on ground that was not mapped**", counts["not_mapped"]),
        *((f"of these, by {source}", count) for source, count in counts["not_mapped_by_source"].items()),
    ]
    return f"## Mapped ground\n\n{GROUND_RULE}\n\n{_table(('', 'number'), rows)}"


def _identifiers_section(counts: dict[str, int] | None) -> str:
    if counts is None:
        return ""
    rows = [
        ("published identifiers that are kept, with their markers", counts["kept"]),
        ("appeared: no published landform matches them", counts["appeared"]),
        ("vanished: published, and no landform matches them now", counts["vanished"]),
        ("unmapped: published, on ground that was not mapped now", counts["unmapped"]),
        ("split: one published landform is several now", counts["split"]),
        ("merged: several published landforms are one now", counts["merged"]),
        ("rearranged: several are several others now", counts["rearranged"]),
    ]
    return "## Identifiers since the published inventory\n\n" + _table(("", "number"), rows)


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
        ("scene", "date"), ((f"`{scene['name']}`", _or_unknown(scene["date"])) for scene in scenes)
    )


def _model_section(model: dict[str, Any] | None, threshold: dict[str, Any] | None = None) -> str:
    if model is None:
        return ""
    ious = model["validation_iou"]
    iou = ious.get("landform") if isinstance(ious, dict) else ious
    intervals = model["validation_intervals"] or {}
    rows = [
        ("network", f"DeepLabv3+ on {model['architecture']['backbone']}"),
        ("bands", ", ".join(model["bands"] or []) or "unknown"),
        ("trained in round", _or_unknown(model["round"])),
        ("validation IoU of the landform", "unknown" if iou is None else with_interval(iou, intervals.get("iou"))),
        *([("threshold of the map", f"{threshold['threshold']:g}: {threshold['reason']}")] if threshold else []),
        ("digest of the weights", f"`{model['digest']}`"),
        ("licence of the model", _or_unknown(model["licence"])),
        ("made by", f"lobate {model['lobate']}"),
    ]
    return "## Model\n\n" + _table(("", ""), rows)


def _licence_section(metadata: dict[str, Any]) -> str:
    licence, citation = (metadata[name] or NOT_GIVEN.format(name) for name in ("licence", "citation"))
    return f"## Licence and citation\n\nLicence: {licence}\n\nCitation: {citation}"


def _table(head: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(_cell(value) for value in line) + " |" for line in lines)


def _cell(value: Any) -> str:
    return " ".join(str(value).replace("|", "\\|").split())


def _or_unknown(value: Any) -> str:
    return "unknown" if value is None else str(value)
