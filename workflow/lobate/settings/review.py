"""Settings of `lobate review`; no result depends on them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from lobate.settings.base import Section

PLACEHOLDERS = ("{z}", "{x}", "{y}")


class Basemap(Section):
    """A map of another server behind the region's own pictures. The server of the review asks for its tiles, no browser does."""

    url: Annotated[str, Field(pattern=r"^https?://[^\s]+$")]
    """Address of the tiles with {z}, {x} and {y}, in Web Mercator with 256 pixels a side (XYZ), for instance https://example.org/{z}/{x}/{y}.png."""
    attribution: Annotated[str, Field(min_length=1)]
    """Whose map it is, as its licence asks for it; the page shows it with the map."""
    highest_zoom: Annotated[int, Field(ge=0, le=23)] = 18
    """The finest zoom that the server has."""
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 10.0
    """Longest wait for one tile, in seconds."""
    allow_private: bool = False
    """Allow addresses in this machine or its private network; otherwise they are refused."""

    @field_validator("url")
    @classmethod
    def _has_places(cls, url: str) -> str:
        missing = [one for one in PLACEHOLDERS if one not in url]
        if missing:
            raise ValueError(
                f"lacks {' and '.join(missing)}; write the address of a tile with {', '.join(PLACEHOLDERS)}"
            )
        return url


class Review(Section):
    """The review in a browser."""

    basemap: Basemap | None = None
    """A map of another server as a further picture. Without it, no request leaves the machine."""
