"""Round 2 of the example with what each mode of mining takes: does it find more, and what does it teach to overlook?

`python -m benchmarks.mining_modes --seeds 5 --work FOLDER` runs the example's first two rounds for each seed, and writes
`FOLDER/mining_modes.json`. A seed makes a world of its own, and its trainings. Nothing differs between the modes but the
mined patches and the ignored pixels. In `reviewed`, each candidate of round 1 is decided from the truth, as a person would
who makes no mistake. FOLDER keeps models and maps; a run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import rasterio
import yaml
from rasterio.features import rasterize

PROJECT = Path(__file__).resolve().parent.parent
PARTS = ("Snakefile", "workflow", "profiles", "config", "envs")
NONE = "none"
MODES = (NONE, "reviewed", "complete", "background", "all")
"""What `training.mining.from` may say, and no mining at all."""
PRECISION = 0.8
"""Pixel precision, against the truth, at which the hidden landforms' pixels are counted."""
LEVELS, NODATA = 255, 255
"""Levels of a probability map: round(254 p), and the value without data."""


@dataclass(frozen=True)
class Result:
    """One round 2: what it was taught, and its map against the truth.

    ``discovery`` is the share of the hidden landforms' pixels found at a pixel precision of ``PRECISION``, and
    ``precision`` the pixel precision at a probability above 0.5; both over all mapped ground.
    """

    seed: int
    mode: str
    mined: int
    iou: float | None
    learnt_nothing: str | None
    discovery: float
    precision: float
    map_iou: float


def measure(work: Path, seeds: int, modes: Sequence[str] = MODES, jobs: int = 2) -> list[Result]:
    """Return one result for each seed and mode, in this order."""
    with ThreadPoolExecutor(jobs) as pool:
        found = list(pool.map(lambda seed: measure_seed(work, seed, modes), range(seeds)))
    return [result for results in found for result in results]


def measure_seed(work: Path, seed: int, modes: Sequence[str] = MODES) -> list[Result]:
    """Run the modes one after another in a clone of the project."""
    clone = work / f"seed_{seed}"
    if not clone.exists():
        clone.mkdir(parents=True)
        for part in PARTS:
            copy = shutil.copy if (PROJECT / part).is_file() else shutil.copytree
            copy(PROJECT / part, clone / part)
    return [measure_mode(clone, seed, mode) for mode in modes]


def measure_mode(clone: Path, seed: int, mode: str) -> Result:
    """Train round 2 in one mode, map both tiles, and count the map's pixels."""
    record = clone / f"{mode}.json"
    if record.exists():
        return Result(**json.loads(record.read_text()))
    config, region = write_config(clone, seed, mode), f"results/{mode}"
    if mode == "reviewed":
        snakemake(clone, config, f"{region}/training/round_1/candidates.gpkg")
        decide(clone / region / "training/round_1/candidates.gpkg", truth_of(clone, mode), clone / decisions_of(mode))
    snakemake(clone, config, f"{region}/training/round_2/model.safetensors")
    verdict = json.loads((clone / region / "training/round_2/verdict.json").read_text())
    counts = sum(map_counts(clone, region, tile, config) for tile in tiles_of(config))
    result = Result(
        seed,
        mode,
        len(np.load(clone / region / "training/round_1/negatives.npy", mmap_mode="r")),
        verdict["validation_iou"]["landform"],
        verdict["learnt_nothing"],
        *judge(counts),
    )
    record.write_text(json.dumps(asdict(result)))
    return result


def write_config(clone: Path, seed: int, mode: str) -> Path:
    """Write the example's configuration for one mode, with two rounds that no target ends."""
    config = yaml.safe_load((PROJECT / "config/config.yaml").read_text().replace("results/demo", f"results/{mode}"))
    config |= {"region": mode, "seed": seed}
    mining = config["training"].get("mining", {}) | ({"at_most": 0} if mode == NONE else {"from": mode})
    config["training"] |= {"target_iou": 1.0, "max_rounds": 2, "mining": mining}
    config["inventory"]["decisions"] = decisions_of(mode)
    path = clone / f"{mode}.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def decisions_of(mode: str) -> str:
    """Return the region's own file of decisions, which need not exist."""
    return f"resources/{mode}/decisions.gpkg"


def snakemake(clone: Path, config: Path, *targets: str) -> None:
    """Make targets on one core, with a store that all clones share."""
    words = ["--cores", "1", "--resources", "gpu=1", "--quiet", "--configfile", str(config), "--", *targets]
    environment = os.environ | {
        "LOBATE_STORE": str(clone.parent / "store"),
        "PYTHONPATH": str(PROJECT / "workflow"),
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *words],
        cwd=clone,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(targets)} in {clone}\n{done.stderr[-3000:]}")


