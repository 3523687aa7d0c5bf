"""The store's promise against any order of events, by the model in `tests/faults/store_model.py`."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from tests.faults.model_world import CALLS, model_package
from tests.faults.store_model import StoreModel

__all__ = ["model_package"]

EXAMPLES = int(os.environ.get("LOBATE_MODEL", "200"))


def run_model(model: type[StoreModel], folder: Path) -> None:
    """Run a model."""
    model.folders = (folder / f"example{number}" for number in itertools.count())
    run_state_machine_as_test(
        model,
        settings=settings(
            max_examples=EXAMPLES, stateful_step_count=40, deadline=None, database=None, derandomize="LOBATE_MODEL" not in os.environ,
            suppress_health_check=list(HealthCheck), report_multiple_bugs=False,
        ),
    )  # fmt: skip


@pytest.mark.usefixtures("model_package")
def test_what_is_restored_is_what_would_be_computed(tmp_path):
    run_model(StoreModel, tmp_path)


class SamePathModel(StoreModel):
    """Both clones have one path, on disks that the other host does not see."""

    same_path = True


@pytest.mark.usefixtures("model_package")
def test_two_hosts_with_one_path_on_disks_of_their_own(tmp_path):
    run_model(SamePathModel, tmp_path)


@pytest.mark.usefixtures("model_package")
def test_a_checkpoint_made_of_other_bytes_is_never_resumed_from(tmp_path):
    """An input changes under a job, which is then killed or refused; later the input is as before."""
    StoreModel.folders = (tmp_path / f"example{number}" for number in itertools.count())
    for killed in (False, True):
        state, call = StoreModel(), CALLS[0]
        state.begin(names=("alpha", "beta"), links=(True, True))
        state.start_job(number=0, call=call, seed=0, steps=0, removes=False, quick=False)
        while not [*(state.store.root / "work").glob("*/made/.begun")]:
            state.go_on_with(number=0, steps=1)
        state.edit_input(number=0, name="a", text="bravo", how="write")
        for _ in range(80 if killed else 0):
            if state.simulation.alive() and not [*(state.store.root / "scratch").glob("*/first")]:
                state.go_on_with(number=0, steps=1)
        if killed and state.simulation.alive():
            state.kill(number=0)
        for process in state.simulation.alive():
            state.go_on(process, None)
        state.edit_input(number=0, name="a", text="alpha", how="write")
        state.start_job(number=0, call=call, seed=0, steps=None, removes=False, quick=False)
        assert state.clones[0].text(call.result) == "v1:alpha+alpha0"
        state.teardown()
