"""One annotation of an image, in pixels, and the account of those that are no outlines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from lobate.errors import UserError
from lobate.io.polygons import make_valid

Ring = Sequence[Sequence[float]] | np.ndarray
"""Points of a ring, (n, 2)."""


FARTHEST = 1e9
"""No image has so many pixels a side."""


@dataclass(frozen=True)
class Annotation:
    """An outline on an image: x to the right and y down, in pixels from the image's upper left corner."""

    image: str
    """Name of the image's file, as the tool wrote it."""
    name: str
    """Identifier within the image."""
    label: str
    """Class, "" where the tool gives none."""
    outline: shapely.Geometry
    size: tuple[int, int] | None = None
    """Height and width of the image that was annotated, where the tool tells."""
    is_share: bool = False
    """Whether x and y are shares of the image's width and height instead of pixels."""


@dataclass
class Annotations:
    """The annotations of a file or folder, and the number of others by what they are."""

    found: list[Annotation] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)

    def add(self, annotation: Annotation) -> None:
        """Keep an annotation, unless its outline has no area."""
        if annotation.outline.area > 0:
            self.found.append(annotation)
        else:
            self.others["outlines without area"] += 1


def outline_of(rings: Iterable[Ring]) -> shapely.Geometry:
    """Return the ground inside any of the rings, repaired; an empty polygon where none has three points in numbers."""
    arrays = [np.asarray(ring, dtype=float) for ring in rings]
    polygons = [shapely.Polygon(ring) for ring in arrays if len(ring) >= 3 and (np.abs(ring) < FARTHEST).all()]
    return shapely.union_all(make_valid(np.array(polygons, dtype=object))) if polygons else shapely.Polygon()


def parsed(path: Path, place: str, read: Callable[[], Any]) -> Any:
    """Return what ``read`` returns. Raises UserError where the content is not as the tool writes it."""
    try:
        return read()
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, shapely.errors.ShapelyError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise UserError(
            f"{path}{place} is not as the tool writes it ({reason}). Export the annotations again, with polygons."
        ) from None
