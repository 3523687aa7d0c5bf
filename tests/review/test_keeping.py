"""What a person decides is kept: kills, readers, writers, damage and full disks lose nothing."""

from __future__ import annotations

import random
import resource
import signal
import sqlite3
import subprocess
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pyogrio
import pytest
from tests.review.kept import ANNA, BEN, in_process, said, statuses

from lobate.errors import UserError
from lobate.inventory.decisions import read_decisions
from lobate.review import keeping
from lobate.review.decisions_file import DecisionsFile

SIDE_FILES = ("-journal", "-wal", "-shm")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "resources/r/decisions.gpkg"


def left_beside(path: Path) -> list[str]:
    """The files beside it that keep anything; a journal that a kill left before its first word is nothing to anybody."""
    there = {name: path.with_name(path.name + name) for name in SIDE_FILES}
    return [
        name for name, file in there.items() if file.exists() and (name != "-journal" or any(file.read_bytes()[:8]))
    ]


def test_an_act_is_on_disk_and_nothing_is_left_beside_the_file(path):
    file = DecisionsFile(path)
    assert (file.rows(), file.version(), path.exists()) == ([], 0, False), "a look makes no file"
    outcome = file.decide(ANNA, said(1, words={"activity": "Active "}, remark="schön ❄"), base=0)
    assert (outcome.version, outcome.rows, left_beside(path)) == (1, (1,), [])
    (row,) = DecisionsFile(path).rows()
    assert (row.detection, row.status, row.words["activity"], row.remark) == ("d1", "accepted", "active", "schön ❄")
    read = read_decisions(path)
    assert read["status"].tolist() == ["accepted"]
    assert read.geometry[0].equals(said(1).outline)
    assert dict(pyogrio.list_layers(path)) == {"review": "MultiPolygon", "history": None, "layer_styles": None}


def test_a_row_that_gdal_does_not_see_through_an_old_extent(path):
    file = DecisionsFile(path)
    file.decide(ANNA, said(1))
    pyogrio.read_info(path, layer="review", force_total_bounds=True)
    file.decide(ANNA, said(40))
    far = said(40).outline.bounds
    assert len(pyogrio.read_dataframe(path, layer="review", bbox=far)) == 1


def test_kill_9_in_the_middle_of_acts_loses_no_act_that_was_answered(path):
    code = """
import itertools
file = DecisionsFile(path)
for number in itertools.count(int(sys.argv[2])):
    file.decide("Anna", said(number % 60, "accepted" if number % 2 else "rejected"), base=10**9)
    print(number, flush=True)
"""
    wait, first = random.Random(5), 0
    for _ in range(6):
        process = in_process(code, path, first, start=subprocess.Popen, stdout=subprocess.PIPE)
        for _ in range(3):
            assert process.stdout.readline(), "the writer ended by itself"
        time.sleep(wait.uniform(0, 0.2))
        process.send_signal(signal.SIGKILL)
        answered = int((process.communicate()[0].split() or [str(first + 2)])[-1])
        file = DecisionsFile(path)
        rows, done = statuses(file), file.version()
        assert file.notices() == []
        assert answered + 1 <= done <= answered + 2, "all that was answered, and at most the one under way"
        for number in range(max(0, done - 60), done):
            assert rows[f"d{number % 60}"] == ("accepted" if number % 2 else "rejected")
        assert left_beside(path) == []
        first = done


def test_a_reader_of_the_chain_never_sees_half_an_act(path):
    """Each act decides two places alike; a run reads meanwhile, as often as it can."""
    DecisionsFile(path).decide(ANNA, [said(1), said(2)])
    code = """
file, until = DecisionsFile(path), __import__("time").monotonic() + 6
while __import__("time").monotonic() < until:
    for status in ("rejected", "accepted"):
        file.decide("Anna", [said(1, status), said(2, status)], base=10**9)
print(file.version())
"""
    process = in_process(code, path, start=subprocess.Popen, stdout=subprocess.PIPE)
    seen, reads = set(), 0
    while process.poll() is None:
        seen.add(tuple(read_decisions(path)["status"]))
        reads += 1
    version = int(process.stdout.read())
    assert process.returncode == 0
    assert version > 10
    assert reads > 10
    assert seen <= {("accepted", "accepted"), ("rejected", "rejected")}


