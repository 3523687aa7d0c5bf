from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import pytest

from lobate import verbs
from lobate.signature import Input, Output, Setting, unless


def when(before: Annotated[Path | None, Input()] = None, *, goal: Annotated[float, Setting("x.goal")]) -> bool:
    return before is not None and goal > 0


def instead(spare: Annotated[Path, Input()], made: Annotated[Path, Output()]) -> None:
    """Stand in."""


@unless(when, instead=instead)
def verb(
    sources: Annotated[list[Path], Input()],
    made: Annotated[Path, Output()],
    weights: Annotated[Path, Input()] | None = None,
    *,
    number: int,
) -> None:
    """Do."""


def test_signature_is_read():
    read = verbs.parameters(verb)
    assert {name: (type(one.marker).__name__, one.many, one.required) for name, one in read.items()} == {
        "sources": ("Input", True, True),
        "made": ("Output", False, True),
        "weights": ("Input", False, False),
        "number": ("NoneType", False, True),
    }


def test_what_only_the_alternative_asks_for_may_be_left_out():
    listed = verbs.all_parameters(verb)
    assert list(listed) == ["sources", "made", "weights", "number", "spare", "before", "goal"]
    assert not listed["spare"].required
    assert listed["goal"].required


def test_arguments_are_tidied():
    given = {"sources": "a", "made": ["b"], "weights": [], "number": 3, "strange": 1}
    assert verbs.tidied(verb, given) == {"sources": [Path("a")], "made": Path("b"), "weights": None, "number": 3}


def test_marker_without_brackets_is_told():
    def wrong(source: Annotated[Path, Input]) -> None: ...

    with pytest.raises(TypeError, match=r"write Input\(\), not Input"):
        verbs.parameters(wrong)


@pytest.mark.parametrize("name", sorted(verbs.VERBS))
def test_every_verb_has_outputs_that_are_files(name):
    listed = verbs.parameters(verbs.load(name))
    assert any(isinstance(one.marker, Output) for one in listed.values())
    assert verbs.load(name).__doc__


def test_no_verb_needs_a_heavy_library_before_it_runs():
    """Snakemake and the command line load every verb to read its signature; each job does so again."""
    code = (
        "import sys; from lobate import verbs; [verbs.load(verb) for verb in verbs.VERBS]; "
        "heavy = {'torch', 'torchvision', 'timm', 'matplotlib', 'exactextract', 'tensorboard', 'requests', 'pystac', 'bokeh'}; "
        "sys.exit(' '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
