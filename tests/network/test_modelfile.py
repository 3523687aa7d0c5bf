"""The model file: the same bytes for the same model, everything back, and one paragraph for what is wrong with it."""

import json
import struct

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from lobate.errors import UserError
from lobate.network import modelfile
from lobate.network.deeplab import build
from lobate.network.header import read_header
from lobate.settings.training import Network

SMALL = Network(backbone="resnet18", weights="none", aspp_channels=16, low_level_channels=8)
HEADER = {"bands": ["B04", "B03", "B02"], "threshold": 0.45, "round": 2, "seed": 1, "validation_iou": [0.97, 0.81]}


@pytest.fixture(scope="module")
def model():
    return build(SMALL, seed=1)


@pytest.fixture
def path(model, tmp_path):
    modelfile.save(tmp_path / "model.safetensors", model, HEADER)
    return tmp_path / "model.safetensors"


def rewrite(path, header=None, state=None):
    with safe_open(path, framework="pt") as file:
        old = json.loads(file.metadata()["lobate"])
    state = state or load_file(path)
    full = {**old, **(header or {}), "digest": modelfile.state_digest(state)}
    save_file(state, path, metadata={"lobate": json.dumps(full)})


def test_round_trip(model, path):
    back, header = modelfile.load(path)
    assert not back.training
    for key, value in HEADER.items():
        assert header[key] == value
    assert header["architecture"]["backbone"] == "resnet18"
    assert (header["channels"], header["classes"]) == (3, 2)
    assert header["preprocessing"] == {"mean": [0.5] * 3, "std": [0.5] * 3}
    images = torch.zeros(1, 3, 40, 40, dtype=torch.uint8)
    with torch.inference_mode():
        assert torch.equal(back(images), model.eval()(images))
    assert read_header(path) == header


def test_preprocessing_travels(model, path):
    rewrite(path, {"preprocessing": {"mean": [0.4, 0.5, 0.6], "std": [0.2, 0.2, 0.2]}})
    assert modelfile.load(path)[0].preprocessing.mean == (0.4, 0.5, 0.6)


def test_the_same_model_gives_the_same_bytes(model, path, tmp_path):
    back, _ = modelfile.load(path)
    shuffled = dict(reversed(list(HEADER.items())))
    modelfile.save(tmp_path / "again.safetensors", back.to(memory_format=torch.channels_last), shuffled)
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


def test_loading_leaves_the_random_state(path):
    state = torch.random.get_rng_state()
    modelfile.load(path)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_no_file(tmp_path):
    with pytest.raises(UserError, match="no such model file"):
        modelfile.load(tmp_path / "model.safetensors")


@pytest.mark.parametrize("keep", [0, 4, 1000, -1000])
def test_a_file_cut_short(path, keep):
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UserError, match="damaged"):
        modelfile.load(path)


def test_one_byte_changed_in_the_weights(path):
    content = bytearray(path.read_bytes())
    (size,) = struct.unpack("<Q", content[:8])
    content[8 + size + 12345] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match="digest"):
        modelfile.load(path)


def test_weights_that_lobate_did_not_write(path):
    save_file(load_file(path), path)
    with pytest.raises(UserError, match="header does not say"):
        modelfile.load(path)


def test_weights_of_another_architecture(model, path):
    rewrite(path, {"architecture": {**SMALL.model_dump(), "aspp_channels": 24}})
    with pytest.raises(UserError, match="another architecture"):
        modelfile.load(path)


@pytest.mark.parametrize("architecture", [{"backbone": "xception72"}, {"heads": 3}])
def test_an_architecture_that_cannot_be_built(path, architecture):
    rewrite(path, {"architecture": {**SMALL.model_dump(), **architecture}})
    with pytest.raises(UserError, match="no architecture that this version"):
        modelfile.load(path)
