"""Results are links to objects, or copies where links are not possible, and never share a file."""

from __future__ import annotations

import errno
import logging
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from lobate.store import link
from lobate.store.store import OutputTarget, Store

KEY = "0" * 64


@pytest.fixture
def log_text(caplog, monkeypatch):
    """The log of links and copies, with the messages that come once not yet logged."""
    monkeypatch.setattr(logging.getLogger("lobate"), "propagate", True)
    caplog.set_level("INFO", logger="lobate.store.link")
    link._log_no_hard_links.cache_clear()
    link._log_shared_blocks.cache_clear()
    return caplog


def filled(folder: Path, work: Path, *names: str) -> Store:
    store = Store(folder)
    made = []
    for name in names:
        (work / name).write_bytes(name.encode())
        made.append(work / name)
    store.commit(KEY, {"recipe": {}, "sources": {}, "run": {}}, {"made": made})
    return store


def test_without_hard_links_outputs_are_copies(toy, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    toy.copy()
    monkeypatch.setattr(link.os, "link", refuse)
    monkeypatch.chdir(toy.folder)
    kept = Store("store")
    (record,) = kept.root.glob("recipes/*/*.json")
    target = toy.folder / "copied.txt"
    assert kept.checkout(record.stem, {"result": [OutputTarget(target)]})
    assert target.read_text() == "APPLE\nAVOCADO\n0\n"
    assert target.stat().st_nlink == 1


def test_two_results_never_share_a_file(toy):
    """Snakemake touches what a job made; the other result must not look newer for it."""
    first, second = (toy.folder / name / "result.txt" for name in "ab")
    toy.copy("a/result.txt")
    os.utime(first, ns=(10**18, 10**18))
    toy.copy("b/result.txt")
    assert first.stat().st_mtime_ns == 10**18 < second.stat().st_mtime_ns
    assert first.read_bytes() == second.read_bytes()
    assert first.stat().st_ino != second.stat().st_ino
    assert {first.stat().st_mode & 0o777, second.stat().st_mode & 0o777} == {0o444}
    (kept,) = toy.objects()
    assert kept.stat().st_ino == first.stat().st_ino


def test_result_linked_again_stays_a_link(tmp_path):
    store, target = Store(tmp_path / "store"), tmp_path / "out/found.bin"
    made = tmp_path / "made.bin"
    made.write_bytes(b"outlines")
    store.commit("k" * 64, {"recipe": {}, "sources": {}, "run": {}}, {"found": [made]})
    for _ in range(2):
        assert store.checkout("k" * 64, {"found": [OutputTarget(target)]})
        assert target.stat().st_nlink == 2


@pytest.mark.parametrize("refusal", [errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP])
def test_without_links_results_are_copied_and_it_is_logged_once(tmp_path, monkeypatch, log_text, refusal):
    def refuse(*_: object) -> None:
        raise OSError(refusal, os.strerror(refusal))

    store = filled(tmp_path / "store", tmp_path, "a", "b", "c")
    monkeypatch.setattr(link.os, "link", refuse)
    targets = [OutputTarget(tmp_path / "out" / name) for name in "abc"]
    assert store.checkout(KEY, {"made": targets})
    assert [target.path.read_text() for target in targets] == ["a", "b", "c"]
    assert {target.path.stat().st_nlink for target in targets} == {1}
    assert log_text.text.count("cannot be linked") == 1
    assert os.strerror(refusal) in log_text.text


def test_store_on_another_file_system_gives_copies_and_says_so(tmp_path, log_text):
    """/dev/shm is a file system of its own, across which nothing can be linked."""
    other = Path("/dev/shm")
    if not os.access(other, os.W_OK) or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("no second file system at /dev/shm")
    with tempfile.TemporaryDirectory(dir=other) as folder:
        store = filled(Path(folder) / "store", Path(folder), "outlines")
        target = tmp_path / "out/found.bin"
        assert store.checkout(KEY, {"made": [OutputTarget(target)]})
        assert "cannot be linked to the store's files (Invalid cross-device link): they are copied" in log_text.text
        (kept,) = (Path(folder) / "store/objects").glob("*/*")
        kept.chmod(0o644)
        kept.write_bytes(b"outlinez")
        assert target.read_bytes() == b"outlines"
        assert target.stat().st_mode & 0o222 == 0


def test_blocks_are_shared_where_the_file_system_can_and_it_is_logged_once(tmp_path, monkeypatch, log_text):
    """As on btrfs and XFS: the ioctl succeeds, and nothing is copied byte by byte."""
    store = filled(tmp_path / "store", tmp_path, "a", "b")
    asked = []
    monkeypatch.setattr(link.os, "link", lambda *_: (_ for _ in ()).throw(OSError(errno.EXDEV, "no")))
    monkeypatch.setattr(link.fcntl, "ioctl", lambda *words: asked.append(words[1]))
    assert store.checkout(KEY, {"made": [OutputTarget(tmp_path / name) for name in ("x", "y")]})
    assert asked == [link.FICLONE] * 2
    assert log_text.text.count("share their blocks") == 1


def test_an_object_whose_time_stamp_may_not_be_set_is_copied(tmp_path, monkeypatch, log_text):
    """Somebody else's object: a link to it would look older than what the result was made from."""
    store = filled(tmp_path / "store", tmp_path, "a")

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(link.os, "utime", refuse)
    assert store.checkout(KEY, {"made": [OutputTarget(tmp_path / "out")]})
    assert (tmp_path / "out").stat().st_nlink == 1
    assert "they are copied" in log_text.text


def test_a_name_may_be_as_long_as_names_may_be(tmp_path):
    store, target = filled(tmp_path / "store", tmp_path, "a"), tmp_path / ("n" * 251 + ".tif")
    assert store.checkout(KEY, {"made": [OutputTarget(target)]})
    assert target.read_text() == "a"


@pytest.mark.skipif(not Path("/proc/self/ns/pid").is_symlink(), reason="only Linux tells who lives")
@pytest.mark.parametrize("shape", ["file", "folder"])
def test_a_kill_between_link_and_rename_leaves_nothing_once_the_output_is_linked_again(tmp_path, shape):
    """A second link to the object would also make the output a copy, and keep the object from collection for ever."""
    store, made = Store(tmp_path / "store"), tmp_path / "made"
    if shape == "folder":
        made.mkdir()
    (made / "deep.bin" if shape == "folder" else made).write_bytes(b"outlines")
    store.commit(KEY, {"recipe": {}, "sources": {}, "run": {}}, {"made": [made]})
    code = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom lobate.store.store import OutputTarget, Store\n"
        "if sys.argv[3:]: Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"assert Store(Path(sys.argv[1])).checkout({KEY!r}, {{'made': [OutputTarget(Path(sys.argv[2]))]}})\n"
    )
    target = tmp_path / "out/found"
    words = [sys.executable, "-c", code, str(tmp_path / "store"), str(target)]
    assert subprocess.run([*words, "kill"], check=False).returncode == -signal.SIGKILL
    assert len(list(target.parent.iterdir())) == 1 and not target.exists()
    subprocess.run(words, check=True)
    assert {path.name for path in target.parent.iterdir()} == {".lobate", "found"}
    assert len(list((target.parent / ".lobate").iterdir())) == 1
    assert (target / "deep.bin" if shape == "folder" else target).stat().st_nlink == 2
