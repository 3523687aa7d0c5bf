"""`lobate model show`: every fact of the header, without torch, and one paragraph for what is no model."""

import json
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import save_file

from lobate.cli.main import main
from lobate.cli.show import describe_model
from lobate.errors import UserError
from lobate.network.header import METADATA_KEY

HEADER = {
    "architecture": {"backbone": "xception71", "output_stride": 16, "weights": "imagenet"},
    "bands": ["B04", "B03", "B02"],
    "calibration": [[0.05, 0.0, 1200], [0.95, 1.0, 34]],
    "calibration_error": 0.05,
    "channels": 3,
    "classes": 2,
    "dataset": "f" * 64,
    "digest": "e" * 64,
    "landform": "rock glacier",
    "libraries": {"timm": "1.0.31", "torch": "2.14.1"},
    "licence": "CC-BY-4.0",
    "lobate": "0.1",
    "preprocessing": {"mean": [0.5] * 3, "std": [0.5] * 3},
    "round": 2,
    "stretch": {band: {"lowest": 0.0, "highest": 0.3} for band in ("B02", "B03", "B04")},
    "threshold": 0.45,
    "validation_iou": {"background": 0.97, "landform": 0.81, "overall": 0.89},
    "validation_intervals": {"iou": {"blocks": 6, "low": 0.7044, "high": 0.8966}},
    "validation_iou_other": {"background": 0.98, "landform": None, "overall": None},
}


@pytest.fixture
def model(tmp_path):
    state = {"a.weight": np.zeros((500, 3), "f4"), "n.running_var": np.zeros(9, "f4")}
    save_file(state, tmp_path / "model.safetensors", metadata={METADATA_KEY: json.dumps(HEADER)})
    return tmp_path / "model.safetensors"


def test_a_person_reads_every_fact(model):
    text = describe_model(model)
    assert text.startswith("model.safetensors: DeepLabv3+ on xception71, output stride 16, initial weights: imagenet\n")
    for line in (
        "landform             rock glacier",
        "parameters           1,500",
        "input                3 channels (B04, B03, B02) of 8 bits; mean [0.5, 0.5, 0.5], standard deviation [0.5, 0.5, 0.5] of 255",
        "reflectance range    0 to 0.3, as 1 to 255",
        "validation IoU       background 0.97, landform 0.81, overall 0.89",
        "of the landform      0.81 (95 %: 0.70 to 0.90)",
        "by other protocol    background 0.98, landform unknown, overall unknown",
        "threshold            0.45",
        "calibration error    0.05",
        f"data set             {'f' * 64}",
        "licence              CC-BY-4.0",
        "made by              lobate 0.1; timm 1.0.31, torch 2.14.1",
    ):
        assert f"  {line}\n" in text


def test_bands_stretched_apart_are_told_apart(tmp_path):
    ranges = {"B03": {"lowest": 0.0, "highest": 0.25}, "B04": {"lowest": 0.02, "highest": 0.31}}
    save_file(
        {"a": np.zeros(1, "f4")}, tmp_path / "m", metadata={METADATA_KEY: json.dumps(HEADER | {"stretch": ranges})}
    )
    assert "reflectance range    B03 0 to 0.25, B04 0.02 to 0.31, as 1 to 255\n" in describe_model(tmp_path / "m")


def test_the_reliability_curve_marks_what_was_predicted_on_a_bar_of_what_was_observed(model):
    low, high = describe_model(model).splitlines()[-2:]
    assert low == f"      0.050     0.000      1,200  {'  |'}"
    assert high == f"      0.950     1.000         34  {'#' * 38}|##"[: len(high)]
    assert high.count("#") == 39


def test_the_calibration_is_told_with_its_ground(model):
    assert "  calibration on the validation patches, 2.76 % of which are landform:\n" in describe_model(model)


def test_an_older_model_lacks_some_of_it(tmp_path):
    few = {name: HEADER[name] for name in ("architecture", "channels", "classes", "preprocessing", "lobate")}
    save_file({"a": np.zeros(1, "f4")}, tmp_path / "m.safetensors", metadata={METADATA_KEY: json.dumps(few)})
    text = describe_model(tmp_path / "m.safetensors")
    assert "licence" not in text
    assert "predicted" not in text


def test_the_command_prints_it_or_json_and_never_loads_torch(model, capsys):
    assert main(["model", "show", str(model)]) == 0
    assert capsys.readouterr().out == describe_model(model)
    assert main(["model", "show", str(model), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == HEADER
    code = f"import sys; from lobate.cli.main import main; main(['model', 'show', {str(model)!r}]); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("False\n")


@pytest.mark.parametrize("content", [b"", b"\x00" * 40, b"not a model"])
@pytest.mark.parametrize("words", [["show"], ["export", "--onnx", "out.onnx"]])
def test_what_is_no_model_ends_in_a_paragraph(tmp_path, monkeypatch, capfd, content, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.safetensors").write_bytes(content)
    assert main(["model", words[0], "m.safetensors", *words[1:]]) == 2
    told = capfd.readouterr().err
    assert "damaged" in told
    assert "Traceback" not in told
    assert not (tmp_path / "out.onnx").exists()


def test_a_model_that_learnt_nothing_says_so_above_its_numbers(model, monkeypatch):
    assert "LEARNT NOTHING" not in describe_model(model)
    state = {"a.weight": np.zeros((500, 3), "f4")}
    header = json.dumps(HEADER | {"learnt_nothing": "its IoU is low"})
    save_file(state, model.with_name("tampered.safetensors"), metadata={METADATA_KEY: header})
    text = describe_model(model.with_name("tampered.safetensors"))
    assert text.splitlines()[1].startswith("  THE MODEL LEARNT NOTHING: its IoU is low.")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert "\033[31m  THE MODEL LEARNT NOTHING" in describe_model(model.with_name("tampered.safetensors"))


def test_a_header_that_says_something_else_is_not_sound(model):
    header = HEADER | {"learnt_nothing": 7}
    save_file({"a.weight": np.zeros((500, 3), "f4")}, model, metadata={METADATA_KEY: json.dumps(header)})
    with pytest.raises(UserError, match="learnt_nothing"):
        describe_model(model)
