"""What is wrong with a store, and who may not use it: a right result or one paragraph, never a traceback."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from lobate.cli.main import main
from lobate.errors import UserError
from lobate.store import os_errors
from lobate.store.gc import collect
from lobate.store.store import OutputTarget, Store
from lobate.store.verify import disk_usage, verify

COMMANDS = (["du"], ["du", "--json"], ["verify"], ["gc", "--dry-run"], ["gc"])
KEY = "a" * 64
MEND = ("-type", "d", "-exec", "chmod", "g+rwxs", "{}", "+")
NOBODY, OTHER = 65534, 65533
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can run as two other users")


def run(store: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lobate", *words],
        env={**os.environ, "LOBATE_STORE": str(store)},
        capture_output=True,
        text=True,
        check=False,
        errors="surrogateescape",
    )


def filled(folder: Path) -> Store:
    """Return a store with an object of its own under two recipes, the second of which made a folder."""
    store = Store(folder / "store")
    (folder / "tree/deep").mkdir(parents=True)
    (folder / "one").write_text("bytes")
    (folder / "tree/deep/two").write_text("more bytes")
    record = {"recipe": {}, "sources": {}, "run": {}}
    store.commit(KEY, record, {"made": [folder / "one"]})
    store.commit("b" * 64, record, {"made": [folder / "tree"]})
    (folder / "one").write_text("theirs")
    return store


def the_object(store: Store) -> Path:
    return store.object_path(store.read_record(KEY)["outputs"]["made"][0][""])


def replaced(path: Path, by: Callable[[Path], object]) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    by(path)


ODD: dict[str, Callable[[Store], object]] = {
    "nothing at all": lambda store: shutil.rmtree(store.root),
    "an empty folder": lambda store: (shutil.rmtree(store.root), store.root.mkdir()),
    "a file": lambda store: replaced(store.root, lambda path: path.write_text("no store")),
    "foreign files": lambda store: [
        (store.root / name).write_text("foreign")
        for name in ("README", "objects/README", "recipes/x.json", "made/x", "links/y", "work/z")
        if (store.root / name).parent.mkdir(exist_ok=True) is None
    ],
    "an object without a record": lambda store: store.recipe_path(KEY).unlink(),
    "a record without its object": lambda store: the_object(store).unlink(),
    "a truncated record": lambda store: os.truncate(store.recipe_path(KEY), 40),
    "an empty record": lambda store: os.truncate(store.recipe_path(KEY), 0),
    "a record of other things": lambda store: store.recipe_path(KEY).write_text(
        f'{{"key":"{KEY}","outputs":{{"made":7}}}}'
    ),
    "a very deep record": lambda store: store.recipe_path(KEY).write_text("[" * 200_000),
    "a folder in place of an object": lambda store: replaced(
        the_object(store), lambda path: (path / "x").mkdir(parents=True)
    ),
    "a pipe in place of an object": lambda store: replaced(the_object(store), os.mkfifo),
    "a link in place of an object": lambda store: replaced(
        the_object(store), lambda path: path.symlink_to(store.root.parent / "one.txt")
    ),
    "a link to nowhere": lambda store: replaced(the_object(store), lambda path: path.symlink_to("/nowhere")),
    "a link to a folder outside": lambda store: (store.root / "objects/zz").symlink_to(store.root.parent),
    "a file in place of a folder": lambda store: replaced(store.root / "objects", lambda path: path.write_text("no")),
    "a folder in place of a record": lambda store: replaced(store.recipe_path(KEY), Path.mkdir),
    "a pipe in place of a record": lambda store: replaced(store.recipe_path(KEY), os.mkfifo),
    "a device in place of a record": lambda store: replaced(
        store.recipe_path(KEY), lambda path: path.symlink_to("/dev/zero")
    ),
    "names that are no UTF-8": lambda store: [
        Path(os.fsdecode(os.fsencode(folder) + b"/\xff\xfe")).write_text("")
        for folder in (store.root / "objects", the_object(store).parent, store.recipe_path(KEY).parent, store.root)
    ],
    "jobs with strange names": lambda store: [
        (store.root / "work" / os.fsdecode(name)).mkdir(parents=True)
        for name in (b"t@\xff@1@0.0@x", b"t@h@" + b"9" * 60 + b"@0.0@x", b"@@@@", b"t@h@-1@a.b@x")
    ],
    "a batch that is a file": lambda store: [
        (store.root / "aside").mkdir(),
        (store.root / "aside/x").write_text(""),
    ],
    "notes that are none": lambda store: [
        (store.root / "links/ab").mkdir(parents=True),
        *(
            (store.root / f"links/ab/{n}.json").write_text(text)
            for n, text in enumerate(("", "[]", '{"key":1,"path":2}'))
        ),
    ],
}


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_store_gives_a_result_or_a_paragraph(tmp_path, odd, capsys, monkeypatch):
    store = filled(tmp_path)
    monkeypatch.setenv("LOBATE_STORE", str(store.root))
    (tmp_path / "one.txt").write_text("bytes")
    outside = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    ODD[odd](store)
    for words in COMMANDS:
        status, output = main(["store", *words]), capsys.readouterr().err
        assert "fault in lobate" not in output, output
        assert status in ((0, 1, 2) if words == ["verify"] else (0, 2)), (words, output)
        if status == 2:
            assert len(output.strip().splitlines()) == 1, "one paragraph"
            assert str(store.root) in output
    assert {path: path.read_bytes() for path in outside} == outside, "nothing outside is touched"


def test_a_store_that_is_not_there_is_told(tmp_path):
    done = run(tmp_path / "nowhere", "store", "du")
    assert (done.returncode, done.stdout) == (0, "0 recipes, 0 objects, 0 bytes\n")
    assert "There is no store" in done.stderr and "nowhere" in done.stderr
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("name", ["../../../one", "/one", "x/../../../../one"])
def test_a_record_cannot_name_files_outside(tmp_path, name):
    """Neither as an object, which would be read and, since it is not what its name says, thrown away, nor as a target."""
    store = filled(tmp_path)
    record = json.loads(store.recipe_path("b" * 64).read_text())
    del record["sha256"]  # as an earlier release wrote it, or somebody who knows how
    text = json.dumps(record)
    for changed in (text.replace("deep/two", name), text.replace(the_digest(store), name)):
        store.recipe_path("b" * 64).write_text(changed)
        assert not store.checkout("b" * 64, {"made": [OutputTarget(tmp_path / "out/tree")]})
    assert (tmp_path / "one").read_text() == "theirs"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("odd", ["a pipe in place of a record", "a device in place of a record"])
def test_a_record_without_end_counts_as_damaged(tmp_path, odd):
    store = filled(tmp_path)
    ODD[odd](store)
    assert store.read_record(KEY) is None
    assert not os.path.lexists(store.recipe_path(KEY))


def test_a_record_with_any_bit_flipped_is_never_served(tmp_path):
    """A flipped bit in the name of a file leaves a record that looks sound, and would give the result another name."""
    store = filled(tmp_path)
    path = store.recipe_path("b" * 64)
    sound = path.read_bytes()
    for place in range(0, len(sound) - 1):
        path.write_bytes(sound[:place] + bytes([sound[place] ^ 1]) + sound[place + 1 :])
        record = store.read_record("b" * 64)
        assert record is None or record["outputs"] == json.loads(sound)["outputs"], sound[place - 9 : place + 9]


def the_digest(store: Store) -> str:
    return store.read_record("b" * 64)["outputs"]["made"][0]["deep/two"]


def test_a_result_is_never_a_link_to_something_outside(tmp_path):
    store = filled(tmp_path)
    home = the_object(store)
    home.unlink()
    (tmp_path / "theirs").write_text("bytes")
    home.symlink_to(tmp_path / "theirs")
    assert not store.checkout(KEY, {"made": [OutputTarget(tmp_path / "out")]})
    assert (tmp_path / "theirs").read_text() == "bytes"
    assert not home.is_symlink()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_quota_is_told_as_a_full_disk_is(tmp_path, monkeypatch, number):
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), str(tmp_path / "store/recipes"))

    monkeypatch.setattr(Store, "commit", refuse)
    with (
        pytest.raises(UserError, match="is full, or your quota is used up"),
        os_errors.convert_os_errors(tmp_path / "store"),
    ):
        Store(tmp_path / "store").commit("k", {}, {})


def test_what_is_wrong_elsewhere_is_not_laid_to_the_store(tmp_path):
    for path in (tmp_path / "elsewhere", tmp_path / "store2"):
        with pytest.raises(PermissionError), os_errors.convert_os_errors(tmp_path / "store"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
    with pytest.raises(FileNotFoundError), os_errors.convert_os_errors(tmp_path / "store"):
        raise FileNotFoundError(errno.ENOENT, "No such file", str(tmp_path / "store" / "made"))


@pytest.fixture
def theirs(tmp_path_factory):
    """A folder that every user can enter, with a store that belongs to another user."""
    folder = Path(tmp_path_factory.mktemp("theirs"))
    for path in (folder, *folder.parents[:3]):
        path.chmod(path.stat().st_mode | 0o055)
    store = filled(folder)
    for path in (store.root, *store.root.rglob("*")):
        os.chown(path, OTHER, OTHER)
    return store


@pytest.fixture
def mine(tmp_path_factory):
    """A folder of one's own."""
    folder = Path(tmp_path_factory.mktemp("mine"))
    os.chown(folder, NOBODY, NOBODY)
    return folder


