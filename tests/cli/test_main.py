from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from lobate.cli.main import main
from lobate.engine import registry, signature


def test_missing_input_and_wrong_option_exit_with_2(toy):
    done = toy.run("copy", "--source", "no.txt", "--result", "r", "--settings", "toy.json")
    assert (done.returncode, "no.txt does not exist" in done.stderr, "Traceback" in done.stderr) == (2, True, False)
    assert toy.run("copy", "--sauce", "in.txt").returncode == 2
    assert toy.run("nonsense").returncode == 2


def test_log_gets_everything_and_standard_error_what_a_person_must_see(toy):
    done = toy.run(
        "copy", "--source", "in.txt", "--result", "r.txt", "--settings", "toy.json", "--log", "logs/deep/log.txt"
    )
    written = (toy.folder / "logs/deep/log.txt").read_text()
    assert done.stderr.startswith("computed copy ")
    assert done.stderr in written


def test_optional_and_several_inputs_may_be_empty_or_left_out(toy):
    for suffix in ("shp", "dbf", "shx"):
        (toy.folder / f"p.{suffix}").write_text(suffix)
    for words in ((), ("--other",), ("--other", "in.txt")):
        assert toy.run("shape", "--source", "p.shp", "--result", "q.shp", *words).returncode == 0
    empty = toy.run("total", "--sources", "--folder", "out", "--settings", "toy.json")
    assert (empty.returncode, (toy.folder / "out/deep").is_dir()) == (0, False)


def test_help_calls_parameters_by_their_options_and_settings(capsys):
    assert main(["train", "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "Train round --round (from 1)" in text
    assert "the file that training.network.weights names" in text


@pytest.mark.parametrize("verb", sorted(registry.ROOM_OF))
def test_every_verb_has_help_with_its_options(verb, capsys):
    assert main([verb.replace("_", "-"), "--help"]) == 0
    said = capsys.readouterr().out
    for name in signature.parameters(registry.load(verb)):
        if signature.parameters(registry.load(verb))[name].marker is None:
            assert f"--{name.replace('_', '-')}" in said
    assert "--log" in said


def test_list_of_verbs_names_all_of_them(capsys):
    assert main(["--help"]) == 0
    said = capsys.readouterr().out
    for verb in (*registry.ROOM_OF, "explain", "store", "check", "summary", "schema"):
        assert verb.replace("_", "-") in said


def test_verbs_are_listed_by_room_in_the_order_of_the_data(capsys):
    assert main(["--help"]) == 0
    first_words = [line.strip("│╭─ ").split("  ")[0].rstrip("─╮ ") for line in capsys.readouterr().out.splitlines()]
    expected = [
        line
        for room, verbs in registry.ROOMS.items()
        for line in (f"Verbs of {room}", *(verb.replace("_", "-") for verb in verbs))
    ]
    assert [word for word in first_words if word in expected] == expected


def test_schema_is_json(capsys):
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "Region"


def test_a_reader_that_has_enough_is_no_fault(project):
    """As ``lobate schema | head -1`` does: the reader closes the pipe while there is more to say."""
    command = [sys.executable, "-m", "lobate", "schema"]
    told = subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    told.stdout.close()
    assert told.stderr.read() == ""
    assert told.wait(timeout=60) == 128 + signal.SIGPIPE
