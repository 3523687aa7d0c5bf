"""Places that a person rejected in the review: negatives of the next round."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import geopandas as gpd
import shapely

from lobate.decided import OF_NO_FOLD, rejected
from lobate.vectors import LONLAT


def read_refused(path: Path, decisions: Sequence[Path]) -> gpd.GeoDataFrame:
    """Return the outlines rejected in one of the ``decisions`` files as rows of class negative, in EPSG:4326.

    Their ids come from the outlines, so that a further decision renames none. Mistake for a file that cannot be meant.
    """
    outlines = shapely.normalize(rejected(path, decisions))
    names = [f"rejected_{hashlib.sha256(one).hexdigest()[:10]}" for one in shapely.to_wkb(outlines)]
    rows = {"outline": names, "class": "negative", "source": path.name, "reason": "", "fold": OF_NO_FOLD}
    return gpd.GeoDataFrame(rows, geometry=outlines, crs=LONLAT)
