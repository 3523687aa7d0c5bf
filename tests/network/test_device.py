"""Which device computes is said, and a GPU that cannot be used is a mistake and no silent hour on the CPU."""

from __future__ import annotations

import logging

import pytest
import torch

from lobate.errors import UserError
from lobate.network import device
from lobate.network.device import choose_device

without_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")


@pytest.fixture
def a_gpu(tmp_path, monkeypatch):
    """A machine whose driver shows a GPU."""
    (tmp_path / "nvidia0").touch()
    (tmp_path / "nvidiactl").touch()
    monkeypatch.setattr(device, "DEVICE_FILES", tmp_path)
    monkeypatch.delenv(device.VISIBLE, raising=False)


@without_gpu
def test_the_cpu_is_named_with_its_threads(caplog, tmp_path, monkeypatch):
    (tmp_path / "nvidiactl").touch()  # the driver without a GPU
    monkeypatch.setattr(device, "DEVICE_FILES", tmp_path)
    with caplog.at_level(logging.INFO, device.log.name):
        assert choose_device() == "cpu"
    assert caplog.messages == [f"on the CPU, {torch.get_num_threads()} threads"]


@without_gpu
@pytest.mark.parametrize("visible", [None, "0", "3,1"])
def test_a_gpu_that_cannot_be_used_is_a_mistake_with_torchs_reason(a_gpu, monkeypatch, visible):
    if visible:
        monkeypatch.setenv(device.VISIBLE, visible)
    with pytest.raises(RuntimeError) as own:
        torch.ones(1, device="cuda")
    with pytest.raises(UserError) as told:
        choose_device()
    assert str(own.value).splitlines()[0].rstrip(".") in str(told.value)
    assert "driver" in str(told.value) and device.VISIBLE in str(told.value)


@without_gpu
@pytest.mark.parametrize("visible", device.HIDDEN)
def test_a_hidden_gpu_is_not_wanted(a_gpu, monkeypatch, visible):
    monkeypatch.setenv(device.VISIBLE, visible)
    assert choose_device() == "cpu"


def test_a_wheel_without_cuda_says_so(a_gpu, monkeypatch):
    def ones(*size, device):
        raise AssertionError("Torch not compiled with CUDA enabled")

    monkeypatch.setattr(torch, "ones", ones)
    monkeypatch.setattr(torch.version, "cuda", None)
    with pytest.raises(UserError, match=r"Torch not compiled with CUDA enabled.*this wheel is for CPUs alone"):
        choose_device()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU")
def test_the_gpu_is_named(caplog):
    with caplog.at_level(logging.INFO, device.log.name):
        assert choose_device() == "cuda"
    assert torch.cuda.get_device_name() in caplog.text
