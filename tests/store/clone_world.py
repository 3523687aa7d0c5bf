"""Hosts with disks of their own and one store, for tests of clones.

A disk is a folder that is renamed to ``home`` while a host has it mounted, so hosts have the same path on other disks.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.kept import filled, key

from lobate.errors import UserError
from lobate.io.digest import content_digest
from lobate.store import clones, gc, notes
from lobate.store.clones import read_clone
from lobate.store.gc import collect
from lobate.store.store import OutputTarget, Store
from lobate.store.verify import Usage

NOTHING = Usage(0, 0, 0)
RESULT = Path("results/demo/map.tif")


class World:
    """Hosts with one store on a folder that all of them see, and with disks of their own at one path."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.home, self.monkeypatch = folder, folder / "home", monkeypatch
        self.store = filled(folder, 4)

    @contextmanager
    def on(self, host: str, disk: str | None = None) -> Iterator[None]:
        """Let the block run on a host that has a disk mounted (its own unless told); None: no disk of the name."""
        mounted = self.folder / "disks" / (disk or host)
        (mounted / "clone").mkdir(parents=True, exist_ok=True)
        mounted.rename(self.home)
        self.be(host)
        with pytest.MonkeyPatch.context() as here:
            here.chdir(self.home / "clone")
            yield
        self.home.rename(mounted)

    @contextmanager
    def on_third_host(self) -> Iterator[None]:
        """Let the block run on a host that has neither disk."""
        self.be("third")
        with pytest.MonkeyPatch.context() as here:
            here.chdir(self.folder)
            yield

    def be(self, host: str) -> None:
        self.monkeypatch.setattr(notes.socket, "gethostname", lambda: host)
        clones._found.clear()  # each block stands for new processes
        self.store = Store(self.store.root)

    def link(self, number: int, path: Path = RESULT) -> None:
        assert self.store.checkout(key(number), {"made": [OutputTarget(path)]})

    def check(self, path: Path = RESULT) -> None:
        self.store.check_unmodified(path, content_digest(path))

    def clone_id(self, folder: str = "results") -> str:
        return read_clone(str(Path(folder).absolute())).id

    def gc(self, **words: object) -> gc.Collected:
        self.store = Store(self.store.root)
        return collect(self.store, **words)

    def has(self, *numbers: int) -> bool:
        return [number for number in range(4) if self.store.has(key(number))] == list(numbers)


def refuses_edited(world: World, path: Path = RESULT) -> bool:
    path.unlink()
    path.write_bytes(b"edited")
    with pytest.raises(UserError, match="no longer what lobate made"):
        world.check(path)
    return True
