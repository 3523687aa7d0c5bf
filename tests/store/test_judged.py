"""The models that a test side has judged: each counts once, and a collection keeps them."""

from __future__ import annotations

import pytest

from lobate.store.gc import collect
from lobate.store.judged import record_judged
from lobate.store.store import Store

SIDE, OTHER_SIDE, FIRST, SECOND = ("a" * 64, "b" * 64, "1" * 64, "2" * 64)


def test_each_model_counts_once_and_for_its_own_test_side(tmp_path):
    store = Store(tmp_path)
    assert [record_judged(store, SIDE, model) for model in (FIRST, FIRST, SECOND, FIRST)] == [1, 1, 2, 2]
    assert record_judged(store, OTHER_SIDE, FIRST) == 1


def test_a_collection_forgets_none(tmp_path):
    store = Store(tmp_path)
    record_judged(store, SIDE, FIRST)
    collect(store)
    assert record_judged(store, SIDE, SECOND) == 2


@pytest.mark.parametrize("name", ["", "..", "../../x", "a" * 63, "A" * 64])
def test_what_is_no_digest_writes_nothing(tmp_path, name):
    for side, model in ((SIDE, name), (name, FIRST)):
        with pytest.raises(ValueError, match="no sha256"):
            record_judged(Store(tmp_path), side, model)
    assert not any(tmp_path.iterdir())
