"""A network through torch.compile, and without it where there is no compiler for it."""

from __future__ import annotations

import logging

import torch
from torch import Tensor

from lobate.network.batches import Network

log = logging.getLogger(__name__)


def compiled(network: Network) -> Network:
    """Return ``network`` compiled for the sizes it meets, with its weights frozen in.

    Where compiling fails (torch wants a C++ compiler on a CPU, Triton on a GPU), the network runs as it is, and that is
    told.
    """
    fast = torch.compile(network, options={"freezing": True})
    chosen: list[Network] = []

    def run(images: Tensor) -> Tensor:
        return chosen[0](images) if chosen else first(images)

    def first(images: Tensor) -> Tensor:
        log.info("Compiling the network, which takes a minute or so.")
        try:
            answers = fast(images)
            chosen.append(fast)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # a compiler fails in as many ways as there are compilers
            log.warning("The network could not be compiled and runs as it is: %s", _first_line(error))
            chosen.append(network)
            answers = network(images)
        return answers

    return run


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
