"""The entries of a model file's header: their types and limits, which every reader of a header relies on.

Older versions wrote fewer entries, and other versions may write further ones. What is required is what no reader can do
without.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, Strict, ValidationError, model_validator

MAX_DEPTH = 20
"""Largest depth of lists and objects in a header; those that lobate writes have three."""
MAX_CLASSES = 255
"""Labels are 8-bit, and 255 is no label."""

Share = Annotated[float, Field(ge=0, le=1)]
Reflectance = Annotated[float, Field(ge=-1, le=10)]
Width = Annotated[int, Field(ge=1, le=2**31 - 1)]
Mean = Annotated[float, Field(ge=-1e6, le=1e6)]
Deviation = Annotated[float, Field(ge=1e-6, le=1e6)]
CalibrationBin = Annotated[tuple[Share, Share, Annotated[int, Field(ge=0, le=2**63)]], Strict(False)]


class _Entries(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow", allow_inf_nan=False)


class Architecture(_Entries):
    """The network: timm's name of the backbone, output stride, initial weights and widths."""

    backbone: str
    output_stride: Literal[8, 16]
    weights: str
    aspp_channels: Width = 256
    low_level_channels: Width = 48


class Preprocessing(_Entries):
    """Mean and standard deviation of each channel, as shares of 255."""

    mean: Annotated[list[Mean], Field(min_length=1)]
    std: Annotated[list[Deviation], Field(min_length=1)]


class StretchRange(_Entries):
    """The reflectances of one band that became 1 and 255."""

    lowest: Reflectance
    highest: Reflectance

    @model_validator(mode="after")
    def _ordered(self) -> StretchRange:
        if self.highest <= self.lowest:
            raise ValueError("highest must be greater than lowest")
        return self


class Header(_Entries):
    """A model file's header."""

    architecture: Architecture
    channels: Width
    classes: Annotated[int, Field(ge=2, le=MAX_CLASSES)]
    preprocessing: Preprocessing
    bands: list[str] | None = None
    calibration: list[CalibrationBin] | None = None
    calibration_error: float | None = None
    dataset: str | None = None
    digest: str | None = None
    landform: str | None = None
    learnt_nothing: str | None = None
    libraries: dict[str, str] = {}
    licence: str | None = None
    lobate: str | None = None
    round: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    stretch: dict[str, StretchRange] | None = None
    threshold: Annotated[float, Field(gt=0, lt=1)] | None = None

    @model_validator(mode="after")
    def _same_channels(self) -> Header:
        counts = {self.channels, len(self.preprocessing.mean), len(self.preprocessing.std)}
        if len(counts) > 1:
            raise ValueError("channels, and the lengths of preprocessing.mean and preprocessing.std, must be equal")
        if self.bands and len(set(self.bands)) < len(self.bands):
            raise ValueError("bands names a band twice")
        return self


def find_flaw(header: Any) -> str | None:
    """Return what is wrong with a header, one line; None for a sound one."""
    if not isinstance(header, dict):
        return f"it is a {type(header).__name__}, not an object"
    if flaw := next(_value_flaws(header), None):
        return flaw
    try:
        Header.model_validate(header)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        return f"{'.'.join(map(str, first['loc'])) or 'entries'}: {first['msg']}"[:200]
    return None


def _value_flaws(header: dict[str, Any]) -> Iterator[str]:
    """Yield flaws of any value, known or not: depth, numbers that are none, text that cannot be written."""
    level: list[Any] = [header]
    for _ in range(MAX_DEPTH):
        for value in level:
            if isinstance(value, float) and not math.isfinite(value):
                yield f"it holds {value}, which is not a number in JSON"
            if isinstance(value, str) and not _is_unicode(value):
                yield "it holds text that is not Unicode"
        level = [part for value in level for part in _parts(value)]
    if level:
        yield "it is nested too deeply"


def _parts(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    return value if isinstance(value, list) else []


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
