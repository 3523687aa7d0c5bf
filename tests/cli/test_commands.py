from __future__ import annotations

import json

import pytest

from lobate.cli.commands import COMMANDS, GROUPS
from lobate.cli.main import main


def test_every_group_says_what_it_is_for():
    assert set(GROUPS) == {name for name, command in COMMANDS.items() if isinstance(command, dict)}


def named() -> list[list[str]]:
    groups = {name: list(command) if isinstance(command, dict) else [""] for name, command in COMMANDS.items()}
    return [[name, *filter(None, [inner])] for name, inside in groups.items() for inner in inside]


@pytest.mark.parametrize("words", named(), ids=" ".join)
def test_every_command_has_help(words, capsys):
    assert main([*words, "--help"]) == 0
    assert f"Usage: lobate {' '.join(words)}" in capsys.readouterr().out


def test_usage_of_an_empty_store(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("LOBATE_STORE", str(tmp_path / "store"))
    assert main(["store", "du", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"recipes": 0, "objects": 0, "bytes": 0}


def test_a_configuration_that_is_not_there_is_a_paragraph(tmp_path, capsys):
    for command in ("check", "summary"):
        assert main([command, str(tmp_path / "no.yaml")]) == 2
        said = capsys.readouterr().err
        assert "no.yaml" in said and "Traceback" not in said
