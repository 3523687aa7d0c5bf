"""A finished region as an RO-Crate: its results, the code, the settings and the steps; no scenes, rasters or patches.

The crate follows RO-Crate 1.1 with the profiles Workflow RO-Crate 1.0, Process Run Crate 0.5 and Workflow Run Crate 0.5. The
steps come from the store's records.
"""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rocrate.model.contextentity import ContextEntity
from rocrate.rocrate import ROCrate

import lobate
from lobate.errors import UserError
from lobate.figures.report_page.settings_table import settings_with_defaults
from lobate.io.atomic import temporary_folder
from lobate.io.digest import content_digest
from lobate.settings import Region
from lobate.store.lineage import lineage_steps
from lobate.store.store import Store

Record = dict[str, Any]
Entity = Any
COMPLETED = "http://schema.org/CompletedActionStatus"

RESULTS = {
    "settings.json": "All settings of the run, defaults filled in",
    "report.html": "The report in one page",
    "inventory/inventory.*": "The compiled inventory",
    "inventory/summary.json": "Numbers of the inventory",
    "mapping/detections.gpkg": "Detections kept, and removed with the reason",
    "mapping/scores.json": "Agreement with the reference",
    "mapping/accuracy.json": "Accuracy, estimated from answers to a random sample",
    "training/model.safetensors": "The chosen model",
    "training/model.stac.json": "The model as a STAC item (MLM extension)",
    "training/selection.json": "The rounds and the chosen one",
    "training/test.json": "The chosen model on the test side, and the number of models judged there",
    "patches/README.md": "Card of the training data",
    "patches/split.gpkg": "Footprints of the patches, and their side of the split",
    "patches/leakage.json": "How much of the validation ground training has seen, by both protocols",
    "labels/polygons.gpkg": "Outlines kept, and removed with the reason",
    "figures/*.p[nd][gf]": "A figure",
    "figures/lineage.json": "The steps behind the inventory",
}
"""Pattern below results/<region>/ -> description."""

REQUIRED = ("settings.json", "inventory/inventory.gpkg", "training/selection.json")
CODE = ("workflow", "profiles", "envs/requirements.lock", "envs/environment.yaml", "LICENSE", "pyproject.toml")
IGNORED = ("__pycache__", "*.egg-info", "*.pyc")

PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}
TERMS = {"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"}
"""Terms that RO-Crate 1.1 lacks, defined in the crate itself."""

PARAMETER = "https://bioschemas.org/profiles/FormalParameter/1.0-RELEASE"
MIT = "https://spdx.org/licenses/MIT"
FORMATS = {
    ".gpkg": "application/geopackage+sqlite3", ".json": "application/json", ".html": "text/html", ".csv": "text/csv",
    ".png": "image/png", ".pdf": "application/pdf", ".md": "text/markdown", ".parquet": "application/vnd.apache.parquet",
    ".geojson": "application/geo+json", ".zip": "application/zip", ".safetensors": "application/octet-stream",
}  # fmt: skip


def write_crate(region: Region, out: Path, store: Store, licence: str | None = None) -> int:
    """Write the crate of a region to ``out``, a folder or a .zip; return the number of results in it.

    ``licence`` of the results: a URL or an SPDX name. Raises UserError when the region is not finished.
    """
    results = results_in(Path("results", region.region))
    if not Path("Snakefile").exists():
        raise UserError("There is no Snakefile in this folder. Run `lobate crate` in the project's folder.")
    records = step_records(results, store)
    if not records:
        raise UserError(
            f"The store {store.root} has no record of the results of {region.region}, so the crate would have no steps. If "
            "another store made them, name it in LOBATE_STORE."
        )
    crate = _new_crate(region, records, licence)
    workflow = _add_workflow(crate)
    entities = {content_digest(path): _add_result(crate, path, text) for path, text in results.items()}
    packed = list(entities.values())
    values = _add_parameters(crate, workflow, region)
    actions = add_steps(crate, records, entities)
    settings = entities[content_digest(Path("results", region.region, "settings.json"))]
    run = _add_run(crate, workflow, records, [settings, *values, *_raw_inputs(records, entities)], packed)
    crate.root_dataset["mentions"] = [run, *actions]
    out.parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder(out) as folder:
        crate.write(folder / "crate")
        copy_code(folder / "crate")
        place_crate(folder / "crate", out)
    return len(packed)


def results_in(folder: Path) -> dict[Path, str]:
    """Return each existing result with its description; UserError when the region is not finished."""
    if missing := [name for name in REQUIRED if not (folder / name).exists()]:
        raise UserError(f"There is no {folder / missing[0]} yet. Run snakemake for this region first.")
    paths = {path: text for pattern, text in RESULTS.items() for path in sorted(folder.glob(pattern))}
    return {path: text for path, text in paths.items() if path.is_file()}


