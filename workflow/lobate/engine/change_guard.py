"""Nothing is published that was made of an input, or of code, that changed meanwhile.

The key names the bytes of the inputs and the code. If either changes between its digest and its use, the result belongs to
another key. Files are looked at before they are digested, and again before a checkpoint is written or the result is
published. Only other bytes count: a backup's hard link changes a time stamp too, and must not cost a day of training.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from lobate.engine import code_digest
from lobate.engine.ast_cache import ROOT
from lobate.engine.bound_call import BoundCall
from lobate.engine.signature import Input
from lobate.errors import UserError
from lobate.io.digest import content_digest, files_of

T = TypeVar("T")
READS = 10
"""Times that an input with a view is read, at most, until it does not change meanwhile."""

FileState = tuple[int, int, int, int]
"""Inode, size, and the times of the last change of content and of status."""

Sources = dict[str, list[dict[str, str]]]
"""Input -> its files with path, digest and, for an input with a view, the digest of the part."""


class InputGuard:
    """The state of all inputs of a call before they are digested."""

    def __init__(self, call: BoundCall) -> None:
        paths = [path for _, _, paths in call.with_marker(Input).values() for path in paths]
        self._states = {str(path): _input_state(path) for path in paths}

    def check(self, stage: str, sources: Sources) -> None:
        """Raise UserError if an input has other bytes than its digest in ``sources``.

        Inputs with a view may change: the verb reads a part of its own (``read_steadily``).
        """
        for source in (source for files in sources.values() for source in files):
            if "seen" not in source and self._has_other_bytes(source):
                raise _changed(source["path"], stage)

    def _has_other_bytes(self, source: dict[str, str]) -> bool:
        path = Path(source["path"])
        try:
            state = _input_state(path)
            if state != self._states[source["path"]] and content_digest(path) != source["digest"]:
                return True
        except (UserError, FileNotFoundError):  # it is gone
            return True
        self._states[source["path"]] = state  # the same bytes need no second digest at the next check
        return False


def read_steadily(path: Path, stage: str, read: Callable[[], T]) -> T:
    """Return what ``read`` finds in an input that does not change meanwhile.

    It reads again after a change: reviewers go on deciding while a run begins. Raises UserError for a file that changes
    time and again.
    """
    for _ in range(READS):
        before = _input_state(path)
        found = read()
        try:
            if _input_state(path) == before:
                return found
        except (UserError, FileNotFoundError):
            break
    raise _changed(str(path), stage)


def _changed(path: str, stage: str) -> UserError:
    return UserError(
        f"{path} changed while {stage} read it, so the result is neither of the old nor of the new file. "
        "Nothing was kept. Run again when the file is complete."
    )


def _input_state(path: Path) -> dict[str, FileState]:
    return {name: _file_state(file) for name, file in files_of(path).items()}


def _file_state(file: Path) -> FileState:
    status = file.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


class CodeGuard:
    """The state of the code that a stage can reach, when it is digested."""

    def __init__(self, modules: frozenset[str]) -> None:
        self._modules = modules
        self._files = [*_source_files(modules)]
        self._digest = code_digest.code_digest(modules)
        self._states = _code_states(self._files)

    def check_since_start(self, stage: str) -> None:
        """Raise UserError if a file of the code was replaced after this process imported it and before its digest."""
        for file, state in self._states.items():
            if file in _AT_START and _AT_START[file][:3] != state[:3]:
                self._refuse(stage, file)

    def check(self, stage: str) -> None:
        """Raise UserError if the code has another digest now."""
        states = _code_states(self._files)
        changed = [file for file, state in states.items() if self._states.get(file) != state]
        missing = self._states.keys() - states.keys()
        if missing or (changed and code_digest.digest_again(self._modules) != self._digest):
            self._refuse(stage, next(iter([*changed, *missing])))

    def _refuse(self, stage: str, file: Path) -> None:
        raise UserError(
            f"The code of lobate changed while {stage} ran ({file}), so it is unclear which code made the result. Nothing was "
            "kept. Run again when the update or edit is complete."
        )


def _source_files(modules: frozenset[str]) -> Iterator[Path]:
    return (
        file for name in sorted(code_digest.reachable_modules(modules)) for file in code_digest.files_of_module(name)
    )


def _code_states(files: list[Path]) -> dict[Path, FileState]:
    return {file: _file_state(file) for file in files if file.exists()}


_AT_START = _code_states([*ROOT.rglob("*.py")])
