"""Jobs of this machine are known to be alive or dead; jobs of other machines are never guessed at."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lobate.errors import UserError
from lobate.store import jobs

linux = pytest.mark.skipif(not Path("/proc/self/ns/pid").is_symlink(), reason="only Linux tells who lives")


@pytest.fixture
def work(tmp_path):
    return tmp_path


def killed(work: Path) -> jobs.Job:
    """Let a process begin a job and kill it."""
    code = "import sys, time, pathlib; from lobate.store import jobs; print(jobs.register(pathlib.Path(sys.argv[1]), 'toy'), flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code, str(work)], stdout=subprocess.PIPE, text=True)
    folder = process.stdout.readline().strip()
    (job,) = [one for one in jobs.running_jobs(work) if str(one.folder) == folder]
    assert not job.is_dead()
    process.kill()
    process.stdout.close()
    process.wait()
    return job


@linux
def test_a_killed_job_of_this_machine_is_seen_and_its_folder_removed(work):
    mine, dead = jobs.register(work, "train"), killed(work)
    assert dead.is_dead()
    assert [job.folder for job in jobs.remove_dead(work, dry_run=True)] == [mine]
    assert dead.folder.exists()
    assert [job.folder for job in jobs.remove_dead(work)] == [mine]
    assert list(work.iterdir()) == [mine]


@linux
def test_a_number_that_was_given_to_another_process_is_not_taken_for_the_job(work):
    """This process lives, but it is not the one that began the job: it began at another time."""
    mine = jobs.register(work, "train")
    stage, host, pid, place, _ = mine.name.split("@")
    place, began = place.split(".")
    (work / f"{stage}@{host}@{pid}@{place}.{int(began) - 1}@x").mkdir()
    assert [job.folder for job in jobs.remove_dead(work)] == [mine]


@linux
def test_a_zombie_has_ended(work):
    code = "import pathlib, sys; from lobate.store import jobs; jobs.register(pathlib.Path(sys.argv[1]), 'toy'); print('begun')"
    process = subprocess.Popen([sys.executable, "-c", code, str(work)], stdout=subprocess.PIPE)
    process.stdout.read()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    (job,) = jobs.running_jobs(work)
    assert job.is_dead()
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
    _, host, _, place, _ = jobs.register(work, "other").name.split("@")
    (work / name.format(host=host, here=place.split(".")[0], elsewhere="0" * 12)).mkdir()
    assert len(jobs.remove_dead(work)) == 2


def test_a_person_says_that_a_host_runs_nothing_any_more(work):
    mine = jobs.register(work, "train")
    for name in ("train@node7@1@0.12@a", "predict@node7@2@0.13@b", "train@node8@1@0.12@c"):
        (work / name / "deep").mkdir(parents=True)
    assert len(jobs.remove_dead(work, ["node7"], dry_run=True)) == 2
    assert len(jobs.running_jobs(work)) == 4
    left = jobs.remove_dead(work, ["node7"])
    assert {job.folder.name for job in left} == {mine.name, "train@node8@1@0.12@c"}
    with pytest.raises(UserError, match="node9 has left a folder"):
        jobs.remove_dead(work, ["node9"])


@linux
def test_a_job_that_is_seen_to_live_stays_whatever_is_said(work):
    mine = jobs.register(work, "train")
    host = mine.name.split("@")[1]
    assert [job.folder for job in jobs.remove_dead(work, [host])] == [mine]


def test_other_things_in_the_folder_are_no_jobs(work):
    (work / ".nfs000000001").write_text("")
    (work / "lost+found").mkdir()
    assert jobs.running_jobs(work) == jobs.remove_dead(work) == []
    assert jobs.running_jobs(work / "nowhere") == []