def test_two_processes_write_and_all_is_there(path):
    code = """
file, (name, first) = DecisionsFile(path), sys.argv[2:]
for number in range(int(first), int(first) + 25):
    file.decide(name, said(number), base=file.version())
    file.decide(name, said(100), base=0) if number % 5 == 0 else None
"""
    processes = [in_process(code, path, *who, start=subprocess.Popen) for who in ((ANNA, 0), (BEN, 25))]
    assert [process.wait(120) for process in processes] == [0, 0]
    file = DecisionsFile(path)
    rows = statuses(file)
    assert set(rows) == {*(f"d{number}" for number in range(50)), "d100"}
    entries = file.history(1000)
    assert [entry.number for entry in entries] == [*range(60, 0, -1)]
    shared = next(row for row in file.rows() if row.detection == "d100")
    assert set(shared.reviewer.split("; ")) == {ANNA, BEN}
    assert left_beside(path) == []


def decided(path: Path, count: int = 8) -> DecisionsFile:
    """A file of that many acts, with a backup before most of them: the clock goes half an hour an act."""
    clock = iter(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=10 * step) for step in range(10_000))
    file = DecisionsFile(path, now=lambda: next(clock))
    for number in range(count):
        file.decide(ANNA, said(number, remark="a long remark, to be found in the bytes again " * 9), base=10**9)
    return file


def flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 0xFF
    path.write_bytes(data)


def cut(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])


