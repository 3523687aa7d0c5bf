"""Settings of the room `mapping`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from lobate.settings.base import OneOrMore, PolygonFile, ProjectPath, Section


class Tta(Section):
    """Test-time augmentation: the mean of several predictions of each window."""

    symmetries: bool = False
    """Also rotated by 90 degrees and mirrored: eight predictions, eight times the work."""
    scales: Annotated[list[Annotated[float, Field(ge=0.25, le=4)]], Field(min_length=1)] = [1.0]
    """Scales of the image; the paper's group averages over 0.5 to 1.75 by 0.25, eight times the work."""


class Predict(Section):
    """Windowed inference."""

    window: Annotated[int, Field(ge=32, multiple_of=16)] = 480
    """Side of a window, in pixels."""
    overlap: Annotated[int, Field(ge=0)] = 160
    """Overlap of neighbouring windows, in pixels."""
    blend: Literal["ramp", "crop"] = "ramp"
    """ramp: weights fall towards a window's edge; crop: each pixel comes from the window with the nearest centre."""
    batch: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    """Windows a forward pass. auto: 16 on a GPU, 1 on a CPU, where more are slower. If memory is short, the number is reduced."""
    output_stride: Literal["model", 8, 16] = "model"
    """Stride of the encoder in mapping: model (as in training), 8 (finer, about three times the work) or 16."""
    compile: bool | Literal["auto"] = False
    """Whether to use torch.compile. On two CPU cores it saved a fifth of the time of MobileNetV2 (0.12 s a window), after
    half a minute of compiling. It needs a C++ compiler and about 0.5 GB more memory. auto: for networks of over
    20 million weights on images of over 500 windows, where mapping takes hours."""
    tta: Tta = Tta()
    """Test-time augmentation."""
    ensemble: Annotated[list[ProjectPath], OneOrMore] = []
    """Further model files. The map is the mean over the selected model and these, and its second band holds their
    standard deviation."""

    @model_validator(mode="after")
    def _overlap_fits(self) -> Predict:
        if 2 * self.overlap > self.window:
            raise ValueError("overlap must not exceed half the window")
        return self


class Vectorize(Section):
    """Conversion of probabilities to outlines."""

    threshold: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Pixels with at least this probability are landform. none: choose_threshold goes half of the way to the threshold
    with the map's best IoU, where labels.complete says what is mapped completely; else it is 0.5."""
    fill_holes_m2: Annotated[float, Field(ge=0)] = 0.0
    """Smaller holes are filled."""


class Merge(Section):
    """Bodies on the seams of tiles."""

    min_overlap: Annotated[float, Field(gt=0, le=1)] = 0.2
    """Two detections of different tiles are one body if they share at least this part of the smaller one."""


class Filter(Section):
    """Detections to remove: too small, too unsure, or in impossible places."""

    min_area_km2: Annotated[float, Field(ge=0)] = 0.03
    """Detections with a smaller geodesic area are removed."""
    min_probability: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Detections with a lower mean probability are removed."""
    min_width_to_length: Annotated[float, Field(gt=0, le=1)] | None = None
    """Detections with a smaller ratio of width to length are removed; both are sides of the smallest rotated rectangle."""
    min_elevation_m: float | None = None
    """Detections with a lowest point below this are removed (needs inventory.dem)."""
    max_slope_deg: Annotated[float, Field(gt=0, le=90)] | None = None
    """Detections with a steeper mean slope are removed (needs inventory.dem)."""
    occurrence_files: Annotated[list[PolygonFile], OneOrMore] = []
    """Detections (or any outlines) of other dates. A detection occurs on a date if it shares a tenth of the smaller area
    with an outline of that date."""
    min_occurrences: Annotated[int, Field(ge=1)] | None = None
    """Detections that occur in fewer of the occurrence_files are removed; the present map does not count."""
    simplify_m: Annotated[float, Field(ge=0)] = 0.0
    """Kept detections are simplified after all filters: vertices within this many metres of the new line are removed. 0:
    outlines follow the pixels. The column area_before_m2 keeps the area before."""

    @model_validator(mode="after")
    def _enough_occurrence_files(self) -> Filter:
        if (self.min_occurrences or 0) > len(self.occurrence_files):
            raise ValueError("min_occurrences must not exceed the number of occurrence_files")
        return self


class ReferenceFile(PolygonFile):
    """Outlines to score against."""

    complete: bool = False
    """Whether they hold every landform of the mapped ground. If not, a detection without an outline counts as unknown, and
    not as wrong, outside labels.complete."""


class Accuracy(Section):
    """A random sample of one map that people have judged without sight of the map; `lobate sample` draws it."""

    frozen: ProjectPath
    """The frozen sample, as `lobate sample` wrote it."""
    answers: ProjectPath
    """File of answers, every unit answered. These answers reach no label, mining, threshold or round."""
    second_look: ProjectPath | None = None
    """File of answers to the repeated tenth, by a second person or by the same one later; the agreement is the ceiling."""


class Mapping(Section):
    """Mapping with the model: detections and their scores."""

    predict: Predict = Predict()
    """Windows and their blending."""
    vectorize: Vectorize = Vectorize()
    """Conversion to outlines."""
    merge: Merge = Merge()
    """Merging across tiles."""
    filter: Filter = Filter()
    """Detections to remove."""
    reference: ReferenceFile | None = None
    """Outlines to score against; the default is the cleaned positive outlines."""
    match_iou: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """A detection is right if its IoU with a reference outline is greater than this. Above one half a match is unique."""
    accuracy: Accuracy | None = None
    """Answers to a sample of the map, for estimates of its accuracy with intervals. Without it there are none."""
