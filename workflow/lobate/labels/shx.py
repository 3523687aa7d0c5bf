"""Shapefiles whose index (.shx) got lost are read all the same: it is made again, beside a copy, and told."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pyogrio

from lobate.errors import Mistake

log = logging.getLogger(__name__)

OPTION = "SHAPE_RESTORE_SHX"


@contextmanager
def with_index(path: Path) -> Iterator[Path]:
    """Yield a path that can be read: ``path`` itself, or a copy with its index restored. The input is never touched."""
    family = [file for file in path.parent.glob(f"{path.stem}.*") if path.suffix.lower() == ".shp"]
    if not family or any(file.suffix.lower() == ".shx" for file in family):
        yield path
        return
    log.info("%s has no .shx; its index is made again from the shapes (save the file anew to mend it)", path.name)
    with TemporaryDirectory() as folder:
        for file in family:
            shutil.copyfile(file, Path(folder) / file.name)
        pyogrio.set_gdal_config_options({OPTION: "YES"})
        try:
            yield Path(folder) / path.name
        except Mistake as mistake:
            raise Mistake(str(mistake).replace(folder, str(path.parent))) from mistake
        finally:
            pyogrio.set_gdal_config_options({OPTION: None})
