"""The scene table: the scenes of a region, as `find_scenes` writes them and the user edits them.

Tab-separated text with one line a scene: ``scene tile date cloud_cover baseline source checksums``. The user may delete
lines, comment them out with ``#``, or add columns. A STAC item collection is taken too (`item_collection.py`). Checksums are the catalogue's: ``B04=<multihash in hex>;...``.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from lobate.errors import UserError
from lobate.imagery.scene_row import COLUMNS, SCENE_NAME, TILE_NAME, Row, sort_key
from lobate.io.filekind import check_kind
from lobate.io.spreadsheet import escape_formulas, restore_formulas
from lobate.settings.imagery import Imagery

if TYPE_CHECKING:
    import pandas

SCENES_DIR = Path("resources/scenes")
"""Folder of fetched scenes, with a folder for each; its checksums.json is written last."""

_FORMATS = {
    "scene": (SCENE_NAME, "letters, digits, _, . and -"),
    "tile": (TILE_NAME, "letters, digits, _ and -"),
    "cloud_cover": (re.compile(r"|\d+(\.\d+)?"), "per cent, with a decimal point, or nothing"),
    "baseline": (re.compile(r"|\d{1,2}\.\d{2}"), "like 05.09, or nothing"),
    "source": (re.compile(r"https?://\S+"), "the address of the scene's STAC item"),
    "checksums": (re.compile(r"|[A-Za-z0-9_-]+=[0-9a-fA-F]+(;[A-Za-z0-9_-]+=[0-9a-fA-F]+)*"), "B04=<hex>;..."),
}


def read_table(path: Path) -> pandas.DataFrame:
    """Return the scenes of a table, sorted by tile, date and scene; ``cloud_cover`` is a float, NaN where unknown.

    Raises UserError for a file that is not such a table, for a scene that is listed twice, and for a malformed value.
    """
    import pandas

    frame = pandas.DataFrame(read_rows(path), columns=list(COLUMNS), dtype=str)
    frame["cloud_cover"] = pandas.to_numeric(frame["cloud_cover"])
    return frame


def read_rows(path: Path) -> list[Row]:
    """Return the table like ``read_table``, as one mapping a scene with all values as text."""
    text = _read_text(path)
    rows = _rows_of_items(path, text) if text.lstrip()[:1] == "{" else _rows_of_lines(path, text)
    if not rows:
        raise UserError(
            f"The scene table {path} names no scene. Keep at least one line, or run snakemake find_scenes again."
        )
    _check_unique(path, rows)
    return sorted(rows, key=sort_key)


def to_tsv(rows: Iterable[Row]) -> str:
    """Return the text of a table, sorted: the same scenes give the same bytes."""
    lines = [COLUMNS, *(tuple(row[name] for name in COLUMNS) for row in sorted(rows, key=sort_key))]
    return "".join("\t".join(map(escape_formulas, line)) + "\n" for line in lines)


def scene_rows(imagery: Imagery) -> list[Row]:
    """Return the rows of the region's table; none where it has no table, or has yet to find its scenes.

    Raises UserError like ``read_table``.
    """
    if imagery.scenes is None or (imagery.find and not Path(imagery.scenes).exists()):
        return []
    return read_rows(Path(imagery.scenes))


def scenes_by_tile(imagery: Imagery) -> dict[str, list[str]]:
    """Return tile -> paths of its scenes, sorted by tile: those of the scene table, else of the setting ``imagery.tiles``.

    Raises UserError like ``read_table``. Empty for a region that has only ``imagery.find`` so far.
    """
    tiles: dict[str, list[str]] = {}
    for row in scene_rows(imagery):
        tiles.setdefault(row["tile"], []).append(fetched_scene_manifest(row["scene"]))
    return tiles or dict(sorted(imagery.tiles.items()))


def fetched_scene_manifest(scene: str) -> str:
    """Return the path of a fetched scene's checksums.json, the target of `fetch_scene`."""
    return str(SCENES_DIR / scene / "checksums.json")


def fetched_dem_path(region: str) -> str:
    """Return the path of a region's fetched DEM; the workflow fetches it where `inventory.dem` names this path."""
    return f"resources/dem/{region}.tif"


def _read_text(path: Path) -> str:
    check_kind(path)
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UserError(
            f"The scene table {path} cannot be read: {error.strerror}. Check the path in imagery.scenes."
        ) from None
    except UnicodeDecodeError:
        raise UserError(
            f"The scene table {path} is not text in UTF-8. Save it as tab-separated text, or copy the table that snakemake "
            "find_scenes writes."
        ) from None


def _rows_of_items(path: Path, text: str) -> list[Row]:
    """Return the rows of a STAC item collection."""
    from lobate.imagery.item_collection import read_collection  # imports shapely, which a table of lines does not need

    rows = read_collection(path, text)
    for row in rows:
        for name, value in row.items():
            required = _required_format(name, value)
            if required:
                raise UserError(
                    f"The item {row['scene']} of the scene table {path}: the {name} is {value[:80]!r}, but must be {required}. "
                    "Correct the item."
                )
    return rows


def _rows_of_lines(path: Path, text: str) -> list[Row]:
    """Return the rows of tab-separated text."""
    lines = _read_lines(path, text)
    header = next(lines, (0, []))[1]
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise UserError(
            f"The scene table {path} has no column {' and '.join(missing)} in its first line. It must be tab-separated text "
            f"with the columns {', '.join(COLUMNS)}, as snakemake find_scenes writes it; name such a table in imagery.scenes."
        )
    return [_parse_row(path, number, header, values) for number, values in lines]


def _read_lines(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield number and values of each line that is neither empty nor a comment."""
    try:
        for number, values in enumerate(csv.reader(text.splitlines(), delimiter="\t"), start=1):
            if any(value.strip() for value in values) and not values[0].startswith("#"):
                yield number, [restore_formulas(value.strip()) for value in values]
    except csv.Error as error:  # a NUL byte, or a quote that stays open over many lines
        raise UserError(
            f"The scene table {path} is not tab-separated text: {error}. Save it again as such, or copy the table that "
            "snakemake find_scenes writes."
        ) from None


def _parse_row(path: Path, number: int, header: list[str], values: list[str]) -> Row:
    if len(values) > len(header):
        raise UserError(
            f"Line {number} of the scene table {path} has {len(values)} values for {len(header)} columns. Remove the tabs "
            "that do not belong there."
        )
    padded = dict(zip(header, [*values, *[""] * (len(header) - len(values))], strict=True))
    row = {name: padded[name] for name in COLUMNS}
    for name, value in row.items():
        required = _required_format(name, value)
        if required:
            raise UserError(
                f"Line {number} of the scene table {path}: the {name} is {value[:80]!r}, but must be {required}. Correct it."
            )
    return {**row, "baseline": row["baseline"].zfill(5) if row["baseline"] else ""}


def _required_format(name: str, value: str) -> str:
    """Return the format that a value should have, empty where it has it."""
    if name == "date":
        return "" if _is_date(value) else "a date like 2018-07-11"
    pattern, description = _FORMATS[name]
    valid = pattern.fullmatch(value) and not (name == "cloud_cover" and value and float(value) > 100)
    return "" if valid else description


def _is_date(value: str) -> bool:
    try:
        return date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def _check_unique(path: Path, rows: list[Row]) -> None:
    seen: set[str] = set()
    for row in rows:
        if row["scene"] in seen:
            raise UserError(f"The scene table {path} names the scene {row['scene']} twice. Keep one of the two lines.")
        seen.add(row["scene"])
