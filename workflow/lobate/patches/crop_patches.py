"""crop-patches: the ground round every outline, image and label together, in pieces of a size for a network.

Every outline of the tile, positive or negative, has a sub-image (see ``windows``). It is kept or left out by its quality:
the share of valid pixels and the entropy of the grey levels. Labels come from the label raster, so neighbouring landforms
are labelled too, also round a negative.

The patches of the test side lie in files of their own, with labels from a raster of their own. No other patch shows ground
of the test side, or of the gap round it.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import geopandas as gpd
import numpy as np
from rasterio.io import DatasetReader

from lobate.engine.signature import Input, Output, Setting
from lobate.errors import UserError
from lobate.io.grid import Grid
from lobate.io.mask_values import IGNORE, IMAGE_NODATA, LANDFORM, UNMENDED_LANDFORM
from lobate.io.origin import DRAWN, UNMENDED, origins_of
from lobate.io.raster import open_raster, row_blocks
from lobate.io.reserved import IN_GAP, ON_TEST, ReservedGround, ground_near, reserved_outlines
from lobate.io.validity import check_composed
from lobate.io.vector import read_polygons, write_layers
from lobate.patches.footprints import ORIGIN_COLUMNS, PATCH_COLUMNS, REMOVED_COLUMNS, footprint_layer
from lobate.patches.windows import Window, largest_side, sub_images, windows
from lobate.settings.patches import Crop

log = logging.getLogger(__name__)

PIXELS_AT_ONCE = 4_000_000
"""Pixels of one read when the quality of a window is measured."""


@dataclass(frozen=True)
class Quality:
    """``valid``: share of valid pixels, 0 to 1; ``entropy``: of their grey levels, base 10, 0 to log10(256) = 2.41."""

    valid: float
    entropy: float

    def exclusion_reason(self, crop: Crop) -> str | None:
        """Return the reason for leaving out a sub-image of this quality, None when it is kept."""
        if not self.valid > crop.min_valid:
            return f"valid share {self.valid:.3f} is not greater than {crop.min_valid:g}"
        if not self.entropy >= crop.min_entropy:
            return f"entropy {self.entropy:.3f} is less than {crop.min_entropy:g}"
        return None


def polygons_of_tile(source: Path, target: Path, tile: str) -> None:
    """Write to ``target`` the kept outlines of ``tile``, sorted, with id, class, tile and any origin.

    Cropping depends on nothing else.
    """
    outlines = read_polygons(source, "kept")
    outlines = outlines[outlines["tile"] == tile].sort_values("polygon", kind="stable")
    origin = ["origin"] if (origins_of(outlines) != DRAWN).any() else []
    write_layers(target, {"kept": outlines[["polygon", "class", "tile", *origin, "geometry"]].reset_index(drop=True)})


def crop_patches(
    image: Annotated[Path, Input()],
    label: Annotated[Path, Input()],
    polygons: Annotated[Path, Input(view=polygons_of_tile)],
    patches: Annotated[Path, Output()],
    footprints: Annotated[Path, Output()],
    reserved: Annotated[Path | None, Input(view=ground_near)] = None,
    test_label: Annotated[Path | None, Input()] = None,
    test_patches: Annotated[Path | None, Output()] = None,
    test_footprints: Annotated[Path | None, Output()] = None,
    *,
    tile: str,
    crop: Annotated[Crop, Setting("patches.crop")],
) -> None:
    """Crop the patches of one tile.

    ``patches``: npy, (n, P, P, bands + 1) uint8 with P = core + 2 x margin, the image's bands and then the label (0, 1, 255 =
    ignore, 2 = landform to training and ignored elsewhere); it can be memory-mapped. A smaller patch lies top left, the rest is image 0 and label 255. ``footprints``:
    layers ``patches`` and ``removed`` in the tile's CRS; ``row`` of a patch is its place in the npy, and the columns
    ``ORIGIN_COLUMNS`` stand there where a positive came from a model. ``removed`` has the
    sub-images of too little quality, and the patches that show ``reserved`` ground. ``test_patches`` and
    ``test_footprints`` are the same for the outlines of the test side, labelled by ``test_label``. Patches are in the order
    of their outlines' ids, with a test side in the order of their places.

    Raises UserError when image and label raster are not on one grid, or not 8-bit.
    """
    with open_raster(image) as scene:
        outlines = read_polygons(polygons, "kept").to_crs(scene.crs)
        outlines = outlines[outlines["tile"] == tile].sort_values("polygon", kind="stable")
        if reserved:  # ids made of file names and numbers change where an outline of the test side changes its file
            outlines = outlines.iloc[np.lexsort(outlines.bounds.to_numpy().T)]
        ground = ReservedGround.read(reserved).near(Grid.from_raster(scene))
        tested = outlines["polygon"].isin(reserved_outlines(reserved)["polygon"])
        _crop_side(scene, label, outlines[~tested], tile, crop, ground, patches, footprints)
        if test_patches and test_footprints and test_label:
            log.info("The test side:")
            nowhere = ReservedGround.read(None)
            _crop_side(scene, test_label, outlines[tested], tile, crop, nowhere, test_patches, test_footprints, "test_")


def _crop_side(
    scene: DatasetReader,
    label: Path,
    outlines: gpd.GeoDataFrame,
    tile: str,
    crop: Crop,
    ground: ReservedGround,
    patches: Path,
    footprints: Path,
    prefix: str = "",
) -> None:
    """Write the patches of these outlines, less those that show reserved ``ground`` (in the CRS of ``scene``)."""
    grid = Grid.from_raster(scene)
    with open_raster(label) as label_raster:
        _check_rasters(scene, label_raster)
        kept, removed = _sub_images(scene, outlines, crop)
        plan = [
            {**sub_image, "window": window, "clipped": sub_image["clipped"] and _at_edge(window, scene.shape)}
            for sub_image in kept
            for window in windows(sub_image["window"], crop.core, crop.margin)
        ]
        plan, on_reserved = _off_reserved_ground(plan, grid, ground)
        rows = _write_patches(patches, scene, label_raster, plan, largest_side(crop.core, crop.margin))
    for number, row in enumerate(rows):
        row |= {"patch": f"{tile}_{prefix}{number:05d}", "tile": tile, "row": number}
    of_models = (origins_of(outlines) != DRAWN).any() or any(row["unmended"] for row in rows)
    removed = [row | {"tile": tile} for row in [*removed, *on_reserved]]
    write_layers(
        footprints,
        {
            "patches": footprint_layer(rows, PATCH_COLUMNS | (ORIGIN_COLUMNS if of_models else {}), grid),
            "removed": footprint_layer(removed, REMOVED_COLUMNS, grid),
        },
    )
    _log_summary(tile, len(outlines), kept, rows, removed)


def _off_reserved_ground(
    plan: list[dict[str, Any]], grid: Grid, ground: ReservedGround
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the patches off the test side and the gap, and those left out with their reason."""
    kept: list[dict[str, Any]] = []
    removed: list[dict[str, Any]] = []
    for row in plan:
        reason = ground.touched_by(grid.crop(*row["window"]).footprint)
        (removed if reason else kept).append(row | {"reason": reason})
    return kept, removed


