"""Windows go through the network in even batches, fewer at once when memory is short."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lobate.errors import UserError
from lobate.network.batches import BatchRunner


def windows(count):
    return [torch.full((3, 2, 2), number, dtype=torch.uint8) for number in range(count)]


class Mean:
    """Fits ``most`` images, and says so with ``error`` when there are more."""

    def __init__(self, most=99, error=torch.OutOfMemoryError):
        self.most, self.error, self.sizes = most, error, []

    def __call__(self, images):
        self.sizes.append(len(images))
        if len(images) > self.most:
            raise self.error("DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes.")
        return images.double().mean(1)


@given(st.integers(0, 30), st.integers(1, 9), st.integers(1, 9))
def test_every_window_is_answered_once_in_order(count, size, most):
    network = Mean(most)
    answers = list(BatchRunner(network, size, "cpu").run(windows(count)))
    assert [answer[0, 0, 0].item() for answer in answers] == list(range(count))
    assert all((answer.shape, answer.dtype) == ((1, 2, 2), torch.float32) for answer in answers)
    fitting = [size for size in network.sizes if size <= most]
    assert sum(fitting) == count and max(fitting, default=0) <= size


def test_batches_are_even():
    network = Mean()
    list(BatchRunner(network, 8, "cpu").run(windows(9)))
    assert network.sizes == [5, 4]


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, RuntimeError, MemoryError])
def test_what_did_not_fit_is_not_tried_again(error, caplog):
    network = Mean(3, error)
    batches = BatchRunner(network, 8, "cpu")
    list(batches.run(windows(8)))
    list(batches.run(windows(6)))
    assert network.sizes == [8, 4, 2, 2, 2, 2, 2, 2, 2]
    assert batches.size == 2
    assert caplog.messages == [
        "Memory is short for 8 windows at once; taking 4 from here on.",
        "Memory is short for 4 windows at once; taking 2 from here on.",
    ]


def test_memory_too_short_for_one_window_is_a_mistake():
    with pytest.raises(UserError, match=r"too short .* single window"):
        list(BatchRunner(Mean(0), 4, "cpu").run(windows(4)))


def test_other_errors_come_through():
    def broken(images):
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        list(BatchRunner(broken, 4, "cpu").run(windows(4)))


def test_the_size_is_found_for_the_device():
    assert BatchRunner(Mean(), "auto", "cpu").size == 1
    assert BatchRunner(Mean(), "auto", "cuda").size == 16
    assert BatchRunner(Mean(), 7, "cuda").size == 7
