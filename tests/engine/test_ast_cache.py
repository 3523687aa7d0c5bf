"""Modules are parsed once: what is cached equals what is parsed, and damage only costs time."""

from __future__ import annotations

import ast
import json

import pytest

from lobate.engine import ast_cache
from lobate.engine.ast_cache import AstCache, Import

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
    parsed = AstCache(tmp_path).parse(module)
    assert parsed.imports == [
        Import(0, "a.b", []),
        Import(0, "c", []),
        Import(1, "", ["d"]),
        Import(2, "e", ["g", "i"]),
    ]


def test_comments_docstrings_and_formatting_do_not_count(module, tmp_path):
    before = AstCache(tmp_path).parse(module).code
    module.write_text(TEXT.replace("Doc", "Another").replace("  # why\n                    ", ""))
    assert AstCache(tmp_path).parse(module).code == before
    module.write_text(TEXT.replace("i)", "j)"))
    assert AstCache(tmp_path).parse(module).code != before


def test_what_was_kept_is_not_parsed_again(module, tmp_path, monkeypatch):
    first = AstCache(tmp_path)
    parsed = first.parse(module)
    first.save()
    monkeypatch.setattr(ast, "parse", lambda *_: pytest.fail("parsed again"))
    assert AstCache(tmp_path).parse(module) == parsed


def test_a_changed_text_is_parsed_again(module, tmp_path):
    first = AstCache(tmp_path)
    before = first.parse(module)
    first.save()
    module.write_text("x = 1\n")
    assert AstCache(tmp_path).parse(module) != before


@pytest.mark.parametrize("left", ["", "{", "[]", '{"a": 1}', '{"a": ["b", [[1]]]}', "\0"])
def test_a_damaged_cache_is_made_anew(module, tmp_path, left):
    first = AstCache(tmp_path)
    parsed = first.parse(module)
    first.file.parent.mkdir()
    first.file.write_text(left)
    again = AstCache(tmp_path)
    assert again.parse(module) == parsed
    again.save()
    assert len(json.loads(first.file.read_text())) == 1


def test_two_processes_lose_nothing_of_each_other(module, tmp_path):
    other = tmp_path / "other.py"
    other.write_text("y = 2\n")
    first, second = AstCache(tmp_path), AstCache(tmp_path)
    first.parse(module)
    second.parse(other)
    first.save()
    second.save()
    assert len(AstCache(tmp_path).modules) == 2


def test_the_oldest_are_forgotten(module, tmp_path, monkeypatch):
    monkeypatch.setattr(ast_cache, "MAX_ENTRIES", 2)
    cache = AstCache(tmp_path)
    for number in range(3):
        module.write_text(f"x = {number}\n")
        cache.parse(module)
    cache.save()
    assert [*json.loads(cache.file.read_text())] == [*cache.modules][1:]


def test_where_nothing_can_be_written_it_only_costs_time(module, tmp_path):
    cache = AstCache(tmp_path)
    (tmp_path / "__pycache__").write_text("a file in the folder's place")
    parsed = cache.parse(module)
    cache.save()
    assert AstCache(tmp_path).parse(module) == parsed
