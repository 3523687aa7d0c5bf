"""Files of outlines as people send them, made readable: zipped ones unpacked, a Shapefile's lost index made again.

Both happen in a folder that is gone afterwards; the file itself is never touched. A zip is not trusted: nothing is
written outside the folder, and nothing that would fill the disk.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from zipfile import BadZipFile, ZipFile, ZipInfo

import pyogrio

from lobate.errors import Mistake

log = logging.getLogger(__name__)

OPTION = "SHAPE_RESTORE_SHX"
PACKED = (".zip", ".kmz")
OUTLINES = (".shp", ".gpkg", ".geojson", ".json", ".kml", ".fgb", ".gml")
BESIDE = (".shx", ".dbf", ".prj", ".cpg")
MOST_BYTES = 4 * 2**30
"""What a zip may hold unpacked; a Shapefile's parts end at 2 GiB each."""
MOST_TIMES = 200
"""How many times its packed size a large zip may hold: outlines as text shrink to a twentieth at best."""
SMALL = 64 * 2**20


@contextmanager
def readable(path: Path) -> Iterator[Path]:
    """Yield a path that OGR can read: ``path`` itself, or what was made of it in a folder of its own.

    Raises Mistake for a zip that is damaged, unsafe, or holds no outlines or several files of them, and for a GeoPackage
    whose latest changes are not in it yet.
    """
    check_saved(path)
    if path.suffix.lower() not in PACKED or not path.is_file():
        with _indexed(path) as whole:
            yield whole
        return
    with TemporaryDirectory() as folder, _naming(folder, str(path)):
        _unpack(path, Path(folder))
        with _indexed(_only_file(path, Path(folder))) as whole:
            yield whole


def check_saved(path: Path) -> None:
    """Raise Mistake while changes lie beside a GeoPackage and not in it: its own bytes, and time stamp, are the old ones."""
    waiting = path.with_name(f"{path.name}-wal")
    if waiting.exists() and waiting.stat().st_size:
        raise Mistake(
            f"The file {path} is open in another program, and the latest changes are still in {waiting.name} beside "
            "it. Save the edits and close the file there (in QGIS, close the project), then run again. Where nothing has it "
            "open, a program broke off: open it once in QGIS and close it."
        )


@contextmanager
def _naming(folder: str, path: str) -> Iterator[None]:
    """Let mistakes name the user's file, not the folder where it was made readable."""
    try:
        yield
    except Mistake as mistake:
        raise Mistake(str(mistake).replace(folder, path)) from mistake


def _unpack(path: Path, folder: Path) -> None:
    try:
        with ZipFile(path) as archive:
            wanted = [one for one in archive.infolist() if _is_wanted(one)]
            _check_safe(path, wanted)
            for one in wanted:
                archive.extract(one, folder)
    except (BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise Mistake(
            f"The zip {path} cannot be unpacked: {str(error).rstrip('.')}. It may be truncated or have a password; copy it "
            "again, or unpack it and name the file inside."
        ) from error


def _is_wanted(one: ZipInfo) -> bool:
    inside = PurePosixPath(one.filename)
    return inside.suffix.lower() in OUTLINES + BESIDE and not inside.name.startswith(".") and not one.is_dir()


def _check_safe(path: Path, wanted: list[ZipInfo]) -> None:
    for one in wanted:
        if one.filename.startswith(("/", "\\")) or ".." in one.filename.replace("\\", "/").split("/"):
            raise Mistake(
                f"The zip {path} wants to write outside its folder ({one.filename}), which no honest one does. Do not trust "
                "it; get the outlines from their author as a GeoPackage."
            )
    size, packed = sum(one.file_size for one in wanted), sum(one.compress_size for one in wanted)
    if size > MOST_BYTES or size > max(SMALL, MOST_TIMES * packed):
        raise Mistake(
            f"The zip {path} ({packed / 2**20:.1f} MiB) would unpack to {size / 2**20:.0f} MiB, more than outlines can be. If "
            "it is honest all the same, unpack it and name the file inside."
        )


def _only_file(path: Path, folder: Path) -> Path:
    """Return the file of outlines in a folder, or its folder where there are several Shapefiles: they are layers then."""
    found = sorted(one for one in folder.rglob("*") if one.suffix.lower() in OUTLINES)
    if len(found) > 1 and {(one.parent, one.suffix.lower()) for one in found} == {(found[0].parent, ".shp")}:
        return found[0].parent
    if len(found) != 1:
        names = ", ".join(one.relative_to(folder).as_posix() for one in found)
        raise Mistake(
            f"The zip {path} holds {f'several files of outlines ({names})' if found else 'no file of outlines'}. Unpack it "
            "and name the file in the configuration."
        )
    return found[0]


@contextmanager
def _indexed(path: Path) -> Iterator[Path]:
    """Yield ``path``, or where it is a Shapefile without its index (.shx) a copy with one."""
    family = [file for file in path.parent.glob("*") if path.suffix.lower() == ".shp" and file.stem == path.stem]
    if not family or any(file.suffix.lower() == ".shx" for file in family):
        yield path
        return
    log.info("%s has no .shx; its index is made again from the shapes (save the file anew to mend it)", path.name)
    with TemporaryDirectory() as folder, _naming(folder, str(path.parent)):
        for file in family:
            shutil.copyfile(file, Path(folder) / file.name)
        _restore_index(Path(folder) / path.name)
        yield Path(folder) / path.name


def _restore_index(path: Path) -> None:
    """Let GDAL write the index while it opens the file; one it cannot open is told when it is read."""
    pyogrio.set_gdal_config_options({OPTION: "YES"})
    try:
        pyogrio.list_layers(path)
    except pyogrio.errors.DataSourceError as error:
        log.debug("%s", error)
    finally:
        pyogrio.set_gdal_config_options({OPTION: None})
