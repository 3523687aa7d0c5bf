"""Small JSON results of earlier rooms, and a check that a verb writes the same bytes twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lobate.settings.figures import Figures

BINS = [[0.01, 0.001, 900.5], [0.25, 0.2, 10], [0.55, 0.5, 20], [0.95, 0.9, 100]]


def line(number: int, *, trained_in: int | None = None, **more: Any) -> dict[str, Any]:
    """Return the record of one round, as `select-model` writes it."""
    facts = {
        "round": number, "trained_in": trained_in or number, "trained": trained_in in (None, number), "chosen": False,
        "training_iou": {"landform": 0.9}, "validation_iou": {"landform": min(0.5 + 0.1 * number, 1)},
        "mined_negatives": 7 * (number - 1), "patches": {"training": 2007}, "augment": ["flip", "rotate", "blur"][:number],
    }  # fmt: skip
    return facts | more


def selection(rounds: list[dict[str, Any]], chosen: int = 1, **more: Any) -> dict[str, Any]:
    """Return a selection, as `select-model` writes it."""
    protocols = {
        "configured": {"method": "grouped", "validation_iou": {"landform": 0.78}},
        "other": {"method": "random", "validation_iou": {"landform": 0.86}, "impossible": None},
    }
    return {"target_iou": 0.8, "chosen": chosen, "rounds": rounds, "protocols": protocols, "folds": None} | more


def threshold_record(**more: Any) -> dict[str, Any]:
    """Return a threshold, as `choose-threshold` writes it."""
    levels = [n / 100 for n in (1, *range(5, 100, 5), 99)]
    rates = [{"threshold": level, "iou": 0.4, "precision": level, "recall": 1 - level / 2} for level in levels]
    stratum = {"mapped_km2": 28, "validation_km2": 20, "complete_km2": 0, "pieces": 5, "weight": 1.4}
    record = {
        "threshold": 0.6, "reason": "the IoU at 0.6 is 0.120 above that at 0.5", "learnt_nothing": None, "iou_all_landform": 0.03,
        "iou": {"0.5": {"iou": 0.4, "interval": {"blocks": 5}}, "0.6": {"iou": 0.52, "interval": {"blocks": 5, "low": 0.4, "high": 0.6}}},
        "ground": "validation ground", "protocol": "stratified jackknife", "thresholds": rates, "strata": {"near": stratum, "rest": stratum},
        "calibration": {"bins": BINS, "error": 0.0123, "curve": [], "landform_share": 0.0131},
    }  # fmt: skip
    return record | more


def written(path: Path, facts: dict[str, Any]) -> Path:
    """Write facts as JSON and return the path."""
    path.write_text(json.dumps(facts))
    return path


def of_a_model(folder: Path, learnt_nothing: str | None = None) -> tuple[Path, Path]:
    """Write the selection and the threshold of a model, and return their paths."""
    rounds = [line(1, chosen=True, learnt_nothing=learnt_nothing)]
    return written(folder / "selection.json", selection(rounds)), written(folder / "threshold.json", threshold_record())


def same_bytes_twice(folder: Path, draw: Callable[..., None]) -> None:
    """Draw twice and compare; ``draw(png, pdf, figures=...)``."""
    files = []
    for name in ("one", "two"):
        png, pdf = folder / f"{name}.png", folder / f"{name}.pdf"
        draw(png, pdf, figures=Figures(dpi=50))
        files.append((png.read_bytes(), pdf.read_bytes()))
    assert files[0] == files[1]
    assert files[0][0].startswith(b"\x89PNG")
    assert files[0][1].startswith(b"%PDF")
