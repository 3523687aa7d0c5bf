"""Settings of the room `patches`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from lobate.settings.base import PolygonFile, Section

Share = Annotated[float, Field(ge=0, le=1)]


class Crop(Section):
    """Patches cut from sub-images."""

    buffer_m: Annotated[float, Field(ge=0)] = 1500.0
    """Buffer round each outline's bounding rectangle, in metres."""
    core: Annotated[int, Field(ge=16)] = 160
    """Side of a patch's core, in pixels."""
    margin: Annotated[int, Field(ge=0)] = 160
    """Pixels round the core on every side; the largest patch has core + 2 x margin pixels a side."""
    min_valid: Share = 0.6
    """A sub-image is kept if a greater share of it is valid."""
    min_entropy: Annotated[float, Field(ge=0)] = 0.5
    """A sub-image is kept if the entropy (base 10) of its grey levels is at least this."""


class Reserved(Section):
    """The test side: ground that no training, threshold or choice of a model may depend on."""

    method: Literal["groups", "blocks", "field", "region"]
    """groups: outlines with overlapping sub-images stay together, and whole groups are reserved. blocks: squares of ground of
    patches.split.block_km. field: outlines with test in the field of labels.fold_field. region: the ground in a file, and
    all outlines that touch it."""
    share: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Share of the outlines on the test side, for groups and blocks."""
    region: PolygonFile | None = None
    """Vector file with the ground of the method region, drawn without sight of a map."""
    gap_km: Annotated[float, Field(ge=0)] = 0.0
    """Distance in kilometres between the test side and the patches of the other sides, against spatial autocorrelation."""

    @model_validator(mode="after")
    def _region_with_its_file(self) -> Reserved:
        if (self.method == "region") != (self.region is not None):
            raise ValueError(
                "the method region needs the setting region with a file of outlines, and no other method has one"
            )
        return self


class Split(Section):
    """The split into training and validation patches, and the test side."""

    method: Literal["random", "grouped", "blocks", "field"] = "grouped"
    """random: the paper's, which leaks where patches overlap. grouped: connected groups of overlapping footprints stay
    together, and a group that is too large is cut. blocks: squares of ground stay together. field: by a field of the
    outlines (labels.fold_field). In all but random, training patches that overlap validation ground are dropped."""
    validation_share: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Share of the patches in the validation set."""
    block_km: Annotated[float, Field(gt=0)] = 20.0
    """Side of a block of the method blocks, in kilometres: several times the side of a patch (4.8 km at 10 m)."""
    folds: Annotated[int, Field(ge=0, le=100)] = 0
    """Number of folds for cross-validation, divided by the same method; 0 for none. With the method field, the number
    of different folds in that field."""

    test: Reserved | None = None
    """Ground reserved for a test of the chosen model; none: its only IoU is the one that it was selected by."""

    @field_validator("folds")
    @classmethod
    def _none_or_several(cls, folds: int) -> int:
        if folds == 1:
            raise ValueError("one fold is no cross-validation: give 0, or at least 2")
        return folds


class Sheet(Section):
    """The contact sheet of patches."""

    patches: Annotated[int, Field(ge=1, le=400)] = 48
    """Number of patches on it, one of each outline, suspicious ones first."""


class Patches(Section):
    """Training patches and their split."""

    crop: Crop = Crop()
    """Cutting."""
    split: Split = Split()
    """Training and validation."""
    sheet: Sheet = Sheet()
    """The picture of a sample of patches."""
    licence: str = ""
    """Licence of the data set, for its card; images and outlines may each set conditions."""
