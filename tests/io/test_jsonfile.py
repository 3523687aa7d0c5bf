"""JSON files have fixed bytes, and damaged ones a clear error."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobate.errors import UserError
from lobate.io.jsonfile import RERUN, json_text, parse_json, read_json, write_json

VERDICT = "a verdict.json written by `train`"
TEXT = st.text(st.characters(codec="utf-8"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
)


def written(folder, content):
    path = folder / "verdict.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def message(path, *arguments, **options):
    with pytest.raises(UserError) as caught:
        (parse_json if callable(arguments[0]) else read_json)(path, *arguments, **options)
    return str(caught.value)


def test_the_bytes_of_a_file_are_fixed(tmp_path):
    write_json(tmp_path / "a.json", {"b": [1, 0.5, None], "a": {"é": "ä\n", "Z": True}, "c": [], "d": {}})
    assert (tmp_path / "a.json").read_bytes() == (
        '{\n  "a": {\n    "Z": true,\n    "é": "ä\\n"\n  },\n  "b": [\n    1,\n    0.5,\n    null\n  ],\n  "c": [],\n  "d": {}\n}\n'
    ).encode()


def test_the_order_of_keys_is_kept_on_request():
    assert json_text({"b": 1, "a": 2}, sort_keys=False) == '{\n  "b": 1,\n  "a": 2\n}\n'
    assert json_text({"b": 1, "a": 2}) == '{\n  "a": 2,\n  "b": 1\n}\n'


@pytest.mark.parametrize(("value", "text"), [(float("nan"), "NaN"), (float("inf"), "Infinity")])
def test_numbers_outside_the_standard_are_written_unless_forbidden(tmp_path, value, text):
    path = tmp_path / "a.json"
    write_json(path, {"a": value})
    assert path.read_text() == f'{{\n  "a": {text}\n}}\n'
    before = path.read_bytes()
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(path, {"a": [value, 1]}, allow_nan=False)
    assert path.read_bytes() == before


@given(content=st.dictionaries(TEXT, JSON))
def test_any_object_comes_back_and_gives_the_same_bytes(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.json"
    write_json(path, content)
    first = path.read_bytes()
    assert read_json(path, VERDICT) == json.loads(first) == content
    write_json(path, dict(reversed(content.items())))
    assert path.read_bytes() == first


@pytest.mark.parametrize(
    ("content", "flaw"),
    [
        ("", "line 1, column 1: Expecting value"),
        ('{"a": 1,\n "b"}', "line 2, column 5: Expecting ':' delimiter"),
        (b'{"a": "\xff"}', "it is not UTF-8 text"),
        (b'\xef\xbb\xbf{"a": 1}', "line 1, column 1: Unexpected UTF-8 BOM (decode using utf-8-sig)"),
        ('{"a":' + "[" * 200_000, "it is nested too deeply"),
    ],
)
def test_text_that_is_no_json_is_a_mistake(tmp_path, content, flaw):
    path = written(tmp_path, content)
    assert message(path, VERDICT) == (
        f"{path} is not valid JSON ({flaw}). It should be a verdict.json written by `train`. Delete it and run again."
    )


def test_a_number_of_too_many_digits_is_a_mistake(tmp_path):
    assert "is not valid JSON (Exceeds the limit" in message(written(tmp_path, '{"a": ' + "1" * 5000 + "}"), VERDICT)


@pytest.mark.parametrize("content", ["[1]", "3", "null", '"text"', "true", "NaN"])
def test_json_that_is_no_object_is_a_mistake(tmp_path, content):
    path = written(tmp_path, content)
    assert message(path, VERDICT, "Make it again.") == (
        f"{path} is not {VERDICT} (it holds no object with names and values). Make it again."
    )


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_nan_is_read_unless_forbidden(tmp_path, constant):
    path = written(tmp_path, f'{{"a": {constant}}}')
    assert repr(read_json(path, VERDICT)["a"]) == repr(float(constant))
    assert f"is not valid JSON ({constant} is not a number in JSON)" in message(path, VERDICT, allow_nan=False)
    assert f"({constant} is not a number in JSON)" in message(path, lambda found: found, VERDICT, allow_nan=False)


def test_a_missing_file_and_a_folder_are_mistakes(tmp_path):
    assert message(tmp_path / "no.json", VERDICT) == (
        f"There is no {tmp_path / 'no.json'} yet. It should be {VERDICT}. Run snakemake for this region first, or check "
        "the path."
    )
    assert message(tmp_path, VERDICT) == f"{tmp_path} cannot be read (Is a directory). It should be {VERDICT}. {RERUN}"


def test_a_file_that_may_not_be_read_is_a_mistake(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    path = written(tmp_path, "{}")
    monkeypatch.setattr(Path, "read_text", refuse)
    assert message(path, VERDICT) == f"{path} cannot be read (Permission denied). It should be {VERDICT}. {RERUN}"


def test_the_parsed_content_is_returned(tmp_path):
    assert parse_json(written(tmp_path, '{"round": "3"}'), lambda facts: int(facts["round"]), VERDICT) == 3


@pytest.mark.parametrize(
    ("content", "lack"),
    [
        ("{}", "'round' is missing"),
        ('{"round": null}', "TypeError: int() argument must be"),
        ('{"round": "one"}', "ValueError: invalid literal for int() with base 10: 'one'"),
        ('{"round": Infinity}', "OverflowError: cannot convert float infinity to integer"),
    ],
)
def test_content_of_another_kind_is_a_mistake(tmp_path, content, lack):
    path = written(tmp_path, content)
    found = message(path, lambda facts: int(facts["round"]), VERDICT, "Train it again.")
    assert found.startswith(f"{path} is not {VERDICT} ({lack}")
    assert found.endswith("). Train it again.")


def test_a_long_reason_is_cut_and_a_key_error_may_be_empty(tmp_path):
    def fail(error):
        raise error

    path = written(tmp_path, "{}")
    assert f"(ValueError: {'x' * 100})" in message(path, lambda _: fail(ValueError("x" * 500)), VERDICT)
    assert "(a key is missing)" in message(path, lambda _: fail(KeyError()), VERDICT)
    assert "(AttributeError: a)" in message(path, lambda _: fail(AttributeError("a")), VERDICT)


def test_a_user_error_of_the_reader_and_a_bug_pass_through(tmp_path):
    def fail(error):
        raise error

    path = written(tmp_path, "{}")
    with pytest.raises(UserError, match=r"^the reader's own$"):
        parse_json(path, lambda _: fail(UserError("the reader's own")), VERDICT)
    with pytest.raises(AssertionError):
        parse_json(path, lambda _: fail(AssertionError()), VERDICT)
