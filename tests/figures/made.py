"""Small results of a finished region, as the report reads them, and the report made of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
from shapely.geometry import Point, Polygon
from tests.figures.conftest import make_image
from tests.figures.tables import threshold_record

from lobate.figures.report import report
from lobate.figures.report_page.settings_table import settings_with_defaults
from lobate.io.vector import write_layers
from lobate.settings.load import parse

METHODS = ("InSAR", "both", "deep learning")
STATUS = ("mapped", "accepted", "pending")
HERE = Point(81.03, 36.12)
"""In the middle of the image."""

REGION = {
    "region": "made",
    "imagery": {"tiles": {"T": ["T.tif"]}},
    "labels": {"positives": [{"path": "p.gpkg"}]},
    "training": {"target_iou": 0.7},
}


def make_results(folder: Path, count: int) -> dict[str, Path]:
    """Write results with ``count`` landforms into a folder; return them by the verb's parameters."""
    places = {name: folder / name for name in ("T.tif", "T.json", "card.md", "selection.json", "metrics.csv")}
    places |= {
        name: folder / name
        for name in ("scores.json", "lineage.json", "summary.json", "inventory.gpkg", "threshold.json")
    }
    make_image(places["T.tif"])
    write_layers(places["inventory.gpkg"], {"inventory": landforms(count)})
    removed = gpd.GeoDataFrame({"reason": REASONS}, geometry=[HERE.buffer(0.001)] * len(REASONS), crs=4326)
    write_layers(folder / "detections.gpkg", {"kept": removed.iloc[:0], "removed": removed})
    write_layers(folder / "contours.gpkg", {"contours": contours()})
    places["metrics.csv"].write_text(METRICS)
    places["card.md"].write_text(
        "---\nlicense: other\n---\n# Card\n\n<b>bold</b>\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n"
    )
    for name, facts in FACTS.items():
        places[name].write_text(json.dumps(facts))
    return {
        "inventory": places["inventory.gpkg"],
        "summary": places["summary.json"],
        "images": [places["T.tif"]],
        "facts": [places["T.json"]],
        "card": places["card.md"],
        "removed": [folder / "detections.gpkg"],
        "selection": places["selection.json"],
        "metrics": [places["metrics.csv"]] * 2,
        "scores": places["scores.json"],
        "lineage": places["lineage.json"],
        "threshold": places["threshold.json"],
        "contours": folder / "contours.gpkg",
    }


def made_report(folder: Path, results: dict[str, Any], name: str = "report.html") -> Path:
    """Make the report of results."""
    page = folder / name
    report(**results, html=page, settings=settings_with_defaults(parse(REGION)))
    return page