def as_nobody(function: Callable[[], object], folder: Path) -> str:
    """Return what a function gives, or the UserError it raises, or a traceback, when another user runs it."""
    output = folder / "output"
    with output.open("w") as answer:
        child = os.fork()
        if not child:
            try:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
                os.umask(0o002)
                answer.write(repr(function()))
            except UserError as mistake:
                answer.write(str(mistake))
            except BaseException:
                traceback.print_exc(file=answer)
            finally:
                answer.flush()
                os._exit(0)
        os.waitpid(child, 0)
    return output.read_text()


@as_root
def test_a_store_that_may_only_be_read(theirs, mine, caplog, monkeypatch):
    assert as_nobody(lambda: disk_usage(theirs), mine) == "Usage(recipes=2, objects=2, bytes=15)"
    assert as_nobody(lambda: verify(theirs), mine) == "[]"
    home = the_object(theirs)
    home.chmod(0o644)
    home.write_text("bytez")
    assert as_nobody(lambda: verify(theirs), mine) == f"['{home.name}']"
    assert home.exists()
    collected = as_nobody(lambda: collect(theirs), mine)
    assert "You cannot read or write the store" in collected and "umask 002" in collected
    assert "\n" not in collected
    assert disk_usage(theirs).objects == 2


def published(store: Store, mine: Path) -> str:
    """Put something new into the store and link it out, as a stage does."""
    with os_errors.convert_os_errors(store.root), store.workdir("toy") as job:
        (job / "new").write_text("new bytes")
        store.commit("c" * 64, {"recipe": {}, "sources": {}, "run": {}}, {"made": [job / "new"]})
        return str(store.checkout("c" * 64, {"made": [OutputTarget(mine / "out")]}))


