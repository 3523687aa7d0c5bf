"""The workflow diagram: read from Snakemake's text, laid out without a wire through a box, the same bytes each time."""

from __future__ import annotations

from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lobate.engine.registry import ROOM_OF
from lobate.errors import UserError
from lobate.figures.figure_workflow import figure_workflow, sorted_graph
from lobate.figures.rule_graph import PHASES, RuleGraph, as_dot, parse_dot, phase_of, room_of
from lobate.settings.figures import Figures

DOT = """digraph snakemake_dag {
    graph[bgcolor=white, margin=0];
    node[shape=box, style=rounded, fontname=sans,                 fontsize=10, penwidth=2];
	0[label = "all", color = "0.00 0.6 0.85", style="rounded"];
	1[label = "train", color = "0.61 0.6 0.85", style="rounded"];
	2[label = "mine_negatives", color = "0.38 0.6 0.85", style="rounded"];
	3[label = "compose_rgb", color = "0.12 0.6 0.85", style="rounded"];
	4[label = "figure_map", color = "0.12 0.6 0.85", style="rounded"];
	5[label = "something_new", color = "0.12 0.6 0.85", style="rounded"];
	4 -> 0
	1 -> 2
	2 -> 1
	1 -> 1
	3 -> 1
	3 -> 4
	5 -> 4
}
"""


def layout_of(graph):
    from lobate.figures.drawing.graph_layout import lay_out, layered

    return lay_out(layered(graph), 6.9)


def test_dot_is_read_without_the_target_and_loops():
    graph = parse_dot(DOT)
    assert graph.rules == ("compose_rgb", "figure_map", "mine_negatives", "something_new", "train")
    assert ("train", "train") not in graph.edges
    assert ("mine_negatives", "train") in graph.edges
    assert len(graph.edges) == 5
    assert parse_dot(as_dot(graph)) == graph


def test_order_of_snakemakes_lines_does_not_matter(tmp_path):
    lines = DOT.splitlines()
    turned = "\n".join([*lines[:3], *lines[3:-1][::-1], lines[-1]])
    for name, text in (("a.dot", DOT), ("b.dot", turned)):
        (tmp_path / name).write_text(text)
        sorted_graph(tmp_path / name, tmp_path / f"sorted_{name}")
    assert (tmp_path / "sorted_a.dot").read_bytes() == (tmp_path / "sorted_b.dot").read_bytes()


def test_text_without_rules_is_a_mistake(tmp_path):
    (tmp_path / "rules.dot").write_text("Building DAG of jobs...\n")
    with pytest.raises(UserError, match="holds no rules"):
        figure_workflow(tmp_path / "rules.dot", tmp_path / "a.png", tmp_path / "a.pdf", figures=Figures())


@pytest.mark.parametrize("verb", sorted(ROOM_OF))
def test_every_verb_stands_in_its_room(verb):
    assert room_of(verb) == ROOM_OF[verb]


def test_unknown_rules_come_last():
    assert (room_of("something_new"), phase_of("something_new")) == ("other", len(PHASES) - 1)


def test_rounds_go_up_and_data_goes_down():
    from lobate.figures.drawing.graph_layout import layered

    layers = layered(parse_dot(DOT))
    assert layers.up == [("mine_negatives", "train")]
    assert all(layers.layer[one] < layers.layer[other] for one, other in layers.down)
    assert layers.phases == sorted(layers.phases)


def test_names_are_legible_however_many_rules_read_one_result():
    from lobate.figures.drawing.style import styled
    from lobate.figures.drawing.workflow import draw_workflow

    figures = sorted(verb for verb in ROOM_OF if verb.startswith("figure_"))
    graph = RuleGraph(
        tuple(sorted(["compile_inventory", *figures])), tuple(("compile_inventory", one) for one in figures)
    )
    with styled():
        words = [text.get_text() for text in draw_workflow(graph).texts]
    assert set(words) >= {one.replace("_", " ") for one in graph.rules}


RULES = [*ROOM_OF]
pairs = st.tuples(st.integers(0, len(RULES) - 1), st.integers(0, len(RULES) - 1)).filter(
    lambda pair: pair[0] != pair[1]
)


@settings(max_examples=40, deadline=None)
@given(st.sets(pairs, max_size=45))
def test_no_wire_crosses_a_box_or_hides_another(edges):
    named = sorted((RULES[one], RULES[other]) for one, other in edges)
    layout = layout_of(RuleGraph(tuple(sorted(RULES)), tuple(named)))
    boxes = {
        name: (box.x - box.width / 2, box.top, box.x + box.width / 2, box.foot) for name, box in layout.boxes.items()
    }
    for one, other in combinations(boxes.values(), 2):
        assert not _cross(one, other, slack=-0.01), "boxes overlap"
    down = [wire for wire in layout.wires if not wire.up]
    for wire in down:
        for start, stop in pairwise(wire.points):
            span = (*map(min, start, stop), *map(max, start, stop))
            assert not any(_cross(span, box, slack=1e-6) for box in boxes.values()), wire
    segments = [(wire.source, *_sorted(pair)) for wire in down for pair in pairwise(wire.points)]
    for (source, *one), (another, *other) in combinations(segments, 2):
        assert source == another or not _on_top(one, other), (source, another, one, other)


def _cross(one, other, slack):
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    return (wide > slack and high > slack) if slack < 0 else (wide >= 0 and high > slack)


def _sorted(pair):
    return sorted(pair)


def _on_top(one, other):
    """Whether two segments lie on one line and share more than a point."""
    for axis in (0, 1):
        level = {round(point[axis], 6) for point in (*one, *other)}
        if len(level) == 1:
            along = 1 - axis
            return min(one[1][along], other[1][along]) - max(one[0][along], other[0][along]) > 1e-6
    return False


def test_texts_stay_apart_and_bytes_are_the_same_twice(tmp_path, check_texts):
    from lobate.figures.drawing.style import styled
    from lobate.figures.drawing.workflow import draw_workflow

    with styled():
        check_texts(draw_workflow(parse_dot(DOT)))
    (tmp_path / "rules.dot").write_text(DOT)
    written = []
    for name in ("one", "two"):
        png, pdf = tmp_path / f"{name}.png", tmp_path / f"{name}.pdf"
        figure_workflow(tmp_path / "rules.dot", png, pdf, figures=Figures(dpi=60))
        written.append((png.read_bytes(), pdf.read_bytes()))
    assert written[0] == written[1]
