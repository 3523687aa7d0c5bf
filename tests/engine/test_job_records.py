"""Which of Snakemake's records count, with Snakemake's own classes; tests/faults runs Snakemake itself."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake.io import IOFile
from snakemake.iocontainers import OutputFiles
from snakemake.persistence import RECORD_FORMAT_VERSION, MetadataRecord
from snakemake.persistence.db import DbPersistence
from snakemake.persistence.file import FilePersistence

from lobate.engine.job_records import JobRecords
from lobate.engine.registry import ROOM_OF
from lobate.store.store import OutputTarget, Store

RESULTS = Path("results/toy")


def verb_of(rule: str) -> str | None:
    """Return the verb of a rule, whose name it has here."""
    return rule if rule in ROOM_OF else None


IMAGE = {"image": "imagery/T.tif", "facts": "imagery/T.json"}
EXAMPLE = {"positives": "example/positives.gpkg", "negatives": "example/negatives.gpkg"}


class Clone:
    """A folder with results, Snakemake's records of them, and a store."""

    def __init__(self, persistence_class: type = FilePersistence) -> None:
        self.store = Store("store")
        self.persistence_class = persistence_class

    @property
    def persistence(self):
        return self.persistence_class()

    def job(self, rule: str = "compose_rgb", outputs: dict[str, str] = IMAGE) -> SimpleNamespace:
        paths = OutputFiles(fromdict={name: IOFile(f"{RESULTS}/{path}") for name, path in outputs.items()})
        return SimpleNamespace(output=paths, rule=SimpleNamespace(name=rule))

    def make(self, job: SimpleNamespace) -> SimpleNamespace:
        """Make a job's results, by way of the store, and Snakemake's records of them, in a run."""
        folder = self.store.root / "made"
        JobRecords(RESULTS, self.store, verb_of).start_run(self.persistence, keeps_records=True)
        for number, (name, path) in enumerate(job.output.items()):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(f"bytes of {name}")
            key = f"{number:064x}"
            self.store.commit(key, {"recipe": {}, "sources": {}, "run": {}}, {name: [folder / name]})
            assert self.store.checkout(key, {name: [OutputTarget(Path(path), editable=True)]})
        for path in job.output:
            self.persistence._write_record(
                str(path), MetadataRecord(params=["1"], record_format_version=RECORD_FORMAT_VERSION)
            )
        return job

    def lacks(self, job: SimpleNamespace) -> bool:
        """Return whether a new plan misses the record of a job."""
        return JobRecords(RESULTS, self.store, verb_of).is_missing(job, self.persistence)


@pytest.fixture(params=[FilePersistence, DbPersistence])
def clone(tmp_path, monkeypatch, request) -> Clone:
    monkeypatch.chdir(tmp_path)
    return Clone(request.param)


@pytest.fixture
def files(tmp_path, monkeypatch) -> Clone:
    """A clone whose records are files."""
    monkeypatch.chdir(tmp_path)
    return Clone()


def test_a_job_that_never_ran_misses_nothing(clone):
    assert not clone.lacks(clone.job())


def test_a_job_that_ran_misses_nothing(clone):
    assert not clone.lacks(clone.make(clone.job()))


def test_one_record_of_two_results_is_missed_while_its_result_is_there(clone):
    job = clone.make(clone.job())
    clone.persistence.cleanup_metadata(job.output[1])
    assert clone.lacks(job)
    Path(job.output[1]).unlink()
    assert not clone.lacks(job)


def test_results_outside_the_folder_of_results_are_left_to_snakemake(clone):
    """A scene is not fetched again for want of a record: there may be no network."""
    job = clone.job()
    Path("resources").mkdir()
    Path("resources/checksums.json").touch()
    job.output = OutputFiles(fromdict={"manifest": IOFile("resources/checksums.json")})
    assert not clone.lacks(job)


SPOILS: dict[str, Callable[[str], str]] = {
    "empty": lambda text: "",
    "cut short": lambda text: text[:40],
    "older format": lambda text: json.dumps({**json.loads(text), "record_format_version": RECORD_FORMAT_VERSION - 1}),
    "without params": lambda text: json.dumps({**json.loads(text), "params": None}),
}


@pytest.mark.parametrize("spoil", SPOILS)
def test_a_record_that_snakemake_does_not_compare_is_missed(files, spoil):
    job = files.make(files.job())
    for record in Path(".snakemake/metadata").iterdir():
        record.write_text(SPOILS[spoil](record.read_text()))
    assert files.lacks(job)


@pytest.mark.parametrize("lost", [".snakemake/run_ids", f"{RESULTS}/.run_id"])
def test_records_without_the_run_id_of_the_results_do_not_count(clone, lost):
    job = clone.make(clone.job())
    shutil.rmtree(lost, ignore_errors=True)
    Path(lost).unlink(missing_ok=True)
    assert clone.lacks(job)


def test_records_from_before_the_first_run_id_count(clone):
    job = clone.make(clone.job())
    shutil.rmtree(".snakemake/run_ids")
    (RESULTS / ".run_id").unlink()
    assert not clone.lacks(job)


def test_each_run_has_an_id_of_its_own(clone):
    """Two clones that were one once, and then ran apart, are told apart."""
    job = clone.make(clone.job())
    shutil.copytree(".snakemake", "backup")
    JobRecords(RESULTS, clone.store, verb_of).start_run(clone.persistence, keeps_records=True)
    assert not clone.lacks(job)
    shutil.rmtree(".snakemake")
    shutil.move("backup", ".snakemake")
    assert clone.lacks(job)


def test_after_a_run_that_keeps_no_records_the_older_ones_do_not_count(clone):
    job = clone.make(clone.job())
    JobRecords(RESULTS, clone.store, verb_of).start_run(clone.persistence, keeps_records=False)
    assert clone.lacks(job)


def test_records_of_one_kind_do_not_count_after_a_run_with_the_other(clone):
    job = clone.make(clone.job())
    kinds = {FilePersistence, DbPersistence}
    (other,) = kinds - {clone.persistence_class}
    JobRecords(RESULTS, clone.store, verb_of).start_run(other(), keeps_records=True)
    assert clone.lacks(job)


def test_a_run_deletes_the_records_of_other_results_also_behind_a_link(clone):
    """Else they would count from then on, although the run may have made other results only."""
    job = clone.make(clone.job())
    shutil.move(RESULTS / "imagery", "elsewhere")
    (RESULTS / "imagery").symlink_to(Path("elsewhere").absolute())
    (RESULTS / "imagery/round").symlink_to(RESULTS.absolute())
    (RESULTS / ".run_id").write_text("another")
    JobRecords(RESULTS, clone.store, verb_of).start_run(clone.persistence, keeps_records=True)
    assert clone.lacks(job)


def test_what_a_person_edited_in_the_example_is_not_replaced_for_want_of_a_record(clone):
    job = clone.make(clone.job("make_example", EXAMPLE))
    shutil.rmtree(".snakemake")
    assert clone.lacks(job)
    Path(job.output[0]).write_text("moved by hand")
    assert not clone.lacks(job)


def test_the_example_is_made_again_where_the_store_is_gone_too(clone):
    job = clone.make(clone.job("make_example", EXAMPLE))
    shutil.rmtree(".snakemake")
    shutil.rmtree(clone.store.root)
    assert clone.lacks(job)