@as_root
@pytest.mark.parametrize("folder", ["work", "objects", "recipes", "made", "links", "clones"])
def test_somebody_elses_folder_in_a_shared_store_is_told_with_how_to_mend_it(theirs, mine, folder):
    """Made under a umask of 022, where only its owner can add to it; mended as the paragraph says."""
    (theirs.root / folder).mkdir(exist_ok=True)
    for path in (theirs.root, *theirs.root.rglob("*")):
        if path.is_dir():
            shut = folder in path.relative_to(theirs.root).parts
            os.chown(path, OTHER, NOBODY)
            path.chmod(0o755 if shut else 0o2775)
    if folder != "work":
        fans = theirs.root / folder
        for number in range(256):
            (fans / f"{number:02x}").mkdir(exist_ok=True)
    output = as_nobody(lambda: published(theirs, mine), mine)
    assert f"You cannot read or write the store {theirs.root}" in output, output
    assert "chgrp -R GROUP" in output and "\n" not in output
    for words in (["chgrp", "-R", str(NOBODY), theirs.root], ["find", theirs.root, *MEND]):
        subprocess.run(words, check=True)
    assert as_nobody(lambda: published(theirs, mine), mine) == "'True'"
    assert (mine / "out").read_text() == "new bytes"


@as_root
def test_an_object_of_somebody_else_is_linked_or_copied_and_never_older_than_what_it_was_made_from(theirs, mine):
    """Linux links no file that one may not write (fs.protected_hardlinks); where it does, its time cannot be set."""
    for path in (theirs.root, *theirs.root.rglob("*")):
        if path.is_dir():
            path.chmod(0o777)
    os.utime(the_object(theirs), (0, 0))
    began = time.time() - 5
    assert as_nobody(lambda: theirs.checkout(KEY, {"made": [OutputTarget(mine / "out")]}), mine) == "True"
    assert (mine / "out").read_text() == "bytes"
    assert (mine / "out").stat().st_mtime > began


