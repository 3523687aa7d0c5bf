"""YOLO segmentation: a text file for each image, a line for each outline: class, then x and y as shares of width and height."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import yaml

from lobate.errors import UserError
from lobate.labels.annotations.annotation import Annotation, Annotations, outline_of

BOX = 5
"""Values of a line with a box: class, centre, width and height."""
NOT_LABELS = ("classes", "train", "val", "test", "readme", "notes", "requirements")


def recognises(path: Path) -> bool:
    """Whether this is a folder of text files, or one such file."""
    return bool(label_files(path))


def label_files(path: Path) -> list[Path]:
    """Return the text files of a data set, without its lists of classes and images."""
    files = sorted(path.rglob("*.txt")) if path.is_dir() else [path] if path.suffix.lower() == ".txt" else []
    return [file for file in files if file.stem.lower() not in NOT_LABELS]


def read(path: Path) -> Annotations:
    """Return the annotations of a data set; boxes are counted. Raises UserError for a line that is none of both."""
    names = _class_names(path)
    result = Annotations()
    for file in label_files(path):
        for number, line in enumerate(_lines(file), start=1):
            values = _values(line, f"{file}, line {number}")
            if len(values) == BOX:
                result.others["boxes without an outline"] += 1
            elif len(values):
                label = names.get(int(values[0]), str(int(values[0])))
                outline = outline_of([values[1:].reshape(-1, 2)])
                result.add(Annotation(file.stem, str(number), label, outline, is_share=True))
    return result


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise UserError(
            f"{file} is no text in UTF-8, so it holds no annotations of YOLO. Take it out of the folder."
        ) from None


def _values(line: str, where: str) -> np.ndarray:
    """Return the numbers of a line; none for an empty one."""
    try:
        values = np.array(line.split(), dtype=float)
    except ValueError:
        raise UserError(
            f"{where} holds other things than numbers. A line is a class, then x and y of each point."
        ) from None
    shares = values[1:]
    if len(values) and (len(values) < BOX or len(shares) % 2 or not ((shares >= -0.01) & (shares <= 1.01)).all()):
        raise UserError(
            f"{where} is no outline of YOLO: after the class it should hold x and y of three points or more, each from 0 to 1. Export the "
            "segmentation again."
        )
    return values


def _class_names(path: Path) -> dict[int, str]:
    """Return the names of classes from classes.txt or a data set's YAML file, in the folder or above it."""
    folders = [path if path.is_dir() else path.parent]
    folders += [*folders[0].parents][:2]
    for folder in folders:
        if (folder / "classes.txt").is_file():
            return dict(enumerate(line.strip() for line in _lines(folder / "classes.txt")))
        for file in (folder / "data.yaml", folder / "dataset.yaml"):
            if file.is_file():
                names = (yaml.safe_load("\n".join(_lines(file))) or {}).get("names", {})
                return {
                    int(key): str(name)
                    for key, name in (enumerate(names) if isinstance(names, list) else names.items())
                }
    return {}
