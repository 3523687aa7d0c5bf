"""The body of a request: JSON with known fields only, each of the kind that is expected."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import shapely

from lobate.errors import UserError
from lobate.review.outline_layers import from_coordinates
from lobate.review.planes import Plane

MAX_TEXT = 10_000
"""Letters of a remark at most."""


class Body:
    """The fields of a request. Each method raises UserError where a field is missing or of another kind."""

    def __init__(self, text: bytes, known: tuple[str, ...]) -> None:
        try:
            fields = json.loads(text)
        except (ValueError, RecursionError):
            raise UserError("The body of the request is not JSON.") from None
        if not isinstance(fields, dict):
            raise UserError("The body of the request must be a JSON object.")
        if unknown := sorted(set(fields) - set(known)):
            raise UserError(f"The request has the unknown field {unknown[0][:80]!r}; it may have {', '.join(known)}.")
        self._fields: Mapping[str, Any] = fields

    def text(self, name: str, default: str | None = None) -> str:
        """Return a text, without spaces around it; ``default`` where it is missing or null."""
        value = self._fields.get(name)
        if value is None and default is not None:
            return default
        if not isinstance(value, str) or len(value) > MAX_TEXT or (not value.isprintable() and not _is_prose(value)):
            raise UserError(f"The field {name} must be a text of at most {MAX_TEXT:,} letters.")
        return value.strip()

    def whole(self, name: str, default: int) -> int:
        """Return a whole number; ``default`` where it is missing or null."""
        value = self._fields.get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) > 2**53:
            raise UserError(f"The field {name} must be a whole number.")
        return value

    def number(self, name: str, default: float) -> float:
        """Return a finite number; ``default`` where it is missing or null."""
        value = self._fields.get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise UserError(f"The field {name} must be a number.")
        return float(value)

    def words(self, name: str) -> dict[str, str | None]:
        """Return an object of texts or nulls; empty where it is missing or null."""
        value = self._fields.get(name) or {}
        if not isinstance(value, dict) or not all(word is None or isinstance(word, str) for word in value.values()):
            raise UserError(f"The field {name} must be an object of texts.")
        return {key: (word or "").strip() or None for key, word in value.items()}

    def objects(self, name: str) -> list[Any]:
        """Return a list; empty where it is missing or null."""
        value = self._fields.get(name) or []
        if not isinstance(value, list):
            raise UserError(f"The field {name} must be a list.")
        return value

    def has(self, name: str) -> bool:
        """Whether a field is there and not null."""
        return self._fields.get(name) is not None

    def raw(self, name: str) -> Any:
        """Return a field as it came."""
        return self._fields.get(name)


def _is_prose(text: str) -> bool:
    """Whether a text holds no other control character than line breaks and tabs."""
    return all(letter.isprintable() or letter in "\n\r\t" for letter in text)


def outline_of(value: Any) -> shapely.Geometry:
    """Return an outline from the coordinates of a GeoJSON multipolygon in the plane's CRS; it may still cross itself.

    Raises UserError for anything else.
    """
    try:
        return from_coordinates(value)
    except (ValueError, TypeError, OverflowError, shapely.errors.ShapelyError) as error:
        raise UserError(f"The outline is no multipolygon: {error}. Give [part][ring][vertex] of [x, y].") from None


def in_lonlat(outline: shapely.Geometry, plane: Plane) -> shapely.Geometry:
    """Return a plane's outline in EPSG:4326. Raises UserError for one that lies off the Earth."""
    shape = plane.to_lonlat(np.array([outline], dtype=object))[0]
    if not np.isfinite(shapely.bounds(shape)).all():
        raise UserError("The outline lies outside the ground that this plane can show. Draw it on the images.")
    return shape
