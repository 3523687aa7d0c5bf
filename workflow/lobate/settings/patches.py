"""Settings of the room `patches`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from lobate.settings.base import Section

Share = Annotated[float, Field(ge=0, le=1)]


class Crop(Section):
    """How sub-images become patches (METHOD section 1)."""

    buffer_m: Annotated[float, Field(ge=0)] = 1500.0
    """Ground kept round each outline, as a rectangle, in metres."""
    core: Annotated[int, Field(ge=16)] = 160
    """Side of a patch's own ground, in pixels."""
    margin: Annotated[int, Field(ge=0)] = 160
    """Ground seen beyond the core on every side, in pixels; the largest patch has core + 2 x margin pixels a side."""
    min_valid: Share = 0.6
    """A sub-image is kept when a greater share of it than this is valid."""
    min_entropy: Annotated[float, Field(ge=0)] = 0.5
    """A sub-image is kept when the entropy (base 10) of its grey levels is at least this."""


class Split(Section):
    """Which patches train and which validate."""

    method: Literal["random", "grouped", "blocks", "field"] = "grouped"
    """random: the paper's, which leaks where patches overlap; grouped: connected groups of overlapping footprints stay
    together, and a group too large for that is cut; blocks: squares of ground stay together; field: as the outlines' own
    field says (labels.fold_field). In all but random, training patches that overlap validation ground are dropped."""
    validation_share: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Share of the patches that validate."""
    block_km: Annotated[float, Field(gt=0)] = 20.0
    """Side of a block of the method blocks, in kilometres; several times the ground of a patch (4.8 km at 10 m)."""
    folds: Annotated[int, Field(ge=0, le=100)] = 0
    """Divide the patches also into so many folds for cross-validation, by the same method; 0 for none. With the method
    field, the number of different folds in it."""

    @field_validator("folds")
    @classmethod
    def _none_or_several(cls, folds: int) -> int:
        if folds == 1:
            raise ValueError("one fold is none: give 0, or at least 2")
        return folds


class Sheet(Section):
    """The contact sheet of patches."""

    patches: Annotated[int, Field(ge=1, le=400)] = 48
    """How many patches it shows, one of each outline, suspicious ones first."""


class Patches(Section):
    """Training units and their split."""

    crop: Crop = Crop()
    """How patches are cut."""
    split: Split = Split()
    """How they are split."""
    sheet: Sheet = Sheet()
    """The picture of a sample of them."""
    licence: str = ""
    """Licence under which the data set may be passed on, for its card; images and outlines may each set conditions."""