def step_records(files: Iterable[Path], store: Store) -> dict[str, Record]:
    """Return key -> record of every step behind these files; some files (graph, settings) have no step."""
    records: dict[str, Record] = {}
    for path in files:
        try:
            records |= lineage_steps(path, store)
        except UserError:  # written without the store, by Snakemake or by an uncached verb
            continue
    return records


def start_and_end(record: Record) -> tuple[datetime, datetime]:
    """Return the start and the end of a step."""
    ended = datetime.fromisoformat(record["run"]["when"])
    return ended - timedelta(seconds=record["run"]["seconds"]), ended


def _new_crate(region: Region, records: Mapping[str, Record], licence: str | None) -> ROCrate:
    crate = ROCrate(version="1.1")
    crate.metadata.extra_contexts.append(TERMS)
    crate.name = f"{region.landform.capitalize()} inventory of the region {region.region}"
    crate.description = (
        f"A {region.landform} inventory mapped by deep learning and compiled with other inventories by the workflow lobate "
        f"{lobate.__version__}; with its model, scores, settings and steps. {region.figures.credit}."
    )
    crate.datePublished = max(start_and_end(record)[1] for record in records.values())
    crate.license = _licence(crate, licence)
    profiles = [
        crate.add(ContextEntity(crate, name, properties={"@type": "CreativeWork", "name": title, "version": version}))
        for name, (title, version) in PROFILES.items()
    ]
    crate.root_dataset["conformsTo"] = profiles
    return crate


def _licence(crate: ROCrate, licence: str | None) -> Entity:
    description = (
        "Not stated by whoever ran the workflow; ask before using the results. The workflow's own code is under MIT."
    )
    if licence is None:
        unknown = {"@type": "CreativeWork", "name": "Licence of the results not stated", "description": description}
        return crate.add(ContextEntity(crate, "#licence", properties=unknown))
    url = licence if "://" in licence else f"https://spdx.org/licenses/{licence}"
    known = {"@type": "CreativeWork", "name": licence, "description": "Licence of the results."}
    return crate.add(ContextEntity(crate, url, properties=known))


def _add_workflow(crate: ROCrate) -> Entity:
    properties = {
        "name": "lobate",
        "description": "From Sentinel-2 scenes and hand-drawn outlines to a reviewed inventory of landforms",
        "version": lobate.__version__,
        "sha256": content_digest(Path("Snakefile")),
    }
    workflow = crate.add_workflow("Snakefile", "Snakefile", main=True, lang="snakemake", properties=properties)
    licence = {"@type": "CreativeWork", "name": "MIT", "description": "Licence of the workflow's code."}
    workflow["license"] = crate.get(MIT) or crate.add(ContextEntity(crate, MIT, properties=licence))
    for name in CODE:
        if Path(name).is_dir():
            crate.add_dataset(dest_path=f"{name}/", properties={"name": name, "description": "Code of the workflow."})
        elif Path(name).exists():
            facts = {"name": Path(name).name, "sha256": content_digest(Path(name)), "encodingFormat": "text/plain"}
            crate.add_file(name, name, properties={**facts, "description": "Code of the workflow."})
    return workflow


def _add_result(crate: ROCrate, path: Path, description: str) -> Entity:
    properties = {
        "name": path.name,
        "description": description,
        "sha256": content_digest(path),
        "contentSize": str(path.stat().st_size),
        "encodingFormat": FORMATS.get(path.suffix, "application/octet-stream"),
    }
    return crate.add_file(str(path), path.as_posix(), properties=properties)


def _add_parameters(crate: ROCrate, workflow: Entity, region: Region) -> list[Entity]:
    """Add every changed setting, as a parameter of the workflow and as its value in this run."""
    changed = [setting for setting in settings_with_defaults(region) if setting["value"] != setting["default"]]
    if changed:
        profile = {"@type": "CreativeWork", "name": "FormalParameter", "version": "1.0-RELEASE"}
        crate.add(ContextEntity(crate, PARAMETER, properties=profile))
    parameters, values = [], []
    for setting in changed:
        name, value = setting["name"], setting["value"]
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        formal = {"@type": "FormalParameter", "name": name, "additionalType": "Text", "conformsTo": {"@id": PARAMETER}}
        parameter = crate.add(ContextEntity(crate, f"#parameter-{name}", properties=formal))
        actual = {"@type": "PropertyValue", "name": name, "value": text, "exampleOfWork": {"@id": parameter.id}}
        values.append(crate.add(ContextEntity(crate, f"#value-{name}", properties=actual)))
        parameters.append(parameter)
    workflow["input"] = parameters
    return values


