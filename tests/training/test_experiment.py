from types import SimpleNamespace

import numpy as np
import pytest

from lobate.settings.training import Network, Schedule
from lobate.training.experiment import collect_warnings


@pytest.mark.parametrize(
    ("schedule", "weights", "seen", "words"),
    [
        (Schedule(), "imagenet", [[5, 5]], []),
        (Schedule(), "none", [[5, 5]], ["frozen batch norm"]),
        (Schedule(batch=1, batch_norm="trained"), "none", [[5, 5]], ["batch of 1"]),
        (Schedule(batch=4, accumulate=3, batch_norm="trained"), "imagenet", [[5, 5]], ["accumulate"]),
        (Schedule(batch=1), "imagenet", [[5, 0]], ["No validation patch"]),
    ],
)
def test_what_a_reader_should_know(schedule, weights, seen, words):
    config = SimpleNamespace(schedule=schedule, data=SimpleNamespace(validation_pixels=np.array(seen)))
    warnings = collect_warnings(config, Network(weights=weights))
    assert len(warnings) == len(words)
    assert all(word in warning for word, warning in zip(words, warnings, strict=True))
