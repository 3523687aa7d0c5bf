"""Training on several devices of one machine: this process starts one worker a device, and takes over what they learnt.

So a rule, a verb and a function stay one thing, whether the job got one device or eight. ``LOBATE_GPUS`` says how many the
job may use; the rule sets it to what Snakemake grants. It is no setting of the verb: more devices make the same model
faster, up to rounding, and must not repeat a training whose result is known.
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
from lobate.training.distributed import ProcessGroup
from lobate.training.loop import TrainConfig, TrainState, fit
from lobate.training.schedule import smallest_micro_batch

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger(__name__)

GPUS_VARIABLE = "LOBATE_GPUS"
BACKENDS = "cpu:gloo,cuda:nccl"


def device_count() -> int:
    """Return how many devices this job may use, at least 1 (a GPU, or the CPU)."""
    allowed = os.environ.get(GPUS_VARIABLE, "1")
    return max(1, min(int(allowed) if allowed.isdigit() else 1, torch.cuda.device_count()))


def fit_on_all_devices(network: DeepLab, plan: TrainConfig) -> TrainState:
    """Train ``network`` in place, as ``loop.fit`` does, on all devices that this job may use."""
    size = min(device_count(), plan.schedule.batch)
    return fit(network, plan) if size == 1 else launch_ddp(network, plan, size)


def launch_ddp(network: DeepLab, plan: TrainConfig, size: int) -> TrainState:
    """Train ``network`` in place in ``size`` processes. Raises what ``loop.fit`` raises."""
    if plan.schedule.batch_norm == "trained" and smallest_micro_batch(plan.schedule, size) == 1:
        log.warning("Each of %d devices gets one patch at a time: the pyramid's pooled batch norm is frozen.", size)
    with TemporaryDirectory(prefix="lobate-team-") as folder, _relayed() as queue:
        given = size, folder, network, plan, queue, max(1, torch.get_num_threads() // size)
        try:
            multiprocessing.start_processes(_work, given, nprocs=size, daemon=True, start_method="spawn")
        except multiprocessing.ProcessExitedException:
            if (told := Path(folder) / "mistake").exists():
                raise UserError(told.read_text(encoding="utf-8")) from None
            raise
        course = TrainState(**torch.load(Path(folder) / "course", weights_only=True))
    network.load_state_dict(course.best["weights"])
    return course


def _work(rank: int, size: int, folder: str, network: DeepLab, plan: TrainConfig, queue: Any, threads: int) -> None:
    """Be one process of the team; the first writes what came out, whoever fails why."""
    torch.set_num_threads(threads)
    logger = logging.getLogger("lobate")
    logger.setLevel(logging.INFO if rank == 0 else logging.ERROR)
    logger.addHandler(QueueHandler(queue))
    backend = BACKENDS if torch.cuda.is_available() else "gloo"
    if torch.cuda.is_available():
        torch.cuda.set_device(rank)
    distributed.init_process_group(backend, init_method=f"file://{folder}/meet", rank=rank, world_size=size)
    try:
        course = fit(copy.deepcopy(network), plan, ProcessGroup(rank, size))  # what comes here is memory shared by all
    except UserError as mistake:
        (Path(folder) / "mistake").write_text(str(mistake), encoding="utf-8")
        sys.exit(2)
    if rank == 0:
        torch.save(vars(course), Path(folder) / "course")
    distributed.destroy_process_group()


class _Relay(QueueListener):
    def handle(self, record: logging.LogRecord) -> None:
        logging.getLogger(record.name).handle(record)


@contextmanager
def _relayed() -> Iterator[Any]:
    """Let what workers log appear in this process's log."""
    queue = multiprocessing.get_context("spawn").Queue()
    relay = _Relay(queue)
    relay.start()
    try:
        yield queue
    finally:
        relay.stop()