def _check_rasters(scene: DatasetReader, label_raster: DatasetReader) -> None:
    if not Grid.from_raster(scene).same_as(Grid.from_raster(label_raster)):
        raise UserError(
            f"The label raster {_describe(label_raster)} is not on the grid of the image {_describe(scene)}. Make it again "
            "from this image with rasterize-labels."
        )
    if set(scene.dtypes) != {"uint8"}:
        raise UserError(
            f"The image {scene.name} is {scene.dtypes[0]}, but patches are cut from 8-bit images. Make it with compose-rgb."
        )
    check_composed(scene)
    if label_raster.count != 1 or label_raster.dtypes[0] != "uint8":
        raise UserError(
            f"The label raster {label_raster.name} must be one band of uint8. Make it again with rasterize-labels."
        )


def _describe(dataset: DatasetReader) -> str:
    return f"{dataset.name} ({dataset.height} x {dataset.width} px, {dataset.crs})"


def _sub_images(
    scene: DatasetReader, outlines: gpd.GeoDataFrame, crop: Crop
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the sub-images that are kept, and those left out with their reason."""
    kept: list[dict[str, Any]] = []
    removed: list[dict[str, Any]] = []
    boxes = sub_images(outlines.bounds.to_numpy(), Grid.from_raster(scene), crop.buffer_m)
    for (_, outline), (window, clipped) in zip(outlines.iterrows(), boxes, strict=True):
        row = {"polygon": outline["polygon"], "class": outline["class"], "window": window, "clipped": clipped}
        row |= {"origin": outline.get("origin", DRAWN)}
        if window is None:
            removed.append(row | {"reason": "off the image", "geometry": outline.geometry.envelope})
            continue
        measured = inspect_window(scene, window)
        row |= {"valid": measured.valid, "entropy": measured.entropy, "reason": measured.exclusion_reason(crop)}
        (removed if row["reason"] else kept).append(row)
    return kept, removed


def _at_edge(window: Window, shape: tuple[int, int]) -> bool:
    return any(start == 0 or stop == length for (start, stop), length in zip(window.slices, shape, strict=True))


def _write_patches(
    path: Path, scene: DatasetReader, label_raster: DatasetReader, plan: list[dict[str, Any]], side: int
) -> list[dict[str, Any]]:
    """Write the npy one patch at a time, and return the plan with each patch's shares and digest."""
    header = {"descr": "|u1", "fortran_order": False, "shape": (len(plan), side, side, scene.count + 1)}
    rows = []
    with Path(path).open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for row in plan:
            pixels, labels = scene.read(window=row["window"].slices), _read_labels(label_raster, row["window"])
            content = _stack(pixels, labels, side).tobytes()
            file.write(content)
            digest = hashlib.sha256(content).hexdigest()
            rows.append(row | _shares(pixels, labels, scene.nodata) | {"digest": digest})
    return rows


def _read_labels(label_raster: DatasetReader, window: Window) -> np.ndarray:
    labels = label_raster.read(1, window=window.slices)
    unknown = (labels > UNMENDED_LANDFORM) & (labels != IGNORE)
    if unknown.any():
        raise UserError(
            f"The label raster {label_raster.name} holds the value {labels[unknown][0]} near row {window.row}, column "
            f"{window.col}; labels are 0, 1, 2 and 255 (ignore). Make it again with rasterize-labels."
        )
    return labels


def _stack(pixels: np.ndarray, labels: np.ndarray, side: int) -> np.ndarray:
    """Return (side, side, bands + 1) uint8 with ``pixels`` (bands, h, w) and ``labels`` (h, w) top left."""
    height, width = labels.shape
    patch = np.zeros((side, side, len(pixels) + 1), dtype=np.uint8)
    patch[..., -1] = IGNORE
    patch[:height, :width, :-1] = np.moveaxis(pixels, 0, -1)
    patch[:height, :width, -1] = labels
    return patch


def _shares(pixels: np.ndarray, labels: np.ndarray, nodata: float | None) -> dict[str, float]:
    measured = quality(grey_counts(pixels, nodata), labels.size)
    values = {"positive": LANDFORM, "ignored": IGNORE, "unmended": UNMENDED_LANDFORM}
    shares = {name: round(np.count_nonzero(labels == value) / labels.size, 6) for name, value in values.items()}
    return {"valid": measured.valid, "entropy": measured.entropy, **shares}


def _log_summary(
    tile: str, outlines: int, kept: list[dict[str, Any]], rows: list[dict[str, Any]], removed: list[dict[str, Any]]
) -> None:
    if not outlines:
        log.warning("Tile %s has no outlines, so it gives no patches.", tile)
        return
    clipped = sum(row["clipped"] for row in kept)
    log.info("Tile %s: %d outlines, %d patches of %d sub-images.", tile, outlines, len(rows), len(kept))
    if clipped:
        cut = sum(row["clipped"] for row in rows)
        log.info("%d sub-images are clipped by the image's edge, which cuts %d of their patches.", clipped, cut)
    for row in removed:
        if row["reason"] not in (ON_TEST, IN_GAP):
            log.warning("The sub-image of %s is left out: %s.", row["polygon"], row["reason"])
    for reason in (ON_TEST, IN_GAP):
        if count := sum(row["reason"] == reason for row in removed):
            log.info("%d patches lie %s and are left out.", count, reason)
    unlabelled = {row["polygon"] for row in rows if row["class"] == "positive" and row["origin"] != UNMENDED}
    unlabelled -= {row["polygon"] for row in rows if row["positive"] > 0}
    if unlabelled:
        log.warning(
            "%d positive outlines have no positive pixel in their patches: %s.",
            len(unlabelled),
            _abbreviate(sorted(unlabelled)),
        )


def _abbreviate(names: list[str], count: int = 5) -> str:
    return ", ".join(names[:count]) + (f" and {len(names) - count} more" if len(names) > count else "")


def inspect_window(image: DatasetReader, window: Window) -> Quality:
    """Return the quality of one window of an open image, read in bands of rows to bound the memory."""
    counts = sum(grey_counts(pixels, image.nodata) for pixels in _bands(image, window))
    return quality(np.asarray(counts), window.height * window.width)


def _bands(image: DatasetReader, window: Window) -> Iterator[np.ndarray]:
    _, cols = window.slices
    for start, stop in row_blocks(window.height, max(1, PIXELS_AT_ONCE // window.width)):
        yield image.read(window=((window.row + start, window.row + stop), cols))


def quality(counts: np.ndarray, pixels: int) -> Quality:
    """Return the quality of ``pixels`` pixels with these grey-level ``counts``.

    Entropy is Shannon's, -sum p log10 p, over valid pixels only: nodata would count as one more grey level.
    """
    total = int(counts.sum())
    shares = counts[counts > 0] / max(total, 1)
    entropy = float(-(shares * np.log10(shares)).sum()) if total else 0.0
    return Quality(round(total / pixels, 6), round(abs(entropy), 6))


def grey_counts(pixels: np.ndarray, nodata: float | None) -> np.ndarray:
    """Return the number of valid pixels at each grey level, the mean of the bands rounded half up. Shape (256,)."""
    bands = len(pixels)
    grey = (pixels.sum(axis=0, dtype=np.uint16) + bands // 2) // bands
    return np.bincount(grey[valid_pixels(pixels, nodata)], minlength=256)


def valid_pixels(pixels: np.ndarray, nodata: float | None) -> np.ndarray:
    """Return where any band of ``pixels`` (bands, h, w) differs from nodata (0 if None). Shape (h, w), bool."""
    return (pixels != (nodata or IMAGE_NODATA)).any(axis=0)
