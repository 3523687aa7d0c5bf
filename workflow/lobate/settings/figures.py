"""Settings of the room `figures`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from lobate.settings.base import Section


class Figures(Section):
    """Pictures of the results."""

    dpi: Annotated[int, Field(ge=50, le=1200)] = 300
    """Resolution of the PNG files."""
    credit: str = "Contains modified Copernicus Sentinel data"
    """Credit line under every map."""
    examples: dict[Literal["training", "validation", "new", "mended"], str] = {}
    """Outlines shown as examples, by identifier: polygons of the labels, detections; picked by rule when not given."""
