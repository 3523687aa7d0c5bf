"""Training on several devices of one machine: this process starts one worker for each device and collects their result.

Rule, verb and function are the same for one device and for eight. The environment variable ``LOBATE_GPUS`` limits the
devices of a job; the rule sets it to the number that Snakemake grants. It is not a setting of the verb: more devices give
the same model, up to rounding, in less time, and must not repeat a finished training.
"""

from __future__ import annotations

import copy
import logging
import os
import sys
from contextlib import contextmanager
from logging.handlers import QueueHandler, QueueListener
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import torch
from torch import distributed, multiprocessing

from lobate.errors import UserError
from lobate.network.deeplab import DeepLab
from lobate.network.device import choose_device
from lobate.training.distributed import ProcessGroup
from lobate.training.loop import TrainConfig, TrainState, fit
from lobate.training.schedule import smallest_micro_batch

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger(__name__)

GPUS_VARIABLE = "LOBATE_GPUS"
"""Environment variable: the number of GPUs that this job may use."""
BACKENDS = "cpu:gloo,cuda:nccl"
STATE_FILE, ERROR_FILE = "state.pt", "error.txt"


def device_count() -> int:
    """Return the number of devices that this job may use, at least 1 (a GPU, or the CPU)."""
    limit = os.environ.get(GPUS_VARIABLE, "1")
    return max(1, min(int(limit) if limit.isdigit() else 1, torch.cuda.device_count()))


def fit_on_all_devices(network: DeepLab, config: TrainConfig) -> TrainState:
    """Train ``network`` in place, as ``loop.fit`` does, on all devices that this job may use."""
    choose_device()
    size = min(device_count(), config.schedule.batch)
    return fit(network, config) if size == 1 else launch_ddp(network, config, size)


def launch_ddp(network: DeepLab, config: TrainConfig, size: int) -> TrainState:
    """Train ``network`` in place in ``size`` processes. Raises what ``loop.fit`` raises."""
    if config.schedule.batch_norm == "trained" and smallest_micro_batch(config.schedule, size) == 1:
        log.warning("Each of %d devices gets one patch at a time: the pyramid's pooled batch norm is frozen.", size)
    with TemporaryDirectory(prefix="lobate-ddp-") as folder, _relay_logs() as queue:
        arguments = size, folder, network, config, queue, max(1, torch.get_num_threads() // size)
        try:
            multiprocessing.start_processes(_worker, arguments, nprocs=size, daemon=True, start_method="spawn")
        except multiprocessing.ProcessExitedException:
            if (error_file := Path(folder) / ERROR_FILE).exists():
                raise UserError(error_file.read_text(encoding="utf-8")) from None
            raise
        state = TrainState(**torch.load(Path(folder) / STATE_FILE, weights_only=True))
    network.load_state_dict(state.best["weights"])
    return state


def _worker(rank: int, size: int, folder: str, network: DeepLab, config: TrainConfig, queue: Any, threads: int) -> None:
    """Run one process; rank 0 writes the final state, and a process that raises a UserError writes its message."""
    torch.set_num_threads(threads)
    logger = logging.getLogger("lobate")
    logger.setLevel(logging.INFO if rank == 0 else logging.ERROR)
    logger.addHandler(QueueHandler(queue))
    backend = BACKENDS if torch.cuda.is_available() else "gloo"
    if torch.cuda.is_available():
        torch.cuda.set_device(rank)
    distributed.init_process_group(backend, init_method=f"file://{folder}/rendezvous", rank=rank, world_size=size)
    try:
        # the network that arrives here is memory shared by all processes
        state = fit(copy.deepcopy(network), config, ProcessGroup(rank, size))
    except UserError as error:
        (Path(folder) / ERROR_FILE).write_text(str(error), encoding="utf-8")
        sys.exit(2)
    if rank == 0:
        torch.save(vars(state), Path(folder) / STATE_FILE)
    distributed.destroy_process_group()


class _LogRelay(QueueListener):
    def handle(self, record: logging.LogRecord) -> None:
        logging.getLogger(record.name).handle(record)


@contextmanager
def _relay_logs() -> Iterator[Any]:
    """Yield a queue; log records that workers put into it appear in this process's log."""
    queue = multiprocessing.get_context("spawn").Queue()
    relay = _LogRelay(queue)
    relay.start()
    try:
        yield queue
    finally:
        relay.stop()
