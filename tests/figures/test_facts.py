"""JSON of earlier rooms: a missing or unexpected file ends in one paragraph."""

from __future__ import annotations

import pytest

from lobate.errors import UserError
from lobate.figures.facts import landform_iou, read_facts


@pytest.mark.parametrize("text", ["", "[1]", "\x00", '{"a": NaN}', '{"b": 1}', '{"a": null}'])
def test_anything_else_is_a_mistake(tmp_path, text):
    path = tmp_path / "facts.json"
    path.write_text(text)
    with pytest.raises(UserError, match=r"facts\.json is not (valid JSON .*\. It should be )?the facts"):
        read_facts(path, lambda facts: int(facts["a"]), "the facts")


def test_a_file_that_is_not_there_is_a_mistake(tmp_path):
    with pytest.raises(UserError, match="There is no"):
        read_facts(tmp_path / "no.json", dict, "the facts")


def test_unknown_ious_stay_unknown():
    assert landform_iou({"landform": 0.5}) == 0.5
    assert [landform_iou(ious) for ious in (None, {}, {"landform": None})] == [None] * 3
