"""Every job of a finished chain is answered from the store without its verb's module, where that is promised."""

from __future__ import annotations

import re
import shlex

import pytest

from lobate.engine.known_calls import link_known, parse_call
from lobate.engine.options import has_stand_in
from lobate.engine.registry import load
from lobate.engine.signature import Output, all_parameters, is_uncached
from lobate.store.store import Store

pytestmark = pytest.mark.xdist_group("chain")


def is_run_as_stage(verb: str) -> bool:
    function = load(verb)
    outputs = [one.marker for one in all_parameters(function).values() if isinstance(one.marker, Output)]
    return has_stand_in(verb) or is_uncached(function) or any(marker.editable for marker in outputs)


def test_all_jobs_of_the_finished_chain_are_known_calls(clone, monkeypatch):
    planned = clone.run("--forceall", "--dry-run")
    assert planned.status == 0
    monkeypatch.chdir(clone.folder)
    store, linked = Store(clone.store), set()
    for command in re.findall(r"^Shell command: (?:\w+=\S* )?lobate (.+)$", planned.text, re.M):
        tokens = shlex.split(command)
        verb = tokens[0].replace("-", "_")
        call = parse_call(tokens)
        if is_run_as_stage(verb):
            continue
        assert call is not None, command
        assert link_known(call, store), command
        linked.add(verb)
    assert len(linked) > 30
