"""The training and the validation side, read from patch files and the split; mismatches fail before any work."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import geopandas as gpd
import numpy as np

from lobate.errors import UserError
from lobate.io.patches import open_patches
from lobate.io.vector import read_layer
from lobate.training.dataset import PatchDataset
from lobate.training.ignored import IgnoredPixels, read_runs
from lobate.training.split import EmptySplitError, Protocol, read_split

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingData:
    """Both sides of a training.

    ``training_pixels`` and ``validation_pixels`` (n, 2) count the background and landform pixels of each patch. The last
    ``n_mined`` training patches are negatives mined in earlier rounds. ``validation_groups`` (n,) names the group of each
    validation patch in the split.
    """

    training: PatchDataset
    validation: PatchDataset
    training_pixels: np.ndarray
    validation_pixels: np.ndarray
    n_mined: int
    validation_groups: np.ndarray

    @property
    def positive(self) -> np.ndarray:
        """Mask of the training patches that show the landform; shape (n,)."""
        return self.training_pixels[:, 1] > 0

    @cached_property
    def digest(self) -> str:
        """The sha256 of all patches, training side first, in the order of the split."""
        sha256 = hashlib.sha256()
        for side in (self.training, self.validation):
            sha256.update(f"{len(side)} ".encode())
            for index, (*_, height, width) in enumerate(side.places):
                sha256.update(np.ascontiguousarray(side.patch(index)[:height, :width]).data)
        return sha256.hexdigest()

    def __str__(self) -> str:
        return (
            f"{len(self.training)} training patches ({int(self.positive.sum())} show the landform, {self.n_mined} were mined) "
            f"and {len(self.validation)} validation patches ({int((self.validation_pixels[:, 1] > 0).sum())} show it)"
        )


def read_data(
    files: list[Path],
    tiles: list[str],
    split: Path,
    mined: list[Path],
    protocol: Protocol = "side",
    footprints: list[Path] | None = None,
    ignored: list[Path] | None = None,
) -> TrainingData:
    """Open the patch ``files`` of ``tiles``, split by ``protocol``, and add the ``mined`` patches to the training side.

    ``ignored``: pixels that training patches ignore (see ``ignored.py``); validation patches keep their labels.

    With ``footprints`` (one file for each of ``mined``, layer `patches`), mined patches that touch validation ground are
    left out, and counted in the log. Raises UserError for damaged files, and for files and split of different runs.
    Raises EmptySplitError for a side without patches, and for a training side without the landform.
    """
    rows = read_split(split, protocol)
    validating = rows[rows["side"] == "validation"]
    mined_rows = [np.arange(len(open_patches(path))) for path in mined]
    for number, path in enumerate(footprints or []):
        mined_rows[number] = _exclude_validation_ground(mined_rows[number], path, validating)
    training = concat_patches(files, tiles, rows[rows["side"] == "training"], list(zip(mined, mined_rows, strict=True)))
    training = replace(training, ignored=IgnoredPixels(read_runs(ignored or [])), training=True)
    validation = concat_patches(files, tiles, validating, [])
    n_mined, groups = sum(map(len, mined_rows)), validating["group"].to_numpy(dtype=str)
    data = TrainingData(training, validation, training.class_pixels(), validation.class_pixels(), n_mined, groups)
    if not data.positive.any():
        raise EmptySplitError(
            f"None of the {len(training)} training patches shows the landform, so there is nothing to learn. Check that "
            "labels.positives has outlines on the images, and that patches.split leaves some of them to training."
        )
    return data


def _exclude_validation_ground(rows: np.ndarray, footprints: Path, validating: gpd.GeoDataFrame) -> np.ndarray:
    """Return the ``rows`` of mined patches with footprints off the validation ground."""
    mined = read_layer(footprints, "patches").to_crs(validating.crs)
    if len(mined) != len(rows):
        raise UserError(
            f"{footprints} has {len(mined)} footprints for {len(rows)} mined patches: the files are not of one run. "
            "Delete both and run again."
        )
    touching = np.unique(validating.sindex.query(mined.geometry, predicate="intersects")[0])
    if len(touching):
        log.info("%d mined patches touch validation ground of this protocol and are left out", len(touching))
    return np.setdiff1d(rows, touching)


def concat_patches(
    files: list[Path], tiles: list[str], rows: gpd.GeoDataFrame, mined: list[tuple[Path, np.ndarray]]
) -> PatchDataset:
    """Return the patches in ``rows`` of the split (by tile, row, height and width), then those of the ``mined`` files."""
    paths = [*files, *(path for path, _ in mined)]
    arrays = tuple(open_patches(path) for path in paths)
    _check_same_shape([(path, array) for path, array in zip(paths, arrays, strict=True) if len(array)])
    numbers = {tile: number for number, tile in enumerate(tiles)}
    if unknown := sorted(set(rows["tile"]) - set(numbers)):
        raise UserError(
            f"The split names the tile {unknown[0]}, but the patch files are of {', '.join(sorted(numbers))}."
        )
    places = np.array([rows["tile"].map(numbers), rows["row"], rows["height"], rows["width"]], dtype=np.int64).T
    _check_rows(files, arrays, places)
    mined_places = [
        (number, row, *arrays[number].shape[1:3])
        for number, (_, mined_rows) in enumerate(mined, len(files))
        for row in mined_rows
    ]
    return PatchDataset(arrays, np.concatenate([places, np.array(mined_places, dtype=np.int64).reshape(-1, 4)]))


def _check_rows(files: list[Path], arrays: tuple[np.ndarray, ...], places: np.ndarray) -> None:
    for number, path in enumerate(files):
        rows = places[places[:, 0] == number, 1]
        if rows.size and rows.max() >= len(arrays[number]):
            raise UserError(
                f"The split names patch {rows.max()} of {path}, which holds only {len(arrays[number])}: the two are not "
                "of one run. Delete both and run again."
            )


def _check_same_shape(patches: list[tuple[Path, np.ndarray]]) -> None:
    for path, array in patches[1:]:
        first_path, first = patches[0]
        if array.shape[1:] != first.shape[1:]:
            raise UserError(
                f"The patches of {path} are {array.shape[1:]} and those of {first_path} are {first.shape[1:]} (side, side, "
                "channels + label); one training needs them alike. Make all images with the same bands and crop them alike."
            )
