"""The scene table: which scenes a region is made of, as `find_scenes` writes it and a person edits it.

Tab-separated text with one line a scene: ``scene tile date cloud_cover baseline source checksums``. A person takes lines
out, or begins them with ``#``; columns of their own do no harm. Checksums are ``B04=<multihash in hex>;...``, as the
catalogue gives them.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from lobate.errors import UserError
from lobate.settings.imagery import Imagery

if TYPE_CHECKING:
    import pandas

COLUMNS = ("scene", "tile", "date", "cloud_cover", "baseline", "source", "checksums")
SCENE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,199}")
TILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
SCENES_DIR = Path("resources/scenes")
"""Where fetched scenes stand, a folder each; its checksums.json is written last and stands for the whole."""

_FORMATS = {
    "scene": (SCENE_NAME, "letters, digits, _, . and -"),
    "tile": (TILE_NAME, "letters, digits, _ and -"),
    "cloud_cover": (re.compile(r"|\d+(\.\d+)?"), "per cent, with a decimal point, or nothing"),
    "baseline": (re.compile(r"|\d{1,2}\.\d{2}"), "like 05.09, or nothing"),
    "source": (re.compile(r"https?://\S+"), "the address of the scene's STAC item"),
    "checksums": (re.compile(r"|[A-Za-z0-9_-]+=[0-9a-fA-F]+(;[A-Za-z0-9_-]+=[0-9a-fA-F]+)*"), "B04=<hex>;..."),
}

Row = dict[str, str]


def read_table(path: Path) -> pandas.DataFrame:
    """Return the scenes of a table, sorted by tile, date and scene; ``cloud_cover`` is a float, NaN where unknown.

    Raises UserError for whatever is no such table, for a scene that stands there twice, and for names that are no names.
    """
    import pandas

    frame = pandas.DataFrame(read_rows(path), columns=list(COLUMNS), dtype=str)
    frame["cloud_cover"] = pandas.to_numeric(frame["cloud_cover"])
    return frame


def read_rows(path: Path) -> list[Row]:
    """Return the table as ``read_table`` does, a mapping a scene with all values as text."""
    lines = _read_lines(path)
    header = next(lines, (0, []))[1]
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise UserError(
            f"The scene table {path} has no column {' and '.join(missing)} in its first line. It must be tab-separated text "
            f"with the columns {', '.join(COLUMNS)}, as snakemake find_scenes writes it; name such a table in imagery.scenes."
        )
    found = [_parse_row(path, number, header, values) for number, values in lines]
    if not found:
        raise UserError(
            f"The scene table {path} names no scene. Keep at least one line, or run snakemake find_scenes again."
        )
    _check_unique(path, found)
    return sorted(found, key=_sort_key)


def to_tsv(rows: Iterable[Row]) -> str:
    """Return a table's text, sorted: the same scenes give the same bytes."""
    lines = [COLUMNS, *(tuple(row[name] for name in COLUMNS) for row in sorted(rows, key=_sort_key))]
    return "".join("\t".join(line) + "\n" for line in lines)


def scene_rows(imagery: Imagery) -> list[Row]:
    """Return the lines of the region's table; none where it has none, or has yet to find its scenes.

    Raises UserError as ``read_table`` does.
    """
    if imagery.scenes is None or (imagery.find and not Path(imagery.scenes).exists()):
        return []
    return read_rows(Path(imagery.scenes))


def scenes_by_tile(imagery: Imagery) -> dict[str, list[str]]:
    """Return each tile's scenes as paths, tiles in order: the setting's own, or where the table's scenes are fetched to.

    Raises UserError as ``read_table`` does. Empty while a region only says what to find.
    """
    tiles: dict[str, list[str]] = {}
    for row in scene_rows(imagery):
        tiles.setdefault(row["tile"], []).append(fetched_scene_manifest(row["scene"]))
    return tiles or dict(sorted(imagery.tiles.items()))


def fetched_scene_manifest(scene: str) -> str:
    """Return the file that stands for a fetched scene."""
    return str(SCENES_DIR / scene / "checksums.json")


def fetched_dem_path(region: str) -> str:
    """Return where a region's fetched DEM stands; `inventory.dem` must name it for the workflow to fetch it."""
    return f"resources/dem/{region}.tif"


def _sort_key(row: Row) -> tuple[str, str, str]:
    return row["tile"], row["date"], row["scene"]


def _read_lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the values of each line that is neither empty nor a remark."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UserError(
            f"The scene table {path} cannot be read: {error.strerror}. Check the path in imagery.scenes."
        ) from None
    except UnicodeDecodeError:
        raise UserError(
            f"The scene table {path} is not text in UTF-8. Save it as tab-separated text, or copy the table that snakemake "
            "find_scenes writes."
        ) from None
    # a NUL byte, or a quote left open over many lines, is what csv gives up at
    try:
        for number, values in enumerate(csv.reader(text.splitlines(), delimiter="\t"), start=1):
            if any(one.strip() for one in values) and not values[0].startswith("#"):
                yield number, [one.strip() for one in values]
    except csv.Error as error:
        raise UserError(
            f"The scene table {path} is not tab-separated text: {error}. Save it again as such, or copy the table that "
            "snakemake find_scenes writes."
        ) from None


def _parse_row(path: Path, number: int, header: list[str], values: list[str]) -> Row:
    if len(values) > len(header):
        raise UserError(
            f"Line {number} of the scene table {path} has {len(values)} values for {len(header)} columns. Take out the tabs "
            "that do not belong there."
        )
    padded = dict(zip(header, [*values, *[""] * (len(header) - len(values))], strict=True))
    row = {name: padded[name] for name in COLUMNS}
    for name, value in row.items():
        said = _required_format(name, value)
        if said:
            raise UserError(
                f"Line {number} of the scene table {path}: the {name} is {value[:80]!r}, but must be {said}. Correct it."
            )
    return {**row, "baseline": row["baseline"].zfill(5) if row["baseline"] else ""}


def _required_format(name: str, value: str) -> str:
    """Return what a value must be, where it is not; empty where it is."""
    if name == "date":
        return "" if _is_date(value) else "a date like 2018-07-11"
    form, said = _FORMATS[name]
    good = form.fullmatch(value) and not (name == "cloud_cover" and value and float(value) > 100)
    return "" if good else said


def _is_date(value: str) -> bool:
    try:
        return date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def _check_unique(path: Path, found: list[Row]) -> None:
    seen: set[str] = set()
    for row in found:
        if row["scene"] in seen:
            raise UserError(f"The scene table {path} names the scene {row['scene']} twice. Keep one of the two lines.")
        seen.add(row["scene"])
