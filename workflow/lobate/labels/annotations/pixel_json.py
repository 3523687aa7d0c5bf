"""Annotations in JSON with points: Label Studio's export, labelme's files, and GeoJSON with coordinates in pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import shapely

from lobate.errors import UserError
from lobate.labels.annotations.annotation import FARTHEST, Annotation, Annotations, outline_of, parsed

IMAGE_KEYS = ("image", "image_name", "file_name", "filename", "image_path", "img")
LABEL_KEYS = ("class", "label", "category", "type", "name", "classification")


def is_label_studio(content: Any) -> bool:
    """Whether a JSON document is an export of Label Studio: a list of tasks."""
    return (
        isinstance(content, list)
        and bool(content)
        and all(isinstance(task, dict) and "data" in task for task in content)
    )


def read_label_studio(path: Path, tasks: list[dict[str, Any]]) -> Annotations:
    """Return the polygons of all tasks. Other shapes are counted, such as brush strokes; cancelled annotations do not count."""
    result = Annotations()
    for number, task in enumerate(tasks):

        def read_task(task: dict[str, Any] = task) -> None:
            image = next((str(value) for value in task["data"].values() if "." in str(value)), None)
            if image is None:
                raise KeyError("data.image")
            done = [one for one in task.get("annotations", task.get("completions", [])) if not one.get("was_cancelled")]
            for one in (item for annotation in done for item in annotation["result"]):
                _add_item(result, image, one)

        parsed(path, f", task {task.get('id', number)}", read_task)
    return result


def _add_item(result: Annotations, image: str, item: dict[str, Any]) -> None:
    kind, value = item["type"], item["value"]
    if "points" not in value:
        result.others[f"{kind.removesuffix('labels')} shapes, which are no polygons"] += 1
        return
    points = [(x / 100, y / 100) for x, y in value["points"]]  # per cent of the image
    size = (int(item["original_height"]), int(item["original_width"])) if "original_height" in item else None
    label = str(next(iter(value.get(kind, [])), ""))
    name = str(item.get("id", len(result.found)))
    result.add(Annotation(image, name, label, outline_of([points]), size, is_share=True))


def is_labelme(content: Any) -> bool:
    """Whether a JSON document is a file of labelme."""
    return isinstance(content, dict) and {"shapes", "imagePath"} <= content.keys()


def read_labelme(path: Path, content: dict[str, Any]) -> Annotations:
    """Return the polygons of one file of labelme; other shapes are counted."""
    result = Annotations()

    def read_all() -> None:
        height, width = content.get("imageHeight"), content.get("imageWidth")
        size = (int(height), int(width)) if height and width else None
        for number, shape in enumerate(content["shapes"]):
            if shape.get("shape_type", "polygon") != "polygon":
                result.others[f"{shape['shape_type']} shapes, which are no polygons"] += 1
                continue
            outline = outline_of([shape["points"]])
            result.add(Annotation(str(content["imagePath"]), str(number), str(shape.get("label") or ""), outline, size))

    parsed(path, "", read_all)
    return result


def is_geojson(content: Any) -> bool:
    """Whether a JSON document is GeoJSON: features, or a list of them."""
    if isinstance(content, list):
        return bool(content) and all(isinstance(one, dict) and one.get("type") == "Feature" for one in content)
    return isinstance(content, dict) and content.get("type") in ("FeatureCollection", "Feature")


def read_geojson(path: Path, content: Any) -> Annotations:
    """Return the polygons of a GeoJSON in pixels. Rows that count upwards from 0 to negative numbers, as in QGIS, are turned.

    The image is named in a property, or it has the name of the file. Raises UserError for a GeoJSON that names a CRS.
    """
    if isinstance(content, dict) and content.get("crs"):
        raise UserError(
            f"{path} has a coordinate reference system, so its outlines are on the ground already. Name it in labels.positives as it is."
        )
    features = content if isinstance(content, list) else content.get("features", [content])
    result = Annotations()
    for number, feature in enumerate(features):

        def read_feature(feature: dict[str, Any] = feature, number: int = number) -> None:
            properties = feature.get("properties") or {}
            outline = shapely.geometry.shape(feature["geometry"])
            if not (np.abs(shapely.get_coordinates(outline)) < FARTHEST).all():
                raise ValueError("a coordinate is no number of pixels")
            if outline.geom_type not in ("Polygon", "MultiPolygon"):
                result.others[f"{outline.geom_type} shapes, which are no polygons"] += 1
                return
            if outline.bounds[1] < 0 and outline.bounds[3] <= 0:
                outline = shapely.transform(outline, lambda points: points * (1, -1))
            image = next((str(properties[key]) for key in IMAGE_KEYS if properties.get(key)), path.stem)
            label = next((_text(properties[key]) for key in LABEL_KEYS if properties.get(key)), "")
            name = str(feature.get("id", properties.get("id", number)))
            result.add(Annotation(image, name, label, shapely.make_valid(outline)))

        parsed(path, f", feature {feature.get('id', number) if isinstance(feature, dict) else number}", read_feature)
    return result


def _text(value: Any) -> str:
    return str(value.get("name", "")) if isinstance(value, dict) else str(value)
