"""A file appears complete or not at all, and nothing temporary is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lobate.io import atomic
from lobate.io.atomic import atomic_write, temporary_folder, temporary_path


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_file_appears_only_when_it_is_complete(tmp_path):
    path = tmp_path / "a.json"
    with atomic_write(path) as new:
        assert new.parent == tmp_path
        assert new.name.startswith(".")
        assert not list(tmp_path.glob("*.json"))
        new.write_text("half")
        assert not path.exists()
        new.write_text("whole")
    assert path.read_text() == "whole"
    assert names(tmp_path) == ["a.json"]


@pytest.mark.parametrize("error", [OSError("full"), ValueError("wrong"), KeyboardInterrupt(), SystemExit(1)])
def test_a_failure_keeps_the_old_file_and_leaves_nothing(tmp_path, error):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(type(error)), atomic_write(path) as new:
        new.write_text("half")
        raise error
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_a_failure_before_anything_is_written_is_the_error_seen(tmp_path):
    with pytest.raises(ValueError, match="early"), atomic_write(tmp_path / "a"):
        raise ValueError("early")
    assert names(tmp_path) == []


def test_a_block_that_writes_nothing_is_a_mistake(tmp_path):
    (tmp_path / "a").write_text("old")
    with pytest.raises(FileNotFoundError), atomic_write(tmp_path / "a"):
        pass
    assert (tmp_path / "a").read_text() == "old"


def test_a_rename_that_fails_leaves_nothing(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(IsADirectoryError), atomic_write(tmp_path / "a") as new:
        new.write_text("whole")
    assert names(tmp_path) == ["a"]


def test_a_missing_folder_is_not_made(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_write(tmp_path / "none" / "a") as new:
        new.write_text("whole")
    assert names(tmp_path) == []


def test_a_failure_to_remove_does_not_hide_the_error(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(ValueError, match="first"), atomic_write(tmp_path / "a") as new:
        new.write_text("half")
        raise ValueError("first")


def test_a_fixed_temporary_is_used_overwritten_and_removed(tmp_path):
    fixed = tmp_path / "work" / "a.new"
    fixed.parent.mkdir()
    fixed.write_text("left by a kill")
    with atomic_write(tmp_path / "a", fixed) as new:
        assert new == fixed
        new.write_text("whole")
    assert (names(tmp_path), names(fixed.parent)) == (["a", "work"], [])
    with pytest.raises(ValueError, match="x"), atomic_write(tmp_path / "a", fixed) as new:
        new.write_text("half")
        raise ValueError("x")
    assert ((tmp_path / "a").read_text(), names(fixed.parent)) == ("whole", [])


def test_the_content_is_on_disk_before_the_rename(tmp_path, monkeypatch):
    path, seen = tmp_path / "a", []
    monkeypatch.setattr(os, "fsync", lambda number: seen.append((os.fstat(number).st_size, path.exists())))
    with atomic_write(path, fsync=True) as new:
        new.write_text("whole")
    assert seen == [(5, False)]
    with atomic_write(path) as new:
        new.write_text("again")
    assert seen == [(5, False)]


def test_a_link_is_replaced_and_its_target_kept(tmp_path):
    (tmp_path / "target").write_text("old")
    (tmp_path / "link").symlink_to("target")
    with atomic_write(tmp_path / "link") as new:
        new.write_text("whole")
    assert not (tmp_path / "link").is_symlink()
    assert ((tmp_path / "target").read_text(), (tmp_path / "link").read_text()) == ("old", "whole")


def test_a_hard_link_to_the_file_that_is_there_leaves_no_second_name(tmp_path):
    path = tmp_path / "a"
    path.write_text("whole")
    with atomic_write(path) as new:
        os.link(path, new)
    assert names(tmp_path) == ["a"]
    assert (path.read_text(), path.stat().st_nlink) == ("whole", 1)


def test_concurrent_writers_use_different_files_and_one_of_them_wins(tmp_path):
    path, contents = tmp_path / "a.txt", [str(number) * 20_000 for number in range(8)]

    def write(content):
        for _ in range(20):
            with atomic_write(path) as new:
                new.write_text(content)
            assert path.read_text() in contents

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, contents))
    assert path.read_text() in contents
    assert names(tmp_path) == ["a.txt"]


def test_nested_writers_of_one_file_do_not_meet(tmp_path):
    with atomic_write(tmp_path / "a") as outer, atomic_write(tmp_path / "a") as inner:
        assert outer != inner
        outer.write_text("outer")
        inner.write_text("inner")
    assert (tmp_path / "a").read_text() == "outer"


@pytest.mark.parametrize("name", ["a" * 255, "a." + "b" * 253, "é" * 127])
def test_a_name_as_long_as_names_may_be(tmp_path, name):
    with atomic_write(tmp_path / name) as new:
        new.write_text("whole")
    assert names(tmp_path) == [name]


def test_a_search_for_the_suffix_does_not_find_the_temporary_file():
    first, second = (temporary_path(Path("folder/a.json")) for _ in range(2))
    assert first != second
    assert {first.suffix, second.suffix} == {".new"}


def test_a_kill_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    code = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom lobate.io.atomic import atomic_write\n"
        "with atomic_write(Path(sys.argv[1])) as new:\n"
        "    new.write_text('half')\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert path.read_text() == "old"


@pytest.fixture
def leftovers(tmp_path):
    """Names of a killed process's temporary file and folder; this process has not yet searched the folder."""
    code = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom lobate.io.atomic import atomic_write, temporary_folder\n"
        "folder = Path(sys.argv[1])\n"
        "with atomic_write(folder / 'a') as new, temporary_folder(folder / 'b') as deep:\n"
        "    new.write_text('half')\n    (deep / 'c').mkdir()\n    (deep / 'c' / 'd').touch(0o444)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    atomic._remove_leftovers.cache_clear()
    left = names(tmp_path)
    assert len(left) == 2
    return left


