"""The header of a model file is read without torch; other files are mistakes."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import save_file

from lobate.errors import UserError
from lobate.network.header import METADATA_KEY, read_header

HEADER = {
    "architecture": {"backbone": "xception71", "output_stride": 16, "weights": "none"},
    "channels": 1,
    "classes": 2,
    "preprocessing": {"mean": [0.5], "std": [0.5]},
    "threshold": 0.4,
    "of_a_later_version": [1, {"a": None}],
}


def test_header_is_read_without_torch(tmp_path):
    path = tmp_path / "model.safetensors"
    save_file({"a": np.zeros(3, np.float32)}, path, metadata={METADATA_KEY: json.dumps(HEADER)})
    assert read_header(path) == HEADER
    code = f"import sys; from lobate.network.header import read_header; read_header({str(path)!r}); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_other_files_are_mistakes(tmp_path):
    with pytest.raises(UserError, match="no such model file"):
        read_header(tmp_path / "no.safetensors")
    save_file({"a": np.zeros(3, np.float32)}, tmp_path / "foreign.safetensors")
    with pytest.raises(UserError, match="does not say that lobate wrote it"):
        read_header(tmp_path / "foreign.safetensors")
    (tmp_path / "cut.safetensors").write_bytes(b"\x40\x00\x00\x00\x00\x00\x00\x00{")
    with pytest.raises(UserError, match="is damaged"):
        read_header(tmp_path / "cut.safetensors")
