"""An input or the code that changes while a stage runs: nothing is published, unless the bytes are the same."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import pytest

from lobate.engine import change_guard
from lobate.engine.bound_call import bind
from lobate.engine.signature import Input
from lobate.errors import UserError
from lobate.io.digest import content_digest

WORDS = ("total", "--sources", "in.txt", "more.txt", "--folder", "out", "--settings", "toy.json")


def run_and_meanwhile(toy, change: Callable[[], object]) -> tuple[int, str]:
    """Start a stage, make a change while its verb sleeps before it reads; return exit status and standard error."""
    toy.settings(training={"target_iou": 1})
    (toy.folder / "in.txt").write_text("0.1\n")
    (toy.folder / "more.txt").write_text("0.2\n")
    process = toy.start(*WORDS, TOY_SLEEP="2")
    deadline = time.monotonic() + 60
    while not [*(toy.folder / "store/work").glob("*/made/folder/0/out/deep")]:
        assert time.monotonic() < deadline and process.poll() is None, process.communicate()
        time.sleep(0.02)
    change()
    _, err = process.communicate(timeout=120)
    return process.returncode, err


def recipes(toy) -> list[Path]:
    return [*(toy.folder / "store/recipes").glob("*/*")]


def replace(path: Path, text: str) -> None:
    """Replace a file as a download or an editor does: a new file, renamed."""
    new = path.with_name(f"{path.name}.new")
    new.write_text(text)
    new.replace(path)


INPUT_CHANGES = {
    "written over": lambda path: path.write_text("0.3\n"),
    "replaced": lambda path: replace(path, "0.3\n"),
    "written over within the time stamp": lambda path: (
        status := path.stat(),
        path.write_text("0.3\n"),
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns)),
    ),
    "appended to": lambda path: path.open("a").write("0.3\n"),
    "removed": lambda path: path.rename(path.with_name("gone.txt")),
}


@pytest.mark.parametrize("name", INPUT_CHANGES)
@pytest.mark.parametrize("file", ["in.txt", "more.txt"])
def test_an_input_with_other_bytes_is_never_published(toy, name, file):
    status, err = run_and_meanwhile(toy, lambda: INPUT_CHANGES[name](toy.folder / file))
    assert (status, f"{file} changed while total read it" in err, "Traceback" in err) == (2, True, False), err
    assert recipes(toy) == []
    assert not (toy.folder / "out").exists()


SAME_BYTES = {
    "touched": lambda path: path.touch(),
    "hard-linked by a backup": lambda path: os.link(path, path.with_name("backup")),
    "copied back": lambda path: replace(path, path.read_text()),
    "other mode": lambda path: path.chmod(0o600),
}


def test_a_touched_input_is_digested_once_more_and_not_at_each_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "in.txt"
    path.write_text("bytes")
    source = {"path": str(path), "name": "in.txt", "digest": content_digest(path)}
    guard = change_guard.InputGuard(bind(reads, {"source": path}, None))
    digested = []
    monkeypatch.setattr(change_guard, "content_digest", lambda file: digested.append(file) or content_digest(file))
    os.utime(path, (0, 0))
    for _ in range(3):
        guard.check("reads", {"source": [source]})
    assert digested == [path]
    path.write_text("other")
    with pytest.raises(UserError, match="changed while"):
        guard.check("reads", {"source": [source]})


def reads(source: Annotated[Path, Input()]) -> None:
    """Read a file."""


@pytest.mark.parametrize("name", SAME_BYTES)
def test_an_input_with_the_same_bytes_costs_nothing(toy, name):
    status, err = run_and_meanwhile(toy, lambda: SAME_BYTES[name](toy.folder / "in.txt"))
    assert (status, len(recipes(toy))) == (0, 1), err


def test_the_source_of_a_view_may_change_while_the_verb_runs(toy):
    """The verb has a part of its own to read: reviewers may go on while a model trains."""
    process = toy.start("copy", "--source", "in.txt", "--result", "r.txt", "--settings", "toy.json", TOY_SLEEP="2")
    while not [*(toy.folder / "store/work").glob("*/made/result/0/r.txt")]:
        time.sleep(0.02)
    (toy.folder / "in.txt").write_text("another\n")
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert (toy.folder / "r.txt").read_text() == "APPLE\nAVOCADO\n0\n"


CODE_CHANGES = {
    "helper edited": (lambda code: edit(code / "lobate/toy_helper.py", "upper()", "lower()"), 2),
    "verb edited": (lambda code: edit(code / "lobate/toy/verbs.py", "read_text())", "read_text() + '!')"), 2),
    "comment edited": (lambda code: edit(code / "lobate/toy_helper.py", "# loud", "# very loud"), 0),
    "foreign code edited": (lambda code: edit(code / "lobate/labels/table.py", '"""', '"""Other. ', 1), 0),
    "helper removed": (lambda code: (code / "lobate/toy_helper.py").unlink(), 2),
    "package touched": (lambda code: [file.touch() for file in (code / "lobate").rglob("*.py")], 0),
    "cloned anew": (lambda code: clone_anew(code / "lobate"), 0),
}


def edit(path: Path, old: str, new: str, count: int = -1) -> None:
    assert old in path.read_text()
    replace(path, path.read_text().replace(old, new, count))


def clone_anew(package: Path) -> None:
    shutil.copytree(package, package.with_name("copy"))
    shutil.rmtree(package)
    package.with_name("copy").rename(package)


@pytest.mark.parametrize("name", CODE_CHANGES)
def test_code_that_changes_while_it_runs(toy, name):
    change, status = CODE_CHANGES[name]
    returned, err = run_and_meanwhile(toy, lambda: change(toy.code))
    assert returned == status, err
    assert ("changed while total ran" in err, len(recipes(toy))) == (status == 2, int(status == 0))


def test_code_that_was_replaced_before_its_digest(toy, monkeypatch):
    """The imported code is then another than the digested one."""
    start = toy.code / "lobate/toy/total.py"
    start.write_text(start.read_text() + "\nfrom pathlib import Path\nfrom lobate.toy_helper import shout\n")
    start.write_text(start.read_text() + "helper = Path(__file__).parents[1] / 'toy_helper.py'\n")
    start.write_text(start.read_text() + "new = helper.with_suffix('.new'); new.write_text(helper.read_text() + '#')\n")
    start.write_text(start.read_text() + "new.replace(helper)\n")
    (toy.folder / "more.txt").write_text("0.2\n")
    (toy.folder / "in.txt").write_text("0.1\n")
    toy.settings(training={"target_iou": 1})
    done = toy.run(*WORDS)
    assert (done.returncode, "changed while total ran" in done.stderr, recipes(toy)) == (2, True, []), done.stderr
