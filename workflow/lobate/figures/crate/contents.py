"""What goes into the crate: the results a reader wants, and the code that made them; no scenes, rasters or patches."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

from lobate.errors import Mistake

RESULTS = {
    "settings.json": "All settings of the run, defaults filled in",
    "report.html": "The report in one page",
    "inventory/inventory.*": "The compiled inventory",
    "inventory/summary.json": "Numbers of the inventory",
    "mapping/detections.gpkg": "Detections kept, and removed with the reason",
    "mapping/scores.json": "Agreement with the reference",
    "training/model.safetensors": "The chosen model",
    "training/model.stac.json": "The model as a STAC item (MLM extension)",
    "training/selection.json": "The rounds and the chosen one",
    "patches/README.md": "Card of the training data",
    "patches/split.gpkg": "Footprints of the patches, and their side of the split",
    "patches/leakage.json": "How much of the validation ground training has seen, by both protocols",
    "labels/polygons.gpkg": "Outlines kept, and removed with the reason",
    "figures/*.p[nd][gf]": "A figure",
    "figures/lineage.json": "The steps behind the inventory",
}
"""Pattern below results/<region>/ -> what it is."""

NEEDED = ("settings.json", "inventory/inventory.gpkg", "training/selection.json")
CODE = ("workflow", "profiles", "envs/requirements.lock", "envs/environment.yaml", "LICENSE", "pyproject.toml")
IGNORED = ("__pycache__", "*.egg-info", "*.pyc")


def results_in(folder: Path) -> dict[Path, str]:
    """Return the results that are there, each with what it is. Raises Mistake when the region is not finished."""
    if missing := [name for name in NEEDED if not (folder / name).exists()]:
        raise Mistake(
            f"There is no {folder / missing[0]} yet, so nothing to pack. Run snakemake for this region first."
        )
    found = {path: what for pattern, what in RESULTS.items() for path in sorted(folder.glob(pattern))}
    return {path: what for path, what in found.items() if path.is_file()}


def copy_code(target: Path) -> None:
    """Copy the workflow's code beside its Snakefile in the crate."""
    for name in CODE:
        source = Path(name)
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=shutil.ignore_patterns(*IGNORED), dirs_exist_ok=True)
        elif source.exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target / name)


def put(made: Path, out: Path) -> None:
    """Move a crate's folder to ``out``, as a zip file where its name ends so; an older crate there is replaced."""
    if out.suffix == ".zip":
        zipped(made, made.with_suffix(".zip")).replace(out)
        return
    if out.exists():
        if not (out / "ro-crate-metadata.json").exists():
            raise Mistake(f"{out} exists and is no crate. Give --out another name.")
        shutil.rmtree(out)
    made.rename(out)


def zipped(folder: Path, target: Path) -> Path:
    """Write a folder as a zip file without dates, so that the same content has the same bytes."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(one for one in folder.rglob("*") if one.is_file()):
            archive.writestr(
                zipfile.ZipInfo(path.relative_to(folder).as_posix()), path.read_bytes(), zipfile.ZIP_DEFLATED
            )
    return target