linux = pytest.mark.skipif(not Path("/proc/self/ns/pid").is_symlink(), reason="only Linux tells who lives")


@linux
@pytest.mark.parametrize("output", ["a", "b", "another"])
def test_what_a_killed_process_left_is_removed_when_the_folder_is_next_written_to(tmp_path, leftovers, output):
    with atomic_write(tmp_path / output) as new:
        new.write_text("whole")
    assert names(tmp_path) == [output]


@linux
def test_what_a_living_process_writes_stays(tmp_path):
    code = (
        "import sys\nfrom pathlib import Path\nfrom lobate.io.atomic import atomic_write\n"
        "with atomic_write(Path(sys.argv[1])) as new:\n"
        "    new.write_text('slow')\n    print(flush=True)\n    sys.stdin.read()\n"
    )
    words = [sys.executable, "-c", code, str(tmp_path / "a")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        writer.stdout.readline()
        with temporary_folder(tmp_path / "b") as mine:
            for _ in range(2):
                atomic._remove_leftovers.cache_clear()
                temporary_path(tmp_path / "c")
            assert mine.is_dir() and len(names(tmp_path)) == 2
    assert writer.returncode == 0
    assert names(tmp_path) == ["a"]
    assert (tmp_path / "a").read_text() == "slow"


@linux
def test_a_number_that_another_process_has_now_hides_no_leftover(tmp_path):
    mine = temporary_path(tmp_path / "a")
    _, machine, pid, ticks, word, _ = mine.name.split(".")
    (tmp_path / f".{machine}.{pid}.{int(ticks) - 1}.{word}.new").touch()
    mine.touch()
    atomic._remove_leftovers.cache_clear()
    temporary_path(tmp_path / "a")
    assert names(tmp_path) == [mine.name]


@linux
def test_other_names_and_those_of_other_machines_stay(tmp_path, leftovers):
    machine, rest = leftovers[0][1:13], leftovers[0][13:]
    others = {f".{'0' * 12}{rest}", f"{leftovers[0]}.tif", f".{machine}..new", ".x.new", "new", leftovers[0].strip(".")}
    for name in others:
        (tmp_path / name).touch()
    temporary_path(tmp_path / "a")
    assert set(names(tmp_path)) == others


def test_a_folder_is_searched_once_however_much_is_written_there(tmp_path, monkeypatch):
    searched, listdir = [], os.listdir
    monkeypatch.setattr(os, "listdir", lambda folder: searched.append(folder) or listdir(folder))
    for number in range(5):
        with atomic_write(tmp_path / str(number)) as new:
            new.touch()
    assert searched == [str(tmp_path)]


def test_a_temporary_folder_is_removed_unless_it_was_renamed(tmp_path):
    with temporary_folder(tmp_path / "a") as new:
        (new / "x").touch()
        new.replace(tmp_path / "a")
    with pytest.raises(KeyboardInterrupt), temporary_folder(tmp_path / "b") as new:
        (new / "x").touch()
        raise KeyboardInterrupt
    assert names(tmp_path) == ["a"]
