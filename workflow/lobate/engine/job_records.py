"""Snakemake's records of jobs: a result without a record of its own is made again.

Snakemake keeps a record of each output below `.snakemake`, with the params, the code and the inputs of its job. It sees a
changed setting by this record alone, and takes a result without one for up to date. A record can be gone (a lost folder,
`results/` copied to a new clone, `--drop-metadata`, a damaged file), and it can be that of another result: a folder
`.snakemake` or `results/<region>` that came from another clone or from a backup.

So a job with a result and without a record runs. That is always right, since its stage links the result from the store
where the key is the same, and it makes the record. Records of other results are found by a *run id*: each run that has
jobs to do leaves a new one beside the results and beside the records. Where the two differ, no record counts.

A dry run reads all this and writes nothing.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from lobate.engine.registry import load
from lobate.engine.signature import Output, as_paths, parameters
from lobate.io.atomic import atomic_write
from lobate.io.digest import content_digest
from lobate.store.store import Store

RUN_ID = ".run_id"
"""Name of the file with the run id in a region's folder of results."""
RUN_IDS = "run_ids"
"""Name of a folder in `.snakemake` with the run id of each region."""
NO_RECORD = "no record says how this result was made"


class JobRecords:
    """Snakemake's records of the results in a region's folder, and whether they count.

    Jobs and the ``persistence``, which holds the records, are Snakemake's own objects. ``verb_of`` returns the verb of a
    rule's name, None for a rule without one.
    """

    def __init__(self, results: Path, store: Store, verb_of: Callable[[str], str | None]) -> None:
        self.folder, self._store, self._verb_of = results, store, verb_of

    def is_missing(self, job: Any, persistence: Any) -> bool:
        """Whether a result of a job exists without a record that counts.

        False for a job whose results a person has edited, where that is allowed: they would be replaced.
        """
        existing = [path for path in job.output if self._is_result(path) and os.path.lexists(path)]
        if self._belong_together(self._noted_id(persistence)) and all(
            _counts(persistence.metadata(path)) for path in existing
        ):
            return False
        return bool(existing) and not self._is_edited(job)

    @cache  # noqa: B019 - one object a run
    def _belong_together(self, noted_id: Path) -> bool:
        """Whether the last run that wrote records also wrote the results; true before the first run."""
        return _read(noted_id) == _read(self.folder / RUN_ID)

    def _noted_id(self, persistence: Any) -> Path:
        """Return the path of the run id beside records; Snakemake keeps records as files or in a database."""
        return Path(persistence.path, RUN_IDS, type(persistence).__name__, self.folder.name)

    def _is_result(self, path: str) -> bool:
        return path.startswith(f"{self.folder}/")

    def _is_edited(self, job: Any) -> bool:
        """Whether the store made some of the job's editable results, and a person others."""
        paths = [path for path in _editable_outputs(job, self._verb_of(job.rule.name)) if path.exists()]
        return len({bool(self._store.producers(content_digest(path))) for path in paths}) > 1

    def start_run(self, persistence: Any, *, keeps_records: bool) -> None:
        """Delete records of other results, and leave a new run id; only a run that has jobs to do calls this.

        A run that keeps no records leaves the old ones behind, so it writes its id beside the results alone: no record
        counts any more. So it is, too, when a run is killed in between.
        """
        noted_id, run_id = self._noted_id(persistence), uuid.uuid4().hex
        if not self._belong_together(noted_id):
            self._forget(persistence)
        _write(self.folder / RUN_ID, run_id)
        if keeps_records:
            _write(noted_id, run_id)

    def _forget(self, persistence: Any) -> None:
        """Delete Snakemake's records of all results that exist, also of those that this run does not need."""
        from snakemake.io import IOFile

        for path in _paths_below(self.folder):
            persistence.cleanup_metadata(IOFile(path))


def _read(path: Path) -> str:
    """Return a run id, "" where there is none."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def _write(path: Path, run_id: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as new:
        new.write_text(run_id, encoding="utf-8")


def _counts(record: Any) -> bool:
    """Whether a record has the params of its job; those in an older format of Snakemake's are not compared."""
    from snakemake.persistence import RECORD_FORMAT_VERSION

    return record is not None and record.record_format_version >= RECORD_FORMAT_VERSION and record.params is not None


def _editable_outputs(job: Any, verb: str | None) -> list[Path]:
    if verb is None:
        return []
    expected = parameters(load(verb))
    return [
        path
        for name, value in job.output.items()
        if isinstance(marker := expected[name].marker, Output) and marker.editable
        for path in as_paths(value if isinstance(value, str) else list(value))
    ]


def _paths_below(folder: Path) -> list[str]:
    """Return the paths of all files and folders below a folder; a linked folder is entered once."""
    paths, entered = [], set()
    for root, folders, files in os.walk(folder, followlinks=True):
        place = os.path.realpath(root)
        if place in entered:
            folders.clear()
            continue
        entered.add(place)
        paths += [os.path.join(root, name) for name in (*folders, *files)]  # noqa: PTH118 - thousands of paths
    return paths


def run_jobs_without_record(records: JobRecords) -> None:
    """Have Snakemake run each job that has a result but no record, as if its params had changed.

    Snakemake has no hook for that. It asks ``has_metadata`` for each job that it would leave alone, and notes what it finds
    in the job's reason. ``--rerun-triggers`` without ``params`` keeps Snakemake's own ways. A workflow that deploys this one
    for several regions has the records of each.
    """
    from snakemake.persistence import ParamsChange, PersistenceBase
    from snakemake.settings.types import RerunTrigger

    original = _original(PersistenceBase.has_metadata)
    by_folder = {**getattr(PersistenceBase.has_metadata, "by_folder", {}), records.folder: records}

    def has_metadata(persistence: Any, job: Any) -> bool:
        dag = persistence.dag
        all_records = by_folder.values() if RerunTrigger.PARAMS in dag.workflow.rerun_triggers else ()
        if any(region_records.is_missing(job, persistence) for region_records in all_records):
            dag.reason(job).params_changed = ParamsChange(only_old={NO_RECORD}, files={*job.output})
            return False
        return original(persistence, job)

    has_metadata.original, has_metadata.by_folder = original, by_folder  # type: ignore[attr-defined]
    PersistenceBase.has_metadata = has_metadata


def _original(method: Callable[..., bool]) -> Callable[..., bool]:
    """Return Snakemake's own method, also where an earlier workflow in this process has replaced it."""
    return getattr(method, "original", method)
