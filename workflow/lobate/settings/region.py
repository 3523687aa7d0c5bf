"""The whole configuration of one region."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from lobate.settings.base import Section
from lobate.settings.example import Example
from lobate.settings.figures import Figures
from lobate.settings.imagery import Imagery
from lobate.settings.inventory import Inventory
from lobate.settings.labels import Labels
from lobate.settings.mapping import Mapping
from lobate.settings.patches import Patches
from lobate.settings.review import Review
from lobate.settings.training import Training


class Region(Section):
    """One region: its scenes and outlines, and the settings of its map."""

    region: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]
    """Name of the region; results go to results/<region>."""
    landform: str = "rock glacier"
    """Name of the landform, in the singular, for figures and messages."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Seed of every random choice."""
    imagery: Imagery
    """Scenes and images."""
    labels: Labels
    """Outlines."""
    patches: Patches = Patches()
    """Patches and their split."""
    training: Training = Training()
    """Network and rounds."""
    mapping: Mapping = Mapping()
    """Detections."""
    inventory: Inventory = Inventory()
    """The compiled result."""
    figures: Figures = Figures()
    """Figures."""
    review: Review = Review()
    """The review in a browser."""
    example: Example | None = None
    """Synthetic world; only in the embedded example."""

    @model_validator(mode="after")
    def _complete_ground_is_named(self) -> Region:
        if self.training.mining.from_ == "complete" and not self.labels.complete:
            raise ValueError(
                "training.mining.from is complete, but labels.complete names no areas that a person mapped completely. "
                "Name a vector file of them there, or set training.mining.from to reviewed"
            )
        return self
