"""Settings of the room `labels`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from lobate.settings.base import OneOrMore, PolygonFile, ProjectPath, Section


class Labels(Section):
    """Hand-drawn outlines, and label rasters from them."""

    positives: Annotated[list[PolygonFile], Field(min_length=1), OneOrMore]
    """Files of outlines of the landform."""
    negatives: Annotated[list[PolygonFile], OneOrMore] = []
    """Files of outlines of look-alikes and of ground without the landform. Their label is 0."""
    removed: ProjectPath | None = None
    """CSV with the columns id and reason: outlines excluded from training because they cannot be recognised."""
    complete: ProjectPath | None = None
    """Vector file of areas in which a person outlined every landform; of several layers, `complete` counts. Only there does
    unlabelled ground count as ground without the landform for certain."""
    min_area_m2: Annotated[float, Field(ge=0)] = 100.0
    """Smaller outlines are slivers; they are removed, with the reason."""
    min_width_m: Annotated[float, Field(ge=0)] = 1.0
    """Outlines with a smaller mean width (twice the area over the perimeter) are slivers too."""
    fold_field: str | None = None
    """Field in all these files with each outline's side (training, validation or test) or fold (a number), for
    patches.split.method: field and patches.split.test.method: field."""
    ring_m: Annotated[float, Field(ge=0)] = 0.0
    """Pixels within this distance of an outline are ignored (255), since the line itself is uncertain."""
