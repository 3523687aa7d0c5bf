"""Every figure obeys the settings: its width in mm, letters of 6 points or more, nothing cut off, panels lettered, no title."""

from __future__ import annotations

import re
from functools import partial
from itertools import pairwise

import pytest
import rasterio
from matplotlib.text import Text

from lobate.engine.registry import ROOMS
from lobate.errors import UserError
from lobate.figures.drawing import files
from lobate.figures.figure_motion import figure_motion
from lobate.figures.figure_workflow import figure_workflow
from lobate.figures.rule_graph import RuleGraph, as_dot
from lobate.settings.figures import Figures, Motion

from .conftest import make_image
from .of_the_inventory import landforms
from .test_alarm import PLACES
from .test_figure_motion import make_phase
from .test_figure_workflow import RULES

PAGE_MM = 247.0
"""Height of a journal's page between its margins."""


def draw_motion(folder):
    phase = make_phase(folder / "phase.tif")
    return partial(figure_motion, landforms(folder), [make_image(folder / "a.tif")], phase=phase)


def draw_workflow(folder):
    edges = [*pairwise(RULES), ("mine_negatives", "train"), ("clean_labels", "figure_map")]
    (folder / "rules.dot").write_text(as_dot(RuleGraph.build(RULES, edges)))
    return partial(figure_workflow, folder / "rules.dot")


FIGURES = PLACES | {
    "figure_motion": draw_motion,
    "figure_workflow": draw_workflow,
}
"""Verb -> what prepares its inputs in a folder and returns a call that lacks png, pdf and figures."""

SINGLE_PANEL = {"figure_map": 0, "figure_workflow": 0}
PANELS = {
    "figure_motion": 2,
    "figure_outlines": 4,
    "figure_attributes": 6,
    "figure_upslope": 5,
    "figure_iou": 2,
    "figure_rounds": 3,
    "figure_leakage": 3,
    "figure_reliability": 2,
    "figure_precision_recall": 3,
}


def calls(name, folder):
    return FIGURES[name](*([folder] if name not in PLACES else [folder, None]))


@pytest.fixture
def drawn(tmp_path, monkeypatch):
    """Return a function that draws a verb's figure with settings, and gives the figure instead of files."""

    def draw(name, **settings):
        kept = []
        monkeypatch.setattr(files, "save", lambda figure, *_: kept.append(figure))
        figures = Figures(**settings)
        calls(name, tmp_path)(tmp_path / "a.png", tmp_path / "a.pdf", figures=figures)
        return kept[0]

    return draw


def test_every_figure_is_in_the_list():
    assert set(FIGURES) == {verb for verb in ROOMS["figures"] if verb.startswith("figure_")}
    assert set(FIGURES) == set(SINGLE_PANEL) | set(PANELS)


@pytest.mark.parametrize(("width", "mm"), [("single", 90), (83, 83), ("double", 180)])
@pytest.mark.parametrize("name", FIGURES)
def test_size_and_letters(name, width, mm, drawn, check_texts):
    figure = drawn(name, width=width, motion=Motion(direction_deg=200))
    page_mm = 25.4 * figure.get_size_inches()
    assert page_mm[0] == pytest.approx(mm)
    assert page_mm[1] <= PAGE_MM
    check_texts(figure)
    texts = [text for text in figure.findobj(Text) if text.get_text().strip() and text.get_visible()]
    assert min(text.get_fontsize() for text in texts) >= 6
    assert not [text.get_text() for text in texts if "\N{HORIZONTAL ELLIPSIS}" in text.get_text()], "words are cut off"
    letters = [found[1] for text in figure.texts if (found := re.match(r"\(([a-z])\)( |$)", text.get_text()))]
    assert sorted({*letters}) == list("abcdefgh"[: PANELS.get(name, 0)])


@pytest.mark.parametrize("name", FIGURES)
def test_without_title_and_letters_neither_is_there(name, drawn, check_texts):
    whole, bare = drawn(name), drawn(name, titles=False, letters="none")
    bold = [text.get_text() for text in whole.texts if text.get_fontsize() >= 9]
    assert len(bold) == 1, "the title"
    check_texts(bare)
    words = [text.get_text() for text in bare.findobj(Text)]
    assert bold[0] not in words
    assert not [word for word in words if re.match(r"\([a-z]\)", word)]
    assert bare.get_figheight() < whole.get_figheight()


@pytest.mark.parametrize(("letters", "first"), [("a", "a"), ("A", "A")])
def test_letters_are_written_as_the_journal_wants_them(letters, first, drawn):
    words = [text.get_text() for text in drawn("figure_rounds", letters=letters).texts]
    assert first in words


def test_files_have_the_width_and_text_stays_text(tmp_path):
    call = calls("figure_upslope", tmp_path)
    call(tmp_path / "a.png", tmp_path / "a.pdf", figures=Figures(dpi=254, width="single", font="DejaVu Serif"))
    with rasterio.open(tmp_path / "a.png") as png:
        assert png.width == 900
    pdf = (tmp_path / "a.pdf").read_bytes()
    left, foot, right, _ = map(float, re.search(rb"/MediaBox \[ ?([\d. ]+?) ?\]", pdf)[1].split())
    assert (left, foot, right) == pytest.approx((0, 0, 90 / 25.4 * 72), abs=0.01)
    assert b"DejaVuSerif" in pdf and b"/Subtype /Type0" in pdf, "letters are a font's, and can be edited"
    assert b"DejaVuSans" not in pdf
    call(tmp_path / "b.png", tmp_path / "b.pdf", figures=Figures(dpi=254, width="single", font="DejaVu Serif"))
    assert (tmp_path / "b.pdf").read_bytes() == pdf


def test_a_font_that_is_not_installed_is_a_mistake(tmp_path):
    with pytest.raises(UserError, match=r"figures\.font names No Such Font, which is not installed"):
        calls("figure_rounds", tmp_path)(tmp_path / "a.png", tmp_path / "a.pdf", figures=Figures(font="No Such Font"))
    assert not (tmp_path / "a.png").exists()
