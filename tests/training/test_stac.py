"""The description reads as the MLM extension wants it: by its own reader, and by the fields its schema requires."""

import json
import re

import numpy as np
import pystac
import pytest
from pystac.extensions.mlm import MLMExtension
from safetensors.numpy import save_file

from lobate.network.header import METADATA_KEY
from lobate.training.stac import stac_item

HEADER = {
    "architecture": {"backbone": "xception71", "weights": "imagenet", "output_stride": 16},
    "bands": ["B04", "B03", "B02"],
    "channels": 3,
    "classes": 2,
    "digest": "abc" * 22,
    "landform": "rock glacier",
    "libraries": {"torch": "2.14.1"},
    "licence": "CC-BY-4.0",
    "preprocessing": {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.5, 0.5]},
    "validation_iou": {"landform": 0.81},
}


@pytest.fixture
def item(tmp_path):
    state = {"a.weight": np.zeros((2, 3), "f4"), "n.running_mean": np.zeros(7, "f4"), "n.bias": np.zeros(4, "f4")}
    save_file(state, tmp_path / "model.safetensors", metadata={METADATA_KEY: json.dumps(HEADER)})
    return stac_item(HEADER, tmp_path / "model.safetensors", None)


def test_the_extension_s_reader_finds_all_it_needs(item):
    read = pystac.Item.from_dict(item)
    mlm = MLMExtension.ext(read)
    assert (mlm.mlm_name, mlm.architecture, mlm.tasks) == (
        "DeepLabv3plus-xception71",
        "DeepLabv3+",
        ["semantic-segmentation"],
    )
    (model_input,), (model_output,) = mlm.input, mlm.output
    assert [band.name for band in model_input.bands] == ["B04", "B03", "B02"]
    assert (model_input.input.shape, model_input.input.dim_order) == (
        [-1, 3, -1, -1],
        ["batch", "bands", "height", "width"],
    )
    scaling = model_input.properties["value_scaling"]
    assert [(band["type"], band["mean"], band["stddev"]) for band in scaling] == [
        ("z-score", 127.5, 63.75),
        ("z-score", 127.5, 127.5),
        ("z-score", 127.5, 127.5),
    ]
    assert model_output.result.shape == [-1, 2, -1, -1]
    assert [class_.name for class_ in model_output.classes] == ["background", "rock_glacier"]
    assert mlm.total_parameters == 10
    assert mlm.pretrained is True


def test_what_the_schemas_require_is_there(item):
    assert {"type", "stac_version", "id", "geometry", "properties", "links", "assets"} <= set(item)
    assert {"datetime", "start_datetime", "end_datetime"} <= set(item["properties"])
    assert {"mlm:name", "mlm:architecture", "mlm:tasks", "mlm:input", "mlm:output"} <= set(item["properties"])
    (model_input,), (model_output,) = item["properties"]["mlm:input"], item["properties"]["mlm:output"]
    assert {"name", "bands", "input"} <= set(model_input)
    assert {"name", "tasks", "result"} <= set(model_output)
    assert re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_.-]+[a-zA-Z0-9]", item["properties"]["mlm:name"])
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", item["properties"]["mlm:framework_version"])
    assert all(
        re.fullmatch(r"[a-z-_]+", name)
        for name in model_input["input"]["dim_order"] + model_output["result"]["dim_order"]
    )
    assert "mlm:model" in item["assets"]["model"]["roles"]
    assert item["assets"]["model"]["mlm:artifact_type"]


def test_random_weights_are_not_called_pretrained(tmp_path, item):
    header = {**HEADER, "architecture": {**HEADER["architecture"], "weights": "none"}}
    properties = stac_item(header, tmp_path / "model.safetensors", None)["properties"]
    assert (properties["mlm:pretrained"], properties["mlm:pretrained_source"]) == (False, None)


def test_a_model_that_learnt_nothing_says_so(item, tmp_path):
    assert "lobate:learnt_nothing" not in item["properties"]
    tampered = stac_item(HEADER | {"learnt_nothing": "its IoU is low"}, tmp_path / "model.safetensors", None)
    assert tampered["properties"]["lobate:learnt_nothing"] == "its IoU is low"
