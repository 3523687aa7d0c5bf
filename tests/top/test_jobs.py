from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lobate import jobs
from lobate.errors import Mistake

linux = pytest.mark.skipif(not Path("/proc/self/ns/pid").is_symlink(), reason="only Linux tells who lives")


@pytest.fixture
def work(tmp_path):
    return tmp_path


def killed(work: Path) -> jobs.Job:
    """Let a process begin a job and kill it."""
    code = "import sys, time, pathlib; from lobate import jobs; print(jobs.begin(pathlib.Path(sys.argv[1]), 'toy'), flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code, str(work)], stdout=subprocess.PIPE, text=True)
    folder = process.stdout.readline().strip()
    (job,) = [one for one in jobs.at_work(work) if str(one.folder) == folder]
    assert not job.has_ended()
    process.kill()
    process.stdout.close()
    process.wait()
    return job


@linux
def test_a_killed_job_of_this_machine_is_seen_and_its_folder_removed(work):
    mine, dead = jobs.begin(work, "train"), killed(work)
    assert dead.has_ended()
    assert [job.folder for job in jobs.bury(work, dry_run=True)] == [mine]
    assert dead.folder.exists()
    assert [job.folder for job in jobs.bury(work)] == [mine]
    assert list(work.iterdir()) == [mine]


@linux
def test_a_number_that_was_given_to_another_process_is_not_taken_for_the_job(work):
    """This process lives, but it is not the one that began the job: it began at another time."""
    mine = jobs.begin(work, "train")
    stage, host, pid, place, _ = mine.name.split("@")
    place, began = place.split(".")
    (work / f"{stage}@{host}@{pid}@{place}.{int(began) - 1}@x").mkdir()
    assert [job.folder for job in jobs.bury(work)] == [mine]


@linux
def test_a_zombie_has_ended(work):
    code = "import pathlib, sys; from lobate import jobs; jobs.begin(pathlib.Path(sys.argv[1]), 'toy'); print('begun')"
    process = subprocess.Popen([sys.executable, "-c", code, str(work)], stdout=subprocess.PIPE)
    process.stdout.read()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    (job,) = jobs.at_work(work)
    assert job.has_ended()
    process.wait()


@pytest.mark.parametrize(
    "name",
    [
        "train@{host}@999999@{elsewhere}.12@abc",  # another boot, container or machine of the same name
        "train@node7@1@{elsewhere}.12@abc",
        "train@{host}@999999@.@abc",  # a machine that tells nothing
        "train@{host}@odd@{here}.12@abc",
        "train@{host}@999999@abc",
    ],
)
def test_of_a_job_of_anywhere_else_nothing_is_guessed(work, name):
    _, host, _, place, _ = jobs.begin(work, "other").name.split("@")
    (work / name.format(host=host, here=place.split(".")[0], elsewhere="0" * 12)).mkdir()
    assert len(jobs.bury(work)) == 2


def test_a_person_says_that_a_host_runs_nothing_any_more(work):
    mine = jobs.begin(work, "train")
    for name in ("train@node7@1@0.12@a", "predict@node7@2@0.13@b", "train@node8@1@0.12@c"):
        (work / name / "deep").mkdir(parents=True)
    assert len(jobs.bury(work, ["node7"], dry_run=True)) == 2
    assert len(jobs.at_work(work)) == 4
    left = jobs.bury(work, ["node7"])
    assert {job.folder.name for job in left} == {mine.name, "train@node8@1@0.12@c"}
    with pytest.raises(Mistake, match="node9 has left anything"):
        jobs.bury(work, ["node9"])


@linux
def test_a_job_that_is_seen_to_live_stays_whatever_is_said(work):
    mine = jobs.begin(work, "train")
    host = mine.name.split("@")[1]
    assert [job.folder for job in jobs.bury(work, [host])] == [mine]


def test_other_things_in_the_folder_are_no_jobs(work):
    (work / ".nfs000000001").write_text("")
    (work / "lost+found").mkdir()
    assert jobs.at_work(work) == jobs.bury(work) == []
    assert jobs.at_work(work / "nowhere") == []
