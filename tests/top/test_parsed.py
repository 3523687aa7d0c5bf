from __future__ import annotations

import ast
import json

import pytest

from lobate import parsed
from lobate.parsed import Import, Memory

TEXT = """'''Doc.'''
import a.b, c
from . import d
def f():
    '''Doc.'''
    from ..e import (g as h,  # why
                     i)
"""


@pytest.fixture
def module(tmp_path):
    file = tmp_path / "module.py"
    file.write_text(TEXT)
    return file


def test_imports_as_they_are_written(module, tmp_path):
    said = Memory(tmp_path).parse(module)
    assert said.imports == [Import(0, "a.b", []), Import(0, "c", []), Import(1, "", ["d"]), Import(2, "e", ["g", "i"])]


def test_comments_docstrings_and_formatting_do_not_count(module, tmp_path):
    before = Memory(tmp_path).parse(module).code
    module.write_text(TEXT.replace("Doc", "Another").replace("  # why\n                    ", ""))
    assert Memory(tmp_path).parse(module).code == before
    module.write_text(TEXT.replace("i)", "j)"))
    assert Memory(tmp_path).parse(module).code != before


def test_what_was_kept_is_not_parsed_again(module, tmp_path, monkeypatch):
    first = Memory(tmp_path)
    said = first.parse(module)
    first.keep()
    monkeypatch.setattr(ast, "parse", lambda *_: pytest.fail("parsed again"))
    assert Memory(tmp_path).parse(module) == said


def test_a_changed_text_is_parsed_again(module, tmp_path):
    first = Memory(tmp_path)
    before = first.parse(module)
    first.keep()
    module.write_text("x = 1\n")
    assert Memory(tmp_path).parse(module) != before


@pytest.mark.parametrize("left", ["", "{", "[]", '{"a": 1}', '{"a": ["b", [[1]]]}', "\0"])
def test_a_damaged_memory_is_made_anew(module, tmp_path, left):
    first = Memory(tmp_path)
    said = first.parse(module)
    first.file.parent.mkdir()
    first.file.write_text(left)
    again = Memory(tmp_path)
    assert again.parse(module) == said
    again.keep()
    assert len(json.loads(first.file.read_text())) == 1


def test_two_processes_lose_nothing_of_each_other(module, tmp_path):
    other = tmp_path / "other.py"
    other.write_text("y = 2\n")
    one, two = Memory(tmp_path), Memory(tmp_path)
    one.parse(module)
    two.parse(other)
    one.keep()
    two.keep()
    assert len(Memory(tmp_path).known) == 2


def test_the_oldest_are_forgotten(module, tmp_path, monkeypatch):
    monkeypatch.setattr(parsed, "LIMIT", 2)
    memory = Memory(tmp_path)
    for number in range(3):
        module.write_text(f"x = {number}\n")
        memory.parse(module)
    memory.keep()
    assert [*json.loads(memory.file.read_text())] == [*memory.known][1:]


def test_where_nothing_can_be_written_it_only_costs_time(module, tmp_path):
    memory = Memory(tmp_path)
    (tmp_path / "__pycache__").write_text("a file in the folder's place")
    said = memory.parse(module)
    memory.keep()
    assert Memory(tmp_path).parse(module) == said
