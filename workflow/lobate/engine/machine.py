"""Facts of the machine that may shape a result's last digits: processor, threads and device.

They are recorded beside a result and do not enter its key. `docs/architecture.md` says what the key promises.
"""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path
from typing import Any


def machine_facts() -> dict[str, Any]:
    """Return processor, threads and device of this process, after a stage has run in it."""
    return {"processor": processor_name(), "threads": thread_count(), "device": device_name()}


def processor_name() -> str:
    """Return the processor's model; its architecture where the system gives no model."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # no Linux
        lines = []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, "") or platform.processor() or platform.machine()


def thread_count() -> int:
    """Return the threads of PyTorch where a stage has loaded it, else those that the environment or the system allows."""
    if "torch" in sys.modules:
        return sys.modules["torch"].get_num_threads()
    allowed = os.environ.get("OMP_NUM_THREADS", "")
    return int(allowed) if allowed.isdecimal() else len(os.sched_getaffinity(0))


def device_name() -> str:
    """Return the names of the visible GPUs where a stage has loaded PyTorch, else "cpu"."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return "cpu"
    return ", ".join(torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count()))
