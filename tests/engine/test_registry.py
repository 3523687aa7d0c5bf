"""Signatures are read, verbs are found, and none imports a heavy library before it runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import pytest

from lobate.engine import registry, signature
from lobate.engine.signature import Input, Output, Setting, run_instead_if


def when(before: Annotated[Path | None, Input()] = None, *, goal: Annotated[float, Setting("x.goal")]) -> bool:
    return before is not None and goal > 0


def instead(spare: Annotated[Path, Input()], made: Annotated[Path, Output()]) -> None:
    """Stand in."""


@run_instead_if(when, instead=instead)
def verb(
    sources: Annotated[list[Path], Input()],
    made: Annotated[Path, Output()],
    weights: Annotated[Path, Input()] | None = None,
    *,
    number: int,
) -> None:
    """Do."""


def test_signature_is_read():
    parameters = signature.parameters(verb)
    assert {
        name: (type(parameter.marker).__name__, parameter.is_list, parameter.required)
        for name, parameter in parameters.items()
    } == {
        "sources": ("Input", True, True),
        "made": ("Output", False, True),
        "weights": ("Input", False, False),
        "number": ("NoneType", False, True),
    }


def test_what_only_the_alternative_asks_for_may_be_left_out():
    parameters = signature.all_parameters(verb)
    assert list(parameters) == ["sources", "made", "weights", "number", "spare", "before", "goal"]
    assert not parameters["spare"].required
    assert parameters["goal"].required


def test_arguments_are_normalized():
    arguments = {"sources": "a", "made": ["b"], "weights": [], "number": 3, "strange": 1}
    assert signature.normalize_args(verb, arguments) == {
        "sources": [Path("a")],
        "made": Path("b"),
        "weights": None,
        "number": 3,
    }


def test_marker_without_brackets_is_an_error():
    def wrong(source: Annotated[Path, Input]) -> None: ...

    with pytest.raises(TypeError, match=r"write Input\(\), not Input"):
        signature.parameters(wrong)


@pytest.mark.parametrize("name", sorted(registry.ROOM_OF))
def test_every_verb_has_outputs_that_are_files(name):
    parameters = signature.parameters(registry.load(name))
    assert any(isinstance(parameter.marker, Output) for parameter in parameters.values())
    assert registry.load(name).__doc__


def test_no_verb_needs_a_heavy_library_before_it_runs():
    """Snakemake and the command line load every verb to read its signature; each job does so again."""
    code = (
        "import sys; from lobate.engine import registry, signature; [registry.load(verb) for verb in registry.ROOM_OF]; "
        "heavy = {'torch', 'torchvision', 'timm', 'matplotlib', 'exactextract', 'tensorboard', 'requests', 'pystac'}; "
        "sys.exit(' '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
