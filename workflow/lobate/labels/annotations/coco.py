"""COCO instance annotations: polygons, and run-length encoded masks, plain or compressed (cocodataset.org/#format-data)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import shapely
from rasterio.features import shapes

from lobate.errors import UserError
from lobate.labels.annotations.annotation import Annotation, Annotations, outline_of, parsed

MAX_PIXELS = 100_000**2


def recognises(content: Any) -> bool:
    """Whether a JSON document is a COCO data set."""
    return isinstance(content, dict) and {"images", "annotations"} <= content.keys()


def read(path: Path, content: dict[str, Any]) -> Annotations:
    """Return the annotations of a COCO data set; boxes without an outline are counted."""
    images = parsed(path, "", lambda: {image["id"]: image for image in content["images"]})
    labels = {one.get("id"): str(one.get("name", "")) for one in content.get("categories", [])}
    result = Annotations()
    for number, one in enumerate(content["annotations"]):
        place = f", annotation {one.get('id', number) if isinstance(one, dict) else number}"

        def read_one(one: dict[str, Any] = one, number: int = number, place: str = place) -> None:
            image = images[one["image_id"]]
            if one.get("iscrowd"):
                result.others["crowds, which are no single outlines,"] += 1
                return
            if not one.get("segmentation"):
                result.others["boxes without an outline"] += 1
                return
            outline = _outline(one["segmentation"], f"{path}{place}")
            size = (int(image["height"]), int(image["width"])) if "height" in image and "width" in image else None
            label = labels.get(one.get("category_id"), "")
            result.add(Annotation(str(image["file_name"]), str(one.get("id", number)), label, outline, size))

        parsed(path, place, read_one)
    return result


def _outline(segmentation: Any, where: str) -> shapely.Geometry:
    if isinstance(segmentation, list):
        return outline_of([np.reshape(ring, (-1, 2)) for ring in segmentation])
    return mask_outline(decode_mask(segmentation["counts"], segmentation["size"], where))


def decode_mask(counts: list[int] | str, size: tuple[int, int], where: str) -> np.ndarray:
    """Return a run-length encoded mask as bool (height, width). Raises UserError for runs that do not fill it.

    The runs go down the columns, and begin with one outside the mask.
    """
    runs = np.array(_unpack(counts) if isinstance(counts, str) else counts, dtype=np.int64)
    height, width = map(int, size)
    if height * width > MAX_PIXELS or (runs < 0).any() or runs.sum() != height * width:
        raise UserError(
            f"{where}: its mask has {int(runs.sum()):,} pixels, and the image {height} x {width}. Export it again."
        )
    values = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return values.reshape((height, width), order="F")


def _unpack(text: str) -> list[int]:
    """Return the runs of a compressed mask.

    Each number is a string of characters with five bits each, lowest first, plus 32 where more follow, plus 48. The fifth bit of
    the last one is the sign. From the fourth on, a number is the difference to the run two places before.
    """
    runs: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        signed = value - (1 << shift) if bits & 16 else value
        runs.append(signed + (runs[-2] if len(runs) > 2 else 0))
        value = shift = 0
    return runs


def mask_outline(mask: np.ndarray) -> shapely.Geometry:
    """Return the outline of a mask along the edges of its pixels."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return shapely.Polygon()
    part = mask[
        rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1
    ]  # a whole image would be searched for each landform
    found = [shapely.geometry.shape(geometry) for geometry, _ in shapes(part.astype(np.uint8), mask=part)]
    corner = np.array([columns[0], rows[0]])
    return shapely.transform(shapely.union_all(found), lambda points: points + corner)
