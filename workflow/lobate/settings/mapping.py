"""Settings of the room `mapping`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from lobate.settings.base import PolygonFile, ProjectPath, Section


class Looks(Section):
    """Several looks at each window, averaged."""

    symmetries: bool = False
    """Turned by quarters and mirrored as well: eight looks, eight times the work."""
    scales: Annotated[list[Annotated[float, Field(ge=0.25, le=4)]], Field(min_length=1)] = [1.0]
    """Scales of the image that is looked at; the paper's group averages over 0.5 to 1.75 by 0.25, eight times the work."""


class Predict(Section):
    """Windowed inference."""

    window: Annotated[int, Field(ge=32, multiple_of=16)] = 480
    """Side of a window, in pixels."""
    overlap: Annotated[int, Field(ge=0)] = 160
    """Pixels shared by neighbouring windows."""
    blend: Literal["ramp", "crop"] = "ramp"
    """ramp: weights fall towards a window's edge; crop: each pixel comes from the window whose centre is nearest."""
    batch: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    """Windows a forward pass; auto: 16 on a GPU, 1 on a CPU, where more are slower. Fewer are taken when memory is short."""
    output_stride: Literal["model", 8, 16] = "model"
    """Stride of the encoder when mapping: as the model was trained, or 8 (finer, about three times the work) or 16."""
    compile: bool | Literal["auto"] = False
    """Whether the network goes through torch.compile. On two CPU cores that took a fifth off the time of MobileNetV2 (0.12 s
    a window), after half a minute of compiling; it needs a C++ compiler and about 0.5 GB more memory. auto: for networks of
    over 20 million weights on images of over 500 windows, whose hours make up for the compiling."""
    tta: Looks = Looks()
    """Test-time augmentation."""
    ensemble: list[ProjectPath] = []
    """Further model files: the map is the mean over the model that was selected and these, and a second band of it holds
    the spread (standard deviation) between them."""

    @model_validator(mode="after")
    def _overlap_fits(self) -> Predict:
        if 2 * self.overlap > self.window:
            raise ValueError("overlap must not exceed half the window")
        return self


class Vectorize(Section):
    """From probability to outlines."""

    threshold: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Probability from which a pixel is landform; the model's own best threshold when not given."""
    fill_holes_m2: Annotated[float, Field(ge=0)] = 0.0
    """Holes smaller than this are filled."""


class Merge(Section):
    """One body from parts that neighbouring tiles saw."""

    min_overlap: Annotated[float, Field(gt=0, le=1)] = 0.2
    """Two detections of different tiles are one body when they share this much of the smaller one."""


class Filter(Section):
    """Which detections are too small or stand where none can be."""

    min_area_km2: Annotated[float, Field(ge=0)] = 0.03
    """Geodesic area below which a detection is removed."""
    min_probability: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Mean probability below which a detection is removed."""
    min_width_to_length: Annotated[float, Field(gt=0, le=1)] | None = None
    """Width over length of the smallest rectangle, however turned, round a detection, below which it is removed."""
    min_elevation_m: float | None = None
    """Detections whose lowest point lies below this are removed (needs inventory.dem)."""
    max_slope_deg: Annotated[float, Field(gt=0, le=90)] | None = None
    """Detections steeper than this in the mean are removed (needs inventory.dem)."""
    occurrence_files: list[PolygonFile] = []
    """Detections (or outlines of any kind) of other dates; each detection is told on how many of them it occurs, that is
    shares a tenth of the smaller of both with an outline."""
    min_occurrences: Annotated[int, Field(ge=1)] | None = None
    """Detections that occur in fewer of the occurrence_files than this are removed; the present map does not count."""
    simplify_m: Annotated[float, Field(ge=0)] = 0.0
    """What is kept is simplified after all filters, vertices within this many metres of the new line left out; 0: outlines
    follow the pixels. The area before stays in the column area_before_m2."""

    @model_validator(mode="after")
    def _occurs_somewhere(self) -> Filter:
        if (self.min_occurrences or 0) > len(self.occurrence_files):
            raise ValueError("min_occurrences must not exceed the number of occurrence_files")
        return self


class Mapping(Section):
    """From the model to scored detections."""

    predict: Predict = Predict()
    """How windows are laid and blended."""
    vectorize: Vectorize = Vectorize()
    """Outlines."""
    merge: Merge = Merge()
    """Across tiles."""
    filter: Filter = Filter()
    """What is removed."""
    reference: PolygonFile | None = None
    """Outlines to score against; the cleaned positive outlines when not given."""
    match_iou: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """A detection is right when it overlaps a reference outline with more than this IoU."""
