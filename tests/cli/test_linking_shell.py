"""A job whose result the store knows starts no process; every other command reaches Snakemake's own shell as it was."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from lobate.cli import linking_shell as module
from lobate.cli.linking_shell import call_of, linking_shell
from lobate.engine.known_calls import PlainCall

KEY = "0" * 64
COMMAND = "lobate crop-patches --polygons {input.polygons:q} --patches {output.patches:q} --log {log:q}"


class Input:
    """What a rule's function calls ``input``; a path may hold what a shell would split or expand."""

    polygons = "results/a b/$HOME/polygons.gpkg"


class Job:
    """A rule's function with one command, as Snakemake compiles it, and what reached Snakemake's own shell."""

    def __init__(self, folder, **around) -> None:
        self.around = {"conda_env": None, "container_img": None, "env_modules": None, "jobid": 7, **around}
        self.log = folder / "logs/crop.log"
        self.ran: list[tuple[str, dict[str, object]]] = []
        self.shell = linking_shell(lambda command, **named: self.ran.append((command, named)))

    def run(self, command: str, bench_record: object = None) -> None:
        rule = {"shell": self.shell, "bench_record": bench_record, "command": command, **self.around}
        rule |= {"input": Input, "output": SimpleNamespace(patches="results/p.npy"), "log": str(self.log)}
        names = ", ".join(name for name in rule if name not in ("shell", "command"))
        text = f"def job({names}):\n    return shell(command, bench_record=bench_record)\n"
        exec(text, rule)  # the names are the function's own, and `shell` and `command` those of its module
        rule["job"](**{name: value for name, value in rule.items() if name in names.split(", ")})


@pytest.fixture
def known(monkeypatch):
    """Calls whose result the store knows; all of them unless the list is emptied."""
    asked: list[PlainCall] = []
    answers = {"key": KEY}
    monkeypatch.setattr(module, "link_known", lambda call, store: asked.append(call) or answers["key"])
    return SimpleNamespace(asked=asked, answers=answers)


def test_a_known_result_starts_no_process_and_is_said(known, tmp_path, capsys):
    job = Job(tmp_path)
    job.run(COMMAND)
    assert job.ran == []
    assert known.asked[0].verb == "crop_patches"
    assert known.asked[0].values == {"polygons": [Input.polygons], "patches": ["results/p.npy"]}
    assert job.log.read_text() == capsys.readouterr().err == f"restored crop_patches {KEY}\n"


def test_an_unknown_result_runs_with_all_that_the_rule_said(known, tmp_path):
    known.answers["key"] = None
    job = Job(tmp_path)
    job.run(COMMAND)
    ((command, named),) = job.ran
    assert command == COMMAND
    assert named["jobid"] == 7
    assert named["input"] is Input
    assert not job.log.exists()


@pytest.mark.parametrize("where", ["conda_env", "container_img", "env_modules"])
def test_a_job_with_an_environment_of_its_own_runs_there(known, tmp_path, where):
    job = Job(tmp_path, **{where: "somewhere"})
    job.run(COMMAND)
    assert len(job.ran) == 1 and known.asked == []


@pytest.mark.parametrize(
    "command", ["printf %s x > {log:q}", "echo 'open", "lobate check a.yaml", "lobate crop-patches | tee x", "", "A=1"]
)
def test_any_other_command_runs(known, tmp_path, command):
    job = Job(tmp_path)
    job.run(command)
    assert [said for said, _ in job.ran] == [command] and known.asked == []


def test_an_assignment_in_front_is_no_part_of_the_call():
    words = "crop-patches --patches p.npy"
    assert call_of(f"LOBATE_GPUS=2 lobate {words}") == call_of(f"lobate {words}") is not None


def test_a_benchmark_holds_the_seconds_of_linking(known, tmp_path):
    record = SimpleNamespace(running_time=None)
    Job(tmp_path).run(COMMAND, record)
    assert 0 < record.running_time < 60
