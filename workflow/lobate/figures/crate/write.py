"""Writing a finished region as a crate (RO-Crate 1.1, profiles Workflow RO-Crate 1.0, Process and Workflow Run Crate 0.5).

The steps as the store recorded them, as the actions of a workflow run crate.

What goes into the crate: the results a reader wants, and the code that made them; no scenes, rasters or patches.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rocrate.model.contextentity import ContextEntity
from rocrate.rocrate import ROCrate

import lobate
from lobate.errors import UserError
from lobate.figures.report_page.choices import choices
from lobate.io.digest import content_digest
from lobate.settings import Region
from lobate.store.lineage import steps
from lobate.store.store import Store

Record = dict[str, Any]
Entity = Any
COMPLETED = "http://schema.org/CompletedActionStatus"


def recorded(files: Iterable[Path], store: Store) -> dict[str, Record]:
    """Return key -> record of every step behind these files; a file that no step made (a graph, settings) has none."""
    found: dict[str, Record] = {}
    for path in files:
        try:
            found |= steps(path, store)
        except UserError:  # written without the store, by Snakemake or by an outside verb
            continue
    return found


def times(record: Record) -> tuple[datetime, datetime]:
    """Return when a step began and ended."""
    ended = datetime.fromisoformat(record["run"]["when"])
    return ended - timedelta(seconds=record["run"]["seconds"]), ended


def add_steps(crate: ROCrate, records: Mapping[str, Record], entities: dict[str, Entity]) -> list[Entity]:
    """Add an action for each step, in the order of their ends; ``entities``: sha256 -> the file in the crate."""
    ordered = sorted(records.items(), key=lambda one: (times(one[1])[1], one[0]))
    return [_add_step(crate, key, record, entities) for key, record in ordered]


def _add_step(crate: ROCrate, key: str, record: Record, entities: dict[str, Entity]) -> Entity:
    recipe, began_and_ended = record["recipe"], times(record)
    verb = recipe["stage"].replace("_", "-")
    told = {
        "name": f"lobate {verb}",
        "identifier": key,
        "startTime": began_and_ended[0].isoformat(timespec="seconds"),
        "endTime": began_and_ended[1].isoformat(timespec="seconds"),
        "actionStatus": {"@id": COMPLETED},
        "description": f"Recipe {key}, code {recipe['code']}",
    }
    read = [
        _file(crate, one["digest"], one["path"], entities)
        for _, listed in sorted(record["inputs"].items())
        for one in listed
    ]
    wrote = [
        _file(crate, digest, name, entities)
        for output, families in sorted(record["outputs"].items())
        for files, names in zip(families, recipe["outputs"][output], strict=True)
        for part, digest in sorted(files.items())
        for name in [names if len(files) == 1 else f"{names}/{part}"]
    ]
    return crate.add_action(_tool(crate, verb, record), f"#step-{key[:16]}", object=read, result=wrote, properties=told)


def _tool(crate: ROCrate, verb: str, record: Record) -> Entity:
    name = f"#lobate-{verb}"
    told = {
        "@type": "SoftwareApplication",
        "name": f"lobate {verb}",
        "softwareVersion": record["run"]["lobate"],
        "softwareRequirements": ", ".join(f"{one} {version}" for one, version in record["recipe"]["libraries"].items()),
    }
    return crate.get(name) or crate.add(ContextEntity(crate, name, properties=told))


def _file(crate: ROCrate, digest: str, path: str, entities: dict[str, Entity]) -> Entity:
    """Return the file with this content: in the crate, or what is said of one that is not (scenes, rasters, patches)."""
    if digest not in entities:
        told = {"@type": "CreativeWork", "name": path, "sha256": digest, "description": "Not in this crate."}
        entities[digest] = crate.add(ContextEntity(crate, f"#sha256-{digest}", properties=told))
    return entities[digest]


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
    """Return the results that are there, each with what it is. Raises UserError when the region is not finished."""
    if missing := [name for name in NEEDED if not (folder / name).exists()]:
        raise UserError(
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
            raise UserError(f"{out} exists and is no crate. Give --out another name.")
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


PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}
TERMS = {"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"}
"""What RO-Crate 1.1 has no word for, named here so that nobody has to fetch it."""

PARAMETER = "https://bioschemas.org/profiles/FormalParameter/1.0-RELEASE"
MIT = "https://spdx.org/licenses/MIT"
FORMATS = {
    ".gpkg": "application/geopackage+sqlite3", ".json": "application/json", ".html": "text/html", ".csv": "text/csv",
    ".png": "image/png", ".pdf": "application/pdf", ".md": "text/markdown", ".parquet": "application/vnd.apache.parquet",
    ".geojson": "application/geo+json", ".zip": "application/zip", ".safetensors": "application/octet-stream",
}  # fmt: skip


def write_crate(region: Region, out: Path, store: Store, licence: str | None = None) -> int:
    """Write the crate of a region run in this folder to ``out``, a folder or a .zip; return how many files it describes.

    ``licence``: of the results, an address or its SPDX name. Raises UserError when the region is not finished.
    """
    results = results_in(Path("results", region.region))
    if not Path("Snakefile").exists():
        raise UserError("There is no Snakefile here. Run lobate crate in the project's folder.")
    records = recorded(results, store)
    if not records:
        raise UserError(
            f"The store {store.root} knows none of the results of {region.region}, so their making cannot be told. If they "
            "were made with another store, name that one in LOBATE_STORE."
        )
    crate = _crate(region, records, licence)
    workflow = _add_workflow(crate)
    entities = {content_digest(path): _add_result(crate, path, what) for path, what in results.items()}
    made = list(entities.values())
    values = _add_parameters(crate, workflow, region)
    actions = add_steps(crate, records, entities)
    settings = entities[content_digest(Path("results", region.region, "settings.json"))]
    run = _add_run(crate, workflow, records, [settings, *values, *_raw(records, entities)], made)
    crate.root_dataset["mentions"] = [run, *actions]
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".crate-") as folder:
        crate.write(Path(folder, "crate"))
        copy_code(Path(folder, "crate"))
        put(Path(folder, "crate"), out)
    return len(made)


def _crate(region: Region, records: Mapping[str, Record], licence: str | None) -> ROCrate:
    crate = ROCrate(version="1.1")
    crate.metadata.extra_contexts.append(TERMS)
    crate.name = f"{region.landform.capitalize()} inventory of the region {region.region}"
    crate.description = (
        f"A {region.landform} inventory mapped by deep learning and compiled with other inventories by the workflow lobate "
        f"{lobate.__version__}; with its model, scores, settings and steps. {region.figures.credit}."
    )
    crate.datePublished = max(times(one)[1] for one in records.values())
    crate.license = _licence(crate, licence)
    profiles = [
        crate.add(ContextEntity(crate, name, properties={"@type": "CreativeWork", "name": title, "version": version}))
        for name, (title, version) in PROFILES.items()
    ]
    crate.root_dataset["conformsTo"] = profiles
    return crate


def _licence(crate: ROCrate, licence: str | None) -> Entity:
    words = (
        "Not stated by whoever ran the workflow; ask before using the results. The workflow's own code is under MIT."
    )
    if licence is None:
        told = {"@type": "CreativeWork", "name": "Licence of the results not stated", "description": words}
        return crate.add(ContextEntity(crate, "#licence", properties=told))
    address = licence if "://" in licence else f"https://spdx.org/licenses/{licence}"
    told = {"@type": "CreativeWork", "name": licence, "description": "Licence of the results."}
    return crate.add(ContextEntity(crate, address, properties=told))


def _add_workflow(crate: ROCrate) -> Entity:
    told = {
        "name": "lobate",
        "description": "From Sentinel-2 scenes and hand-drawn outlines to a reviewed inventory of landforms",
        "version": lobate.__version__,
        "sha256": content_digest(Path("Snakefile")),
    }
    workflow = crate.add_workflow("Snakefile", "Snakefile", main=True, lang="snakemake", properties=told)
    licence = {"@type": "CreativeWork", "name": "MIT", "description": "Licence of the workflow's code."}
    workflow["license"] = crate.get(MIT) or crate.add(ContextEntity(crate, MIT, properties=licence))
    for name in CODE:
        if Path(name).is_dir():
            crate.add_dataset(dest_path=f"{name}/", properties={"name": name, "description": "Code of the workflow."})
        elif Path(name).exists():
            facts = {"name": Path(name).name, "sha256": content_digest(Path(name)), "encodingFormat": "text/plain"}
            crate.add_file(name, name, properties={**facts, "description": "Code of the workflow."})
    return workflow


def _add_result(crate: ROCrate, path: Path, what: str) -> Entity:
    told = {
        "name": path.name,
        "description": what,
        "sha256": content_digest(path),
        "contentSize": str(path.stat().st_size),
        "encodingFormat": FORMATS.get(path.suffix, "application/octet-stream"),
    }
    return crate.add_file(str(path), path.as_posix(), properties=told)


def _add_parameters(crate: ROCrate, workflow: Entity, region: Region) -> list[Entity]:
    """Add every setting that is not the default, as a parameter of the workflow and as its value in this run."""
    changed = [one for one in choices(region) if one["value"] != one["default"]]
    if changed:
        told = {"@type": "CreativeWork", "name": "FormalParameter", "version": "1.0-RELEASE"}
        crate.add(ContextEntity(crate, PARAMETER, properties=told))
    parameters, values = [], []
    for one in changed:
        text = one["value"] if isinstance(one["value"], str) else json.dumps(one["value"], ensure_ascii=False)
        meant = {
            "@type": "FormalParameter",
            "name": one["name"],
            "additionalType": "Text",
            "conformsTo": {"@id": PARAMETER},
        }
        parameter = crate.add(ContextEntity(crate, f"#parameter-{one['name']}", properties=meant))
        given = {"@type": "PropertyValue", "name": one["name"], "value": text, "exampleOfWork": {"@id": parameter.id}}
        values.append(crate.add(ContextEntity(crate, f"#value-{one['name']}", properties=given)))
        parameters.append(parameter)
    workflow["input"] = parameters
    return values


def _raw(records: Mapping[str, Record], entities: dict[str, Entity]) -> list[Entity]:
    """Return what went in from outside: inputs that no step made."""
    inputs = [one for record in records.values() for listed in record["inputs"].values() for one in listed]
    return [entities[digest] for digest in sorted({one["digest"] for one in inputs if one["step"] is None})]


def _add_run(
    crate: ROCrate, workflow: Entity, records: Mapping[str, Record], given: list[Entity], made: list[Entity]
) -> Entity:
    """Add the run as a whole; it spans all its steps, of which some may have been made on an earlier day."""
    spans = [times(one) for one in records.values()]
    told = {
        "name": "The run of lobate that ended in these results",
        "description": (
            f"{len(records)} steps, as the content-addressed store recorded them. A step whose inputs, code and settings had not "
            "changed was not repeated, so the time from start to end may hold several runs."
        ),
        "startTime": min(spans)[0].astimezone(UTC).isoformat(timespec="seconds"),
        "endTime": max(end for _, end in spans).astimezone(UTC).isoformat(timespec="seconds"),
        "actionStatus": {"@id": COMPLETED},
    }
    return crate.add_action(workflow, "#run", object=given, result=made, properties=told)
