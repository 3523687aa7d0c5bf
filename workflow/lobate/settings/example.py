"""Settings of the embedded example: a small synthetic world with known truth."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from lobate.settings.base import ProjectPath, Section


class Example(Section):
    """A synthetic world, made by `make-example` under results/<region>/example; nothing in it was ever observed."""

    side: Annotated[int, Field(ge=256, le=4096, multiple_of=2)] = 1024
    """Side of each of the two tiles, in pixels of 10 m."""
    overlap: Annotated[int, Field(ge=20, multiple_of=2)] = 200
    """Pixels that the two tiles share."""
    landforms: Annotated[int, Field(ge=5, le=500)] = 40
    """Landforms in the world."""
    lookalikes: Annotated[int, Field(ge=0, le=500)] = 20
    """Look-alikes in the world."""
    hidden: Annotated[float, Field(ge=0, lt=1)] = 0.25
    """Share of the landforms that no file of outlines knows: what the chain has to discover."""
    truth: ProjectPath
    """All landforms of the world; only scores may read it."""
