"""The whole chain on a tiny synthetic region, run through Snakemake in a clone of the project."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.chain.clone import Clone, Run


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, project: Path) -> tuple[Clone, Run]:
    """A clone in which the chain ran once; tests that change it copy it first, or put it back."""
    folder = tmp_path_factory.mktemp("chain")
    clone = Clone(folder / "clone", project, folder / "store")
    return clone, clone.run()


@pytest.fixture
def clone(finished: tuple[Clone, Run], tmp_path: Path) -> Clone:
    """A copy of the finished clone with its results, sharing its store."""
    first, _ = finished
    return first.copy(tmp_path / "copy")
