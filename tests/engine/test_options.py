"""The options in a module's source are those of the verb's signature."""

from __future__ import annotations

import subprocess
import sys

import pytest

from lobate.engine import options, registry, signature
from lobate.engine.options import Option, all_options, options_of


@pytest.fixture(scope="module")
def every_option():
    return all_options()


def test_all_verbs_are_there_in_the_order_of_the_rooms(every_option):
    assert list(every_option) == list(registry.ROOM_OF)


@pytest.mark.parametrize("verb", sorted(registry.ROOM_OF))
def test_the_text_gives_what_the_signature_gives(every_option, verb):
    """The rules read the text, the command line the signature: both must agree in names, order, markers and lists."""
    parameters = signature.all_parameters(registry.load(verb)).values()
    markers = [type(parameter.marker).__name__ if parameter.marker else "" for parameter in parameters]
    assert [(option.name, option.marker) for option in every_option[verb]] == [
        (parameter.name, marker) for parameter, marker in zip(parameters, markers, strict=True)
    ]
    lists = {parameter.name: parameter.is_list for parameter in parameters}
    for option in every_option[verb]:
        assert option.marker == "Setting" or option.is_list == lists[option.name], option.name


def test_a_verb_with_a_stand_in_has_the_options_of_both_and_of_the_condition(every_option):
    """`train` copies the round before when its condition, in a module of its own, is true."""
    own = signature.parameters(registry.load("train"))
    further = [option for option in every_option["train"] if option.name not in own]
    assert Option("before", "Input", False) in further
    assert len({option.name for option in every_option["train"]}) == len(every_option["train"])


def test_each_kind_of_parameter():
    assert options_of("clean_labels")[0] == Option("positives", "Input", True)
    assert Option("polygons", "Output", False) in options_of("clean_labels")
    assert Option("tiles", "", True) in options_of("clean_labels")
    assert Option("tile", "", False) in options_of("vectorize")


def test_no_verb_by_that_name():
    with pytest.raises(KeyError):
        options_of("clean_lables")


def test_what_was_read_is_kept_for_later_processes(monkeypatch):
    saved = []
    monkeypatch.setattr(options, "save_cache", lambda: saved.append(True))
    options.all_options()
    assert saved == [True]


def test_reading_all_options_imports_no_verb():
    code = (
        "import sys; from lobate.engine import options, registry; options.all_options(); "
        "imported = {registry.module_of(verb) for verb in registry.ROOM_OF} & set(sys.modules); "
        "sys.exit(' '.join(sorted(imported)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
