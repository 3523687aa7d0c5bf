"""A cheap fingerprint of a scene. A plan sees by it that a part was replaced, and opens no raster for it.

A product has a hundred files, of which some eight are read. Its previews and reports are not among them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from lobate.errors import UserError
from lobate.imagery.reading import bandfolder, safe, stacitem
from lobate.imagery.reading.scenes import scene_place
from lobate.io.digest import quick_fingerprint, status_digest
from lobate.io.filekind import belongs_to

FOLDER_READERS = (safe, stacitem, bandfolder)
"""Readers of folders, in the order in which they are asked for a scene."""


def scene_fingerprint(path: Path, bands: Sequence[str]) -> str:
    """Return a fingerprint of the files that are opened to read these bands of a scene; "" if there is no scene.

    It covers their names, sizes and times. The checksums.json of a fetched scene stands for its folder. A scene that cannot be
    read counts with all its files.
    """
    place = scene_place(path)
    if not place.is_dir():
        return quick_fingerprint(place)
    reader = next(reader for reader in FOLDER_READERS if reader.recognises(place))
    try:
        opened = reader.opened_files(place, bands)
    except UserError:  # the job itself reports it
        return quick_fingerprint(place)
    return status_digest({str(file): file for file in _with_side_files(opened)})


def _with_side_files(files: Iterable[Path]) -> list[Path]:
    """Return these files and those beside them that GDAL may open with them."""
    stems: dict[Path, set[str]] = {}
    for file in files:
        stems.setdefault(file.parent, set()).add(file.stem)
    return [
        folder / name
        for folder, own in stems.items()
        for name in os.listdir(folder)  # noqa: PTH208 - names alone, for thousands of folders
        if any(belongs_to(name, stem) for stem in own)
    ]
