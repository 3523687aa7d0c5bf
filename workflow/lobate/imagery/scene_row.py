"""One scene in the scene table: its columns, and the names that scenes and tiles may have."""

from __future__ import annotations

import re

COLUMNS = ("scene", "tile", "date", "cloud_cover", "baseline", "source", "checksums")
SCENE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,199}")
TILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")

Row = dict[str, str]


def sort_key(row: Row) -> tuple[str, str, str]:
    """Return what the table is sorted by: tile, date and scene."""
    return row["tile"], row["date"], row["scene"]
