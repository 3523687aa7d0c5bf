"""The model as a STAC item with the Machine Learning Model extension (MLM 1.4), for catalogues.

The item describes the model's input, output and quality; see https://github.com/stac-extensions/mlm. It has no time stamp,
so the same model gives the same item.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from shapely import box
from shapely.geometry import mapping

from lobate.io.vector import LONLAT, read_layer
from lobate.network.header import count_parameters

EXTENSIONS = [
    "https://stac-extensions.github.io/mlm/v1.4.0/schema.json",
    "https://stac-extensions.github.io/classification/v2.0.0/schema.json",
]
TASK = "semantic-segmentation"
ALL_TIME = {"start_datetime": "1900-01-01T00:00:00Z", "end_datetime": "9999-12-31T23:59:59Z", "datetime": None}


def stac_item(header: dict[str, Any], model: Path, split: Path | None) -> dict[str, Any]:
    """Return the item of a ``model`` file with this ``header``; its bounding box, EPSG:4326, is that of ``split``."""
    bounds = None
    if split is not None:
        bounds = [round(float(bound), 6) for bound in read_layer(split, "split").to_crs(LONLAT).total_bounds]
    extent = {"geometry": None} if bounds is None else {"geometry": mapping(box(*bounds)), "bbox": bounds}
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": EXTENSIONS,
        "id": f"lobate-{header['digest'][:16]}",
        **extent,
        "properties": _properties(header, model),
        "links": [],
        "assets": {"model": _asset(header, model)},
    }


def _properties(header: dict[str, Any], model: Path) -> dict[str, Any]:
    architecture = header["architecture"]
    return {
        **ALL_TIME,
        "title": f"DeepLabv3+ on {architecture['backbone']} for the landform: {header['landform']}",
        "license": header["licence"],
        "mlm:name": f"DeepLabv3plus-{architecture['backbone']}",  # its schema allows no plus sign
        "mlm:architecture": "DeepLabv3+",
        "mlm:tasks": [TASK],
        "mlm:framework": "PyTorch",
        "mlm:framework_version": header.get("libraries", {}).get("torch", "unknown"),
        "mlm:total_parameters": count_parameters(model),
        "mlm:memory_size": model.stat().st_size,
        "mlm:pretrained": architecture["weights"] != "none",
        "mlm:pretrained_source": None if architecture["weights"] == "none" else architecture["weights"],
        "mlm:hyperparameters": architecture,
        "mlm:input": [_input(header)],
        "mlm:output": [_output(header)],
        **({"lobate:learnt_nothing": header["learnt_nothing"]} if header.get("learnt_nothing") else {}),
        "lobate:validation_iou": header.get("validation_iou"),
        "lobate:validation_intervals": header.get("validation_intervals"),
        "lobate:validation_iou_other": header.get("validation_iou_other"),
        "lobate:stretch": header.get("stretch"),
        "lobate:dataset": header.get("dataset"),
    }


def _input(header: dict[str, Any]) -> dict[str, Any]:
    preprocessing = header["preprocessing"]
    scaling = [
        {"type": "z-score", "mean": round(255 * mean, 4), "stddev": round(255 * deviation, 4)}
        for mean, deviation in zip(preprocessing["mean"], preprocessing["std"], strict=True)
    ]
    return {
        "name": "8-bit image",
        "bands": [{"name": name} for name in header["bands"] or []],
        "input": {"shape": [-1, header["channels"], -1, -1], "dim_order": ["batch", "bands", "height", "width"], "data_type": "uint8"},
        "value_scaling": scaling,
        "description": "8-bit image as compose_rgb makes it, 0 = no data; the model file scales it itself.",
    }  # fmt: skip


def _output(header: dict[str, Any]) -> dict[str, Any]:
    names = ["background", header["landform"]]
    return {
        "name": "logits",
        "tasks": [TASK],
        "result": {"shape": [-1, header["classes"], -1, -1], "dim_order": ["batch", "class", "height", "width"], "data_type": "float32"},
        "classification:classes": [
            {"value": value, "name": name.replace(" ", "_"), "description": name} for value, name in enumerate(names)
        ],
        "post_processing_function": None,
    }  # fmt: skip


def _asset(header: dict[str, Any], model: Path) -> dict[str, Any]:
    return {
        "href": f"./{model.name}",
        "type": "application/octet-stream",
        "title": "Weights, and in the header all that is needed to use them",
        "roles": ["mlm:model", "mlm:weights", "data"],
        "mlm:artifact_type": "safetensors.torch.save_file",
        "lobate:digest": header["digest"],
    }