def landforms(count: int) -> gpd.GeoDataFrame:
    """Return landforms within the image, apart from each other; some values are not known."""
    rng = np.random.default_rng(count)
    across = max(1, int(np.ceil(np.sqrt(count))))
    spots = [(n % across, n // across) for n in range(count)]
    step = 0.05 / across
    shapes = [
        Polygon([(81.003 + (x + dx) * step, 36.095 + (y + dy) * step) for dx, dy in ((0, 0), (0.7, 0), (0.4, 0.7))])
        for x, y in spots
    ]
    table = {
        "id": [f"l{n:03d}" for n in range(count)],
        "method": [METHODS[n % 3] for n in range(count)],
        "velocity": [None if n % 3 == 2 else round(float(rng.uniform(1, 90)), 1) for n in range(count)],
        "area_km2": rng.uniform(0.03, 1, count).round(4),
        "remark": ["looked at" if n == 0 else None for n in range(count)],
        "activity": [None] * count,
        "status": [STATUS[n % 3] for n in range(count)],
    }
    return gpd.GeoDataFrame(table, geometry=shapes, crs=4326)


def contours() -> gpd.GeoDataFrame:
    """Return the lines of one detection at two calibrated shares."""
    table = {"detection": ["d1", "d1"], "share": ["0.25", "0.75"], "probability": [0.3, 0.8]}
    return gpd.GeoDataFrame(table, geometry=[HERE.buffer(0.004), HERE.buffer(0.002)], crs=4326)


REASONS = ["area 0.0012 km2 < 0.03 km2", "area 9.9e-05 km2 < 0.03 km2", "on the edge"]
METRICS = (
    "iteration,split,iou_background,iou_landform,iou_overall,loss,learning_rate\n"
    "10,training,0.9,0.5,0.7,0.3,0.01\n10,validation,0.9,0.4,0.65,0.4,0.01\n"
    "20,training,0.95,0.8,0.87,0.1,0.0\n20,validation,0.95,,0.85,0.2,0.0\n"
)
ROUND = {
    "round": 1, "trained_in": 1, "trained": True, "chosen": True, "reached": True, "mined_negatives": 3, "iteration": 20,
    "augment": ["flip"], "patches": {"training": 9, "validation": 2}, "training_iou": {"landform": 0.8},
    "validation_iou": {"landform": 0.75}, "warnings": [],
    "validation_intervals": {"iou": {"blocks": 5, "low": 0.61, "high": 0.85}},
}  # fmt: skip
SIDE = {
    "leaked_share": 0.0,
    "polygons_on_both_sides": 0,
    "nearest_m": 300.0,
    "training": 9,
    "validation": 2,
    "dropped": 0,
}
RATES = {"iou": 0.6, "precision": 0.7, "recall": 0.8, "f1": 0.75}
KEYS = ("c" * 64, "d" * 64, "e" * 64)


def step(key: str, stage: str, **inputs: list[tuple[str, str | None]]) -> dict[str, Any]:
    """Return one step of a lineage."""
    listed = {
        name: [{"path": path, "digest": "9" * 64, "step": maker} for path, maker in files]
        for name, files in inputs.items()
    }
    facts = {"code": "5" * 64, "settings": {"limit": 0.3}, "scalars": {}, "libraries": {"numpy": "2.4.6"}}
    return {"key": key, "stage": stage, "inputs": listed, **facts}


FACTS: dict[str, Any] = {
    "T.json": {
        "scenes": [{"name": "S2A_one", "date": "2018-07-11", "cloud_cover": 1.0, "baseline": "02.08", "pixels": 99}],
        "left_out": [{"name": "S2B_two", "reason": "cloud cover 70.6 % is over 5 %"}],
    },
    "summary.json": {"inventory": {"total": 3, "by_method": {"both": 3}}, "detections": {"total": 3, "only_detected": 1}},
    "selection.json": {
        "target_iou": 0.7, "reached": True, "chosen": 1, "rounds": [ROUND, {**ROUND, "round": 2, "trained": False, "chosen": False}],
        "protocols": {"configured": {"method": "grouped", "validation_iou": {"landform": 0.75}, **SIDE},
                      "other": {"method": "random", "validation_iou": {"landform": 0.9}, **SIDE, "leaked_share": 0.287}},
        "folds": {"count": 2, "validation_iou": [0.7, 0.8], "mean": 0.75, "spread": [0.7, 0.8]},
    },
    "scores.json": {
        "mapped_km2": 36.0, "account": {"known": 2, "new": 1, "wrong": None, "what": "known: drawn before"},
        "pixels": RATES, "polygons": {"match_iou": 0.5, "detections": 3, "thresholds": {"0.5": {"detections": 3}}, **RATES},
    },
    "threshold.json": threshold_record(),
    "lineage.json": {
        "file": "inventory.gpkg", "digest": "8" * 64,
        "steps": [step(KEYS[0], "compile_inventory", reviewed=[("r.gpkg", KEYS[1])], others=[("i.gpkg", KEYS[1])]),
                  step(KEYS[1], "describe", dem=[("dem.tif", None)])],
    },
}  # fmt: skip
