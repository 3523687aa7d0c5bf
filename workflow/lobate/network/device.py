"""Which device a verb computes on: a GPU that PyTorch can use, else the CPU, and never the CPU in silence beside a GPU."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import torch

from lobate.errors import UserError

log = logging.getLogger(__name__)

DEVICE_FILES = Path("/dev")
"""Where the driver shows each NVIDIA GPU as a file `nvidia0`, `nvidia1`, ..."""
VISIBLE = "CUDA_VISIBLE_DEVICES"
HIDDEN = ("", "-1", "NoDevFiles")
"""Values of `CUDA_VISIBLE_DEVICES` that hide all GPUs."""


def choose_device() -> str:
    """Return "cuda" where a GPU can be used, else "cpu"; the log says which one it is.

    Raises UserError where this machine shows a GPU to this process and PyTorch cannot compute on it.
    """
    if reason := _unusable():
        if _has_gpu():
            raise UserError(
                f"This machine has a GPU that PyTorch {torch.__version__} cannot use: {reason}. Its wheel needs an NVIDIA driver for "
                f"CUDA {torch.version.cuda or '(this wheel is for CPUs alone)'} or newer, and a GPU of a generation it was built for. "
                f"Update the driver or install another wheel of PyTorch; to compute on the CPU, set {VISIBLE} to an empty text."
            )
        log.info("on the CPU, %d threads", torch.get_num_threads())
        return "cpu"
    log.info("on %s, CUDA %s, bfloat16", torch.cuda.get_device_name(), torch.version.cuda)
    return "cuda"


def _unusable() -> str:
    """Return why no computation runs on a GPU, in PyTorch's words; "" where one runs."""
    try:
        float(torch.ones(1, device="cuda") + 1)
    except (RuntimeError, AssertionError) as error:  # AssertionError: a wheel without CUDA
        return str(error).strip().splitlines()[0].rstrip(".")
    return ""


def _has_gpu() -> bool:
    """Whether the driver shows a GPU that the environment does not hide."""
    return os.environ.get(VISIBLE, "0") not in HIDDEN and any(DEVICE_FILES.glob("nvidia[0-9]*"))
