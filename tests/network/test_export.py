"""The ONNX file gives what the model gives, at any batch and size, and is refused when it does not."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from lobate.cli.main import main
from lobate.errors import UserError
from lobate.network import export, modelfile
from lobate.network.deeplab import build
from lobate.settings.training import Network

SMALL = Network(backbone="resnet18", weights="none", aspp_channels=8, low_level_channels=8)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A model of four channels with lively norms, and its export by the command line."""
    folder = tmp_path_factory.mktemp("onnx")
    model = build(SMALL, channels=4, seed=3)
    with torch.no_grad():
        model(torch.randint(0, 256, (4, 4, 64, 64), dtype=torch.uint8))  # statistics other than 0 and 1
    modelfile.save(folder / "model.safetensors", model, {"threshold": 0.35, "licence": "CC-BY-4.0"})
    assert main(["model", "export", str(folder / "model.safetensors"), "--onnx", str(folder / "model.onnx")]) == 0
    return folder


@pytest.mark.parametrize("shape", [(1, 4, 96, 32), (2, 4, 160, 176), (5, 4, 16, 16)])
def test_parity_with_the_model(written, shape):
    model, _ = modelfile.load(written / "model.safetensors")
    images = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)
    session = onnxruntime.InferenceSession(written / "model.onnx", providers=["CPUExecutionProvider"])
    (exported,) = session.run(["probability"], {"image": images.astype(np.float32)})
    with torch.inference_mode():
        expected = model(torch.from_numpy(images)).softmax(1).numpy()
    assert exported.shape == (shape[0], 2, *shape[2:])
    np.testing.assert_allclose(exported, expected, atol=1e-5)


def test_the_header_goes_along_in_one_file(written):
    kept = {prop.key: prop.value for prop in onnx.load(written / "model.onnx").metadata_props}
    assert json.loads(kept["lobate"])["threshold"] == 0.35
    assert kept["licence"] == "CC-BY-4.0"
    assert {path.name for path in written.iterdir()} == {"model.safetensors", "model.onnx"}


def test_an_export_that_differs_is_not_left_behind(written, tmp_path, monkeypatch):
    target = tmp_path / "model.onnx"
    monkeypatch.setattr(export, "_export", lambda *arguments: target.write_bytes(b""))
    monkeypatch.setattr(export, "_max_difference", lambda *arguments: float("nan"))
    with pytest.raises(UserError, match="nothing was written"):
        export.export_onnx(written / "model.safetensors", target)
    assert not target.exists()