def decide(candidates: Path, truth: Path, decisions: Path) -> None:
    """Accept the candidates that touch a landform of the truth, and reject the others."""
    rows, landforms = gpd.read_file(candidates), gpd.read_file(truth)
    touching = np.unique(landforms.to_crs(rows.crs).sindex.query(rows.geometry, predicate="intersects")[0])
    decisions.parent.mkdir(parents=True, exist_ok=True)
    rows["status"] = np.where(np.isin(np.arange(len(rows)), touching), "accepted", "rejected")
    rows.to_file(decisions, layer="review")


def tiles_of(config: Path) -> list[str]:
    """Return the names of the region's tiles."""
    return sorted(yaml.safe_load(config.read_text())["imagery"]["tiles"])


def truth_of(clone: Path, region: str) -> Path:
    """Return the file of all landforms of a region's world."""
    return clone / "results" / region / "example/truth.gpkg"


def map_counts(clone: Path, region: str, tile: str, config: Path) -> np.ndarray:
    """Map one tile with round 2's model and count its pixels, (3, 255): ground without landform, known ones, hidden ones.

    The columns are the levels of the probability.
    """
    image = clone / region / f"imagery/{tile}.tif"
    target = clone / f"{Path(region).name}_{tile}_probability.tif"
    if not target.exists():
        write_map(clone / region / "training/round_2/model.safetensors", image, target, config)
    with rasterio.open(target) as dataset:
        levels, transform, crs = dataset.read(1), dataset.transform, dataset.crs
    truth = gpd.read_file(truth_of(clone, Path(region).name)).to_crs(crs)
    shapes = zip(truth.geometry, truth["hidden"].astype(int) + 1, strict=True)
    kinds = rasterize(shapes, out_shape=levels.shape, transform=transform, dtype="uint8")
    mapped = levels != NODATA
    pairs = kinds[mapped].astype(np.int64) * LEVELS + levels[mapped]
    return np.bincount(pairs, minlength=3 * LEVELS).reshape(3, LEVELS)


def write_map(model: Path, image: Path, target: Path, config: Path) -> None:
    """Write the probability map of an image, with the example's windows at one scale."""
    from lobate.network.deeplab import landform_probability
    from lobate.network.inference_graph import fuse_batch_norms
    from lobate.network.modelfile import load
    from lobate.network.sliding_window import write_probability_map

    predict = yaml.safe_load(config.read_text())["mapping"]["predict"]
    net, _ = load(model)
    network = landform_probability(fuse_batch_norms(net, model))
    write_probability_map(
        network, image, target, window=predict["window"], overlap=predict["overlap"], channels=net.channels
    )


def judge(counts: np.ndarray) -> tuple[float, float, float]:
    """Return discovery, precision and IoU of a map from its pixels by kind of ground and level."""
    found = counts[:, ::-1].cumsum(1)[:, ::-1]
    right, hidden = found[1] + found[2], found[2]
    precision = right / np.maximum(found.sum(0), 1)
    reaching = np.flatnonzero((precision >= PRECISION) & (found.sum(0) > 0))
    discovery = hidden[reaching[0]] / hidden[0] if len(reaching) else 0.0
    half = LEVELS // 2 + 1  # the lowest level above 0.5
    union = right[0] + found[0, half]
    return tuple(round(float(value), 4) for value in (discovery, precision[half], right[half] / union))


def table(results: list[Result]) -> str:
    """Return mean and range of each mode, as text."""
    lines = [f"{'mode':12}{'mined':>8}{'discovery':>24}{'precision':>24}{'map IoU':>24}"]
    for mode in dict.fromkeys(result.mode for result in results):
        own = [result for result in results if result.mode == mode]
        columns = (spread([getattr(result, name) for result in own]) for name in ("discovery", "precision", "map_iou"))
        lines.append(f"{mode:12}{statistics.fmean(result.mined for result in own):8.1f}" + "".join(columns))
    return "\n".join(lines)


def spread(values: list[float]) -> str:
    """Return mean, lowest and highest value."""
    return f"{statistics.fmean(values):8.3f} ({min(values):.3f}-{max(values):.3f})".rjust(24)


def main() -> None:
    """Measure all modes, print the table and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=2, help="seeds at once, each on one core")
    parser.add_argument("--work", type=Path, required=True)
    options = parser.parse_args()
    results = measure(options.work.resolve(), options.seeds, jobs=options.jobs)
    (options.work / "mining_modes.json").write_text(json.dumps([asdict(result) for result in results], indent=1) + "\n")
    print(table(results))


if __name__ == "__main__":
    main()