def add_steps(crate: ROCrate, records: Mapping[str, Record], entities: dict[str, Entity]) -> list[Entity]:
    """Add an action for each step, in the order of their ends; ``entities``: sha256 -> the file in the crate."""
    keys = sorted(records, key=lambda key: (start_and_end(records[key])[1], key))
    return [_add_step(crate, key, records[key], entities) for key in keys]


def _add_step(crate: ROCrate, key: str, record: Record, entities: dict[str, Entity]) -> Entity:
    recipe, (start, end) = record["recipe"], start_and_end(record)
    verb = recipe["stage"].replace("_", "-")
    properties = {
        "name": f"lobate {verb}",
        "identifier": key,
        "startTime": start.isoformat(timespec="seconds"),
        "endTime": end.isoformat(timespec="seconds"),
        "actionStatus": {"@id": COMPLETED},
        "description": f"Recipe {key}, code {recipe['code']}",
    }
    inputs = [
        _file_entity(crate, file["digest"], file["path"], entities)
        for _, files in sorted(record["inputs"].items())
        for file in files
    ]
    outputs = [
        _file_entity(crate, digest, name, entities)
        for output, families in sorted(record["outputs"].items())
        for files, names in zip(families, recipe["outputs"][output], strict=True)
        for part, digest in sorted(files.items())
        for name in [names if len(files) == 1 else f"{names}/{part}"]
    ]
    software, identifier = _software(crate, verb, record), f"#step-{key[:16]}"
    return crate.add_action(software, identifier, object=inputs, result=outputs, properties=properties)


def _software(crate: ROCrate, verb: str, record: Record) -> Entity:
    name = f"#lobate-{verb}"
    properties = {
        "@type": "SoftwareApplication",
        "name": f"lobate {verb}",
        "softwareVersion": record["run"]["lobate"],
        "softwareRequirements": ", ".join(
            f"{library} {version}" for library, version in record["recipe"]["libraries"].items()
        ),
    }
    return crate.get(name) or crate.add(ContextEntity(crate, name, properties=properties))


def _file_entity(crate: ROCrate, digest: str, path: str, entities: dict[str, Entity]) -> Entity:
    """Return the entity of the file with this digest; scenes, rasters and patches get one without a file in the crate."""
    if digest not in entities:
        properties = {"@type": "CreativeWork", "name": path, "sha256": digest, "description": "Not in this crate."}
        entities[digest] = crate.add(ContextEntity(crate, f"#sha256-{digest}", properties=properties))
    return entities[digest]


def _raw_inputs(records: Mapping[str, Record], entities: dict[str, Entity]) -> list[Entity]:
    """Return the raw inputs: files that no step made."""
    inputs = [file for record in records.values() for files in record["inputs"].values() for file in files]
    return [entities[digest] for digest in sorted({file["digest"] for file in inputs if file["step"] is None})]


def _add_run(
    crate: ROCrate, workflow: Entity, records: Mapping[str, Record], inputs: list[Entity], results: list[Entity]
) -> Entity:
    """Add the whole run; its time spans all steps, also those of earlier days."""
    spans = [start_and_end(record) for record in records.values()]
    properties = {
        "name": "The run of lobate that ended in these results",
        "description": (
            f"{len(records)} steps, as the content-addressed store recorded them. A step whose inputs, code and settings had not "
            "changed was not repeated, so the time from start to end may hold several runs."
        ),
        "startTime": min(spans)[0].astimezone(UTC).isoformat(timespec="seconds"),
        "endTime": max(end for _, end in spans).astimezone(UTC).isoformat(timespec="seconds"),
        "actionStatus": {"@id": COMPLETED},
    }
    return crate.add_action(workflow, "#run", object=inputs, result=results, properties=properties)


def copy_code(target: Path) -> None:
    """Copy the workflow's code into the crate, beside its Snakefile."""
    for name in CODE:
        source = Path(name)
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=shutil.ignore_patterns(*IGNORED), dirs_exist_ok=True)
        elif source.exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target / name)


def place_crate(folder: Path, out: Path) -> None:
    """Move a crate's folder to ``out``, zipped for the suffix .zip; an older crate there is replaced."""
    if out.suffix == ".zip":
        write_zip(folder, folder.with_suffix(".zip")).replace(out)
        return
    if out.exists():
        if not (out / "ro-crate-metadata.json").exists():
            raise UserError(f"{out} exists and is no crate. Give --out another name.")
        shutil.rmtree(out)
    folder.rename(out)


def write_zip(folder: Path, target: Path) -> Path:
    """Write a folder as a zip file without dates, so that the same content has the same bytes."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            archive.writestr(
                zipfile.ZipInfo(path.relative_to(folder).as_posix()), path.read_bytes(), zipfile.ZIP_DEFLATED
            )
    return target
