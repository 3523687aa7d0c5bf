"""The journal of a download folder: complete files are not fetched again; errors of the disk have advice."""

from __future__ import annotations

import errno
import hashlib
import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobate.errors import UserError
from lobate.imagery.fetching.checksum import Checksum
from lobate.imagery.fetching.journal import Journal, _read_journal, open_journal, os_errors, write_json_atomically

URL = "https://a.example/B04.tif"


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "scenes" / "S2A"


def put(folder, content=b"pixels"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "B04.tif").write_bytes(content)


def sha256(content=b"pixels"):
    return Checksum("sha256", hashlib.sha256(content).hexdigest())


def test_what_arrived_is_known_to_the_next_process(folder):
    with open_journal(folder) as journal:
        assert not journal.is_complete("B04.tif", URL, None)
        put(folder)
        assert not journal.is_complete("B04.tif", URL, None)
        journal.record("B04.tif", f"{URL}?sig=1")
        journal.record_absent("granule_metadata.xml")
    with open_journal(folder) as journal:
        assert journal.is_complete("B04.tif", f"{URL}?sig=2", None)
        assert not journal.is_complete("B04.tif", "https://b.example/B04.tif", None)
        assert journal.absent == {"granule_metadata.xml"}
        assert journal.complete() == {"B04.tif": {"sha256": sha256().digest, "bytes": 6, "href": URL}}


@pytest.mark.parametrize("content", [b"pixelz", b"pix", None])
def test_what_changed_or_went_is_not_here(folder, content):
    with open_journal(folder) as journal:
        put(folder)
        journal.record("B04.tif", URL)
        (folder / "B04.tif").unlink()
        if content is not None:
            put(folder, content)
        assert not journal.is_complete("B04.tif", URL, None)
        assert not journal.is_complete("B04.tif", URL, sha256())


def test_the_catalogues_checksum_knows_what_no_journal_lists(folder):
    with open_journal(folder) as journal:
        put(folder)
        assert not journal.is_complete("B04.tif", URL, sha256(b"other"))
        assert journal.is_complete("B04.tif", URL, Checksum("md5", hashlib.md5(b"pixels").hexdigest()))
        assert list(journal.complete()) == ["B04.tif"]


def test_the_folder_itself_holds_nothing_but_the_files(folder):
    with open_journal(folder) as journal:
        put(folder)
        journal.record("B04.tif", URL)
        assert [one.name for one in folder.iterdir()] == ["B04.tif"]
        assert journal.work_dir == folder.parent / ".fetching" / "S2A"


def test_one_works_while_the_other_waits(folder, caplog):
    order = []

    def wait():
        with caplog.at_level("INFO"), open_journal(folder):
            order.append("second")

    with open_journal(folder):
        other = threading.Thread(target=wait)
        other.start()
        other.join(timeout=0.3)
        order.append("first")
    other.join(timeout=10)
    assert order == ["first", "second"]
    assert "is being fetched by another process" in caplog.text


def test_a_killed_process_leaves_the_folder_free(folder, caplog):
    code = (
        "import sys, time; from pathlib import Path; from lobate.imagery.fetching.journal import open_journal\n"
        "with open_journal(Path(sys.argv[1])): print('locked', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE)
    assert holder.stdout.readline() == b"locked\n"
    killer = threading.Timer(0.5, holder.kill)
    killer.start()
    with caplog.at_level("INFO"), open_journal(folder):
        assert holder.wait(timeout=10) == -signal.SIGKILL, "the lock is waited for"
    holder.stdout.close()
    assert "is being fetched by another process" in caplog.text


def test_a_file_system_without_locks_is_told_and_used(folder, caplog, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr("fcntl.flock", refuse)
    with caplog.at_level("INFO"), open_journal(folder) as journal:
        put(folder)
        journal.record("B04.tif", URL)
    assert f"{folder} cannot be locked (Function not implemented)" in caplog.text
    assert list(journal.complete()) == ["B04.tif"]


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "scenes").write_text("a file where a folder must be")
    with pytest.raises(UserError, match="cannot be written"), open_journal(tmp_path / "scenes" / "S2A"):
        pass


@given(st.binary(max_size=40) | st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["files", "notes", "absent", "sha256", "bytes", "href", "B04.tif"]), inner, max_size=4),
    max_leaves=10,
).map(lambda one: json.dumps(one).encode()))  # fmt: skip
def test_a_damaged_journal_is_an_empty_one(tmp_path_factory, content):
    place = tmp_path_factory.getbasetemp()
    (place / "journal.json").write_bytes(content)
    journal = Journal(place / "none", place)
    assert not journal.is_complete("B04.tif", URL, None)
    assert journal.complete() == {}
    assert isinstance(_read_journal(place / "journal.json"), dict)


def test_json_is_written_whole_and_the_same(tmp_path):
    write_json_atomically(tmp_path / "a.json", {"b": 1, "a": "é"})
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == '{\n  "a": "é",\n  "b": 1\n}\n'
    assert [one.name for one in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (errno.ENOSPC, "Free some disk space"),
        (errno.EDQUOT, "Free some disk space"),
        (errno.EROFS, "Make the folder writable"),
    ],
)
def test_a_failure_to_write_is_told_with_what_to_do(number, hint):
    with pytest.raises(UserError, match=rf"a/b cannot be written: .*{hint}"), os_errors(Path("a/b")):
        raise OSError(number, "no")


def test_the_file_that_the_system_names_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="file/inner cannot be written: Not a directory"), os_errors(tmp_path):
        (tmp_path / "file" / "inner").mkdir()
