"""A first look at a vector file that a person brings, by fiona: its driver, out of those allowed, and its declared fields.

fiona takes a list of drivers at opening, and says what type a field was declared with, whatever values it holds. pyogrio
reads the features: it is many times faster, and its wheel has drivers for KML and GeoParquet. Text formats (GeoJSON, KML,
CSV) declare nothing, so they are not looked at: opening them would read them twice.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path

from lobate.io.drivers import DECLARING_DRIVERS

INTEGER, FLAG = ("int", "int16", "int32", "int64"), ("bool",)
NO_DECIMALS = ("0",)
SHAPEFILE, MAPINFO = "ESRI Shapefile", "MapInfo File"


@dataclass(frozen=True)
class Declaration:
    """The ``driver`` of a file, "" for one that declares nothing, and the declared type of each field, as fiona writes it."""

    driver: str = ""
    fields: dict[str, str] = field(default_factory=dict)

    def whole_numbers(self) -> set[str]:
        """Return the fields declared as integers."""
        return {name for name, kind in self.fields.items() if kind.partition(":")[0] in INTEGER}


def look(path: Path, layer: str | None) -> Declaration:
    """Return what a layer declares. A file that fiona cannot open declares nothing; pyogrio says whether it can be read."""
    import fiona

    logging.getLogger("fiona").setLevel(logging.CRITICAL)  # what it cannot open is no news yet
    try:
        with fiona.open(path, layer=layer, enabled_drivers=list(DECLARING_DRIVERS)) as opened:
            return Declaration(opened.driver, dict(opened.schema["properties"]))
    except (fiona.errors.FionaError, OSError, ValueError, LookupError, RuntimeError, AttributeError):
        return Declaration()