def zeros(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def text_flipped(path: Path) -> None:
    flip(path, path.read_bytes().index(b"a long remark"))


def outline_flipped(path: Path) -> None:
    flip(path, path.read_bytes().index(b"GP\0") + 60)


DAMAGE = {
    "the header": lambda path: flip(path, 3),
    "a page": lambda path: [flip(path, 4096 * 3 + place) for place in range(0, 100)],
    "a text": text_flipped,
    "an outline": outline_flipped,
    "half of it": lambda path: cut(path, path.stat().st_size // 2),
    "all but the header": lambda path: cut(path, 100),
    "all of it": lambda path: cut(path, 0),
    "only zeros": zeros,
    "other content": lambda path: path.write_text("<html>404</html>" * 100),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_file_is_answered_by_backup_and_log_and_said(path, name):
    before = statuses(decided(path))
    version = DecisionsFile(path).version()
    DAMAGE[name](path)
    damaged = path.read_bytes()
    file = DecisionsFile(path)
    assert statuses(file) == before
    assert file.version() == version
    (notice,) = file.notices()
    assert "was damaged" in notice
    (aside,) = (path.parent / "backups").glob("decisions_damaged_*.gpkg")
    assert aside.name in notice
    assert aside.read_bytes() == damaged, "what is left of it may still be wanted"
    assert file.decide(ANNA, said(50)).version == version + 1
    assert file.notices() == []
    assert DecisionsFile(path).undo(ANNA).rows, "the history is there too"


def test_damage_while_the_server_runs_is_seen(path):
    file = decided(path)
    cut(path, 0)
    assert file.decide(BEN, said(20)).version == 9
    assert "was damaged" in file.notices()[0]
    assert len(statuses(DecisionsFile(path))) == 9


def test_a_bad_backup_is_passed_over_and_the_log_has_the_rest(path):
    before = statuses(decided(path, 20))
    backups = sorted((path.parent / "backups").glob("decisions_2*.gpkg"))
    assert len(backups) > 2
    for backup in backups[1:]:
        cut(backup, 1000)
    cut(path, 10)
    file = DecisionsFile(path)
    assert statuses(file) == before
    assert backups[0].name in file.notices()[0]


def test_without_a_good_backup_the_log_alone_answers(path):
    before = statuses(decided(path, 5))
    for backup in (path.parent / "backups").glob("decisions_2*.gpkg"):
        backup.write_bytes(b"")
    cut(path, 0)
    file = DecisionsFile(path)
    assert statuses(file) == before
    assert "no good backup" in file.notices()[0]


def test_backups_are_dated_hourly_and_twenty(path):
    decided(path, 30)
    names = sorted(file.name for file in (path.parent / "backups").glob("decisions_2*.gpkg"))
    assert names[0] == "decisions_20260101T000000Z.gpkg"
    stamps = [datetime.strptime(name[10:25], "%Y%m%dT%H%M%S") for name in names]
    assert all(later - earlier >= timedelta(hours=1) for earlier, later in pairwise(stamps))
    clock = iter(datetime(2026, 2, 1, tzinfo=UTC) + timedelta(hours=2 * step) for step in range(10_000))
    file = DecisionsFile(path, now=lambda: next(clock))
    for number in range(30):
        file.decide(ANNA, said(number, "rejected"))
    kept = list((path.parent / "backups").glob("decisions_2*.gpkg"))
    logs = list((path.parent / "backups").glob("decisions_2*.acts"))
    assert len(kept) == keeping.BACKUPS_KEPT
    assert {log.stem for log in logs} <= {backup.stem for backup in kept}
    assert read_decisions(kept[0]).empty is False, "a backup is a decisions file like any other"


def test_a_full_disk_keeps_what_was_and_says_so(path):
    code = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
file = DecisionsFile(path)
file.decide("Anna", said(1), base=0)
resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size, resource.RLIM_INFINITY))
from lobate.errors import UserError
done = 1
try:
    for number in range(2, 500):
        file.decide("Anna", said(number, remark="r" * 900), base=0)
        done += 1
except UserError as error:
    print(done, error)
else:
    print("never full")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
file.decide("Anna", said(700), base=0)
"""
    soft, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    assert soft == resource.RLIM_INFINITY
    done = in_process(code, path, capture_output=True)
    assert done.returncode == 0, done.stderr
    count, _, message = done.stdout.partition(" ")
    assert "is full" in message
    assert "Nothing was kept of this act" in message
    file = DecisionsFile(path)
    assert set(statuses(file)) == {*(f"d{number}" for number in range(1, int(count) + 1)), "d700"}
    assert file.notices() == []
    assert left_beside(path) == []


def test_a_lock_of_another_program_is_told(path, monkeypatch):
    monkeypatch.setattr(keeping, "BUSY_S", 0.2)
    file = DecisionsFile(path)
    file.decide(ANNA, said(1))
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(UserError, match="open for editing in another program"):
            file.decide(ANNA, said(2))
        assert set(statuses(file)) == {"d1"}, "looking goes on"
        other.execute("ROLLBACK")
    other.close()
    assert file.decide(ANNA, said(2)).version == 2


def test_a_write_ahead_log_that_a_crash_left_is_taken_in(path):
    DecisionsFile(path).decide(ANNA, said(1))
    code = """
import os, sqlite3
connection = sqlite3.connect(path)
connection.execute("PRAGMA journal_mode=WAL")
connection.execute("UPDATE review SET status = 'rejected'")
connection.commit()
os._exit(9)
"""
    in_process(code, path)
    assert left_beside(path) == ["-wal", "-shm"]
    with pytest.raises(UserError, match="latest changes are still in"):
        read_decisions(path)
    file = DecisionsFile(path)
    assert statuses(file) == {"d1": "rejected"}
    assert left_beside(path) == []
    assert read_decisions(path)["status"].tolist() == ["rejected"]


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "resources").write_text("a file in the folder's place")
    with pytest.raises(UserError, match="cannot be written"):
        DecisionsFile(tmp_path / "resources/r/decisions.gpkg").decide(ANNA, said(1))