def test_results_and_files_whose_names_are_no_utf_8(tmp_path):
    store = Store(tmp_path / "store")
    tree = tmp_path / "tree"
    tree.mkdir()
    name = os.fsdecode(b"caf\xe9.txt")
    (tree / name).write_text("bytes")
    store.commit(KEY, {"recipe": {}, "sources": {}, "run": {}}, {"made": [tree]})
    target = tmp_path / os.fsdecode(b"r\xe9sultat")
    assert store.checkout(KEY, {"made": [OutputTarget(target)]})
    assert (target / name).read_text() == "bytes"
    assert store.linked_digest(target) is not None
    assert run(store.root, "store", "gc").stdout == "deleted: 0 recipes, 0 objects, 0 bytes\n"


@as_root
def test_results_that_a_person_may_not_write_or_see(theirs, mine):
    """The identity goes where the person may write, as high as possible; behind a door that is shut nothing is gone."""
    for path in (theirs.root, *theirs.root.rglob("*")):
        if path.is_dir():
            path.chmod(0o777)
    results, target = mine / "results", mine / "results/demo/out"
    for folder, owner in ((results, OTHER), (results / "demo", NOBODY)):
        folder.mkdir(mode=0o755)
        os.chown(folder, owner, owner)

    def link() -> bool:
        os.chdir(mine)
        return theirs.checkout(KEY, {"made": [OutputTarget(target)]})

    assert as_nobody(link, mine) == "True"
    assert (results / "demo/.lobate").is_dir() and not (results / ".lobate").exists()
    target.unlink()
    (results / "demo").chmod(0o700)
    os.chown(results / "demo", OTHER, OTHER)
    for path in (theirs.root, *theirs.root.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    assert "unseen=[UnseenClone(" in as_nobody(lambda: collect(theirs), mine)
    assert theirs.has(KEY)
    assert "unseen=[]" in repr(collect(theirs))
    assert not theirs.has(KEY)


@as_root
def test_a_region_that_is_shut_says_nothing_of_its_results(theirs, mine):
    """The clone is seen, one folder of it cannot be entered."""
    for path in (theirs.root, *theirs.root.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    shut, target = mine / "results/shut", mine / "results/shut/out"
    (mine / "results").mkdir()
    (mine / "results").chmod(0o755)

    def link(path: Path) -> bool:
        with pytest.MonkeyPatch.context() as here:
            here.chdir(mine)
            return theirs.checkout(KEY, {"made": [OutputTarget(path)]})

    assert link(target)
    target.unlink()
    target.write_text("bytes")  # shares no file with the store
    shut.chmod(0o700)
    assert "unseen=[]" in as_nobody(lambda: collect(theirs), mine)
    assert theirs.has(KEY)
