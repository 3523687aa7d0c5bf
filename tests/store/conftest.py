"""A world of hosts for tests of clones: links to the store are refused, as between two disks, so only notes tell what is used."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from tests.store.clone_world import World

from lobate.store import link


@pytest.fixture
def world(tmp_path, monkeypatch):
    whole = os.link

    def refuse(source: Path, target: Path, **words: object) -> None:
        if "objects" in Path(source).parts and "aside" not in Path(target).parts:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        whole(source, target, **words)

    monkeypatch.setattr(link.os, "link", refuse)
    return World(tmp_path, monkeypatch)
