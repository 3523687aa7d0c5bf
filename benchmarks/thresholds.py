"""The chosen threshold against 0.5 and the best one, by the truth, on ground neither trained nor validated.

    python -m benchmarks.thresholds results/demo results/demo/example/truth.gpkg --complete complete.gpkg

prints the IoUs of one finished map, and

    python -m benchmarks.thresholds FOLDER --modes none background

those of the maps that `python -m benchmarks.mining_modes --work FOLDER` made, a line for each seed and mode.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import geopandas as gpd
import numpy as np
import pandas as pd

from benchmarks.mining_modes import NONE, tiles_of
from lobate.io.mask_values import PROBABILITY_LEVELS, lowest_level
from lobate.io.places import read_areas
from lobate.io.reserved import ReservedGround
from lobate.io.vector import LONLAT, read_layer, read_polygons
from lobate.mapping.choose_threshold import choose_threshold
from lobate.mapping.threshold_choice import HALF, THRESHOLDS
from lobate.mapping.tile_blocks import LocalOutlines, first_seen_blocks
from lobate.mapping.valid_area import ValidArea


def compare(
    probabilities: Sequence[Path],
    labels: Sequence[Path],
    split: Path,
    truth: Path,
    mined: Path | None = None,
    complete: Path | None = None,
    reserved: Path | None = None,
) -> dict[str, dict[str, float]]:
    """Return the map's IoU at 0.5, at the chosen threshold and at the best one, by ground.

    ``unseen`` lies outside all training and validation patches and mined negatives; ``untouched`` also outside the completely
    mapped ground, which the choice looked at. Files are those of `choose_threshold`, and ``truth`` has all landforms.
    """
    with TemporaryDirectory() as folder:
        target = Path(folder) / "threshold.json"
        choose_threshold(list(probabilities), list(labels), split, target, mined, complete, reserved)
        chosen = json.loads(target.read_text())
    seen = _seen(split, mined, reserved)
    looked_at = seen if complete is None else pd.concat([seen, read_areas(complete)])
    return {
        name: _ious(_levels(probabilities, truth, ground), chosen["threshold"]) | {"reason": chosen["reason"]}
        for name, ground in (("unseen", seen), ("untouched", looked_at))
    }


def _seen(split: Path, mined: Path | None, reserved: Path | None) -> gpd.GeoSeries:
    rows = read_layer(split, "split").to_crs(LONLAT)
    layers = [rows[rows["side"].isin(["training", "validation"])].geometry, ReservedGround.read(reserved).all]
    return pd.concat([*layers, *([read_layer(mined, "patches").to_crs(LONLAT).geometry] if mined else [])])


def _levels(probabilities: Sequence[Path], truth: Path, left_out: gpd.GeoSeries) -> np.ndarray:
    """Return the pixels outside ``left_out`` by truth and level of probability, (2, 255)."""
    tiles = [ValidArea.of(path) for path in probabilities]
    layers = [read_polygons(truth).to_crs(LONLAT).geometry, left_out]
    counts = np.zeros(2 * PROBABILITY_LEVELS, dtype=np.int64)
    for number, tile in enumerate(tiles):
        local = [LocalOutlines.reproject(np.asarray(layer.values, dtype=object), tile) for layer in layers]
        with first_seen_blocks(tile, tiles[:number]) as parts:
            for grid, levels, first_seen in parts:
                there, hidden = (outlines.rasterize(grid).astype(np.int64) for outlines in local)
                kept = first_seen & (hidden == 0)
                counts += np.bincount((there * PROBABILITY_LEVELS + levels)[kept], minlength=len(counts))
    return counts.reshape(2, -1)


def _ious(levels: np.ndarray, threshold: float) -> dict[str, float]:
    """Return the IoUs, and the two thresholds; the best is among those that the choice tries."""
    ious = {tried: _iou(levels, tried) for tried in sorted({*THRESHOLDS, threshold})}
    best = max(ious, key=lambda tried: ious[tried])
    return {
        "half": round(ious[HALF], 4),
        "chosen": round(ious[threshold], 4),
        "best": round(ious[best], 4),
        "threshold": threshold,
        "best_threshold": best,
        "gain_over_half": round(ious[threshold] - ious[HALF], 4),
        "short_of_best": round(ious[best] - ious[threshold], 4),
    }


def _iou(levels: np.ndarray, threshold: float) -> float:
    wrong, hits = levels[:, lowest_level(threshold) :].sum(axis=1)
    return float(hits / max(1, levels[1].sum() + wrong))


def compare_seeds(work: Path, modes: Sequence[str]) -> dict[str, dict[str, dict[str, float]]]:
    """Return the comparison of each map of `benchmarks.mining_modes`, by seed and mode."""
    found = {}
    for clone, mode in product(sorted(work.glob("seed_*")), modes):
        results, tiles = clone / "results" / mode, tiles_of(clone / f"{mode}.yaml")
        maps = [clone / f"{mode}_{tile}_probability.tif" for tile in tiles]
        labels = [results / f"labels/{tile}.tif" for tile in tiles]
        mined = None if mode == NONE else results / "training/round_1/negatives.gpkg"
        files = (maps, labels, results / "patches/split.gpkg", results / "example/truth.gpkg", mined)
        found[f"{clone.name} {mode}"] = compare(
            *files, results / "example/complete.gpkg", results / "labels/test_side.gpkg"
        )
    return found


def table(found: dict[str, dict[str, dict[str, float]]]) -> str:
    """Return a line for each map and ground, then the worst gain over 0.5 and the median distance to the best threshold."""
    lines = []
    for ground in ("unseen", "untouched"):
        rows = {name: values[ground] for name, values in found.items()}
        lines += [
            f"{name:20}{ground:11}IoU at 0.5 {row['half']:.3f}, at the chosen {row['threshold']:.2f} {row['chosen']:.3f}, "
            f"at the best {row['best_threshold']:.2f} {row['best']:.3f}"
            for name, row in rows.items()
        ]
        worst = min(row["gain_over_half"] for row in rows.values())
        short = statistics.median(row["short_of_best"] for row in rows.values())
        lines.append(f"{ground}: least gain over 0.5 {worst:+.3f}, median {short:.3f} under the best")
    return "\n".join(lines)


def main() -> None:
    """Print the comparison of one region's map, or of the maps of several seeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, help="folder of a finished region, or of several seeds")
    parser.add_argument("truth", type=Path, nargs="?", help="outlines of all landforms")
    parser.add_argument("--complete", type=Path, help="areas in which all landforms are in the labels")
    parser.add_argument("--modes", nargs="+", default=[NONE, "background"], help="modes of mining")
    options = parser.parse_args()
    if options.truth is None:
        print(table(compare_seeds(options.results, options.modes)))
        return
    results, reserved = options.results, options.results / "labels/test_side.gpkg"
    maps = sorted((results / "mapping").glob("*_probability.tif"))
    labels = [results / "labels" / path.name.replace("_probability", "") for path in maps]
    mined = results / "training/chosen_negatives.gpkg"
    found = compare(
        *(maps, labels, results / "patches/split.gpkg", options.truth),
        *(mined, options.complete, reserved if reserved.exists() else None),
    )
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
