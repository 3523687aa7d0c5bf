"""The workflow figure: its graph traced through the rules or read from DOT text; boxes, arrows, the same bytes each time."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import chdir
from dataclasses import dataclass, field
from itertools import combinations, pairwise, permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.lines import Line2D
from shapely import LineString, box, unary_union

from lobate.engine.registry import ROOM_OF, ROOMS
from lobate.errors import UserError
from lobate.figures.figure_workflow import figure_workflow
from lobate.figures.rule_graph import (
    RuleGraph,
    as_dot,
    loop_edges,
    lost_files,
    parse_dot,
    room_edges,
    room_of,
    trace_jobs,
    trace_rules,
)
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
	6[label = "rule_graph", color = "0.12 0.6 0.85", style="rounded"];
	4 -> 0
	1 -> 2
	2 -> 1
	1 -> 1
	3 -> 1
	3 -> 4
	5 -> 4
	6 -> 4
}
"""
TURNED = "\n".join([*DOT.splitlines()[:3], *DOT.splitlines()[3:-1][::-1], "}"])
RULES = [*ROOM_OF]


class Pattern(str):
    """A path as Snakemake's rules hold it, with its wildcards in braces."""

    def regex(self) -> re.Pattern[str]:
        return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[a-z0-9]+)", re.escape(self)) + "$")

    def constant_prefix(self) -> str:
        return self.partition("{")[0]

    def constant_suffix(self) -> str:
        return self.rpartition("}")[2]


@dataclass
class Rule:
    name: str
    output: list[Pattern] = field(default_factory=list)
    input: list[object] = field(default_factory=list)


def rule(name: str, output: str = "", *inputs: object) -> Rule:
    return Rule(
        name, [Pattern(output)] if output else [], [Pattern(path) if isinstance(path, str) else path for path in inputs]
    )


def whole_graph() -> RuleGraph:
    """Every verb reads the one before it, and training goes round."""
    return RuleGraph.build(RULES, [*pairwise(RULES), ("mine_negatives", "train"), ("clean_labels", "figure_map")])


def random_graph(edges: set[tuple[int, int]]) -> RuleGraph:
    return RuleGraph.build(RULES, [(RULES[tail], RULES[head]) for tail, head in edges])


def drawn(graph: RuleGraph):
    from lobate.figures.drawing.style import styled
    from lobate.figures.drawing.workflow import draw_workflow

    with styled():
        return draw_workflow(graph)


def placed(graph: RuleGraph):
    from lobate.figures.drawing.workflow import place_arrows, place_boxes

    boxes = place_boxes(graph)
    return boxes, place_arrows(graph, boxes)


def test_rules_are_followed_from_the_target_through_patterns_lists_and_functions():
    def before(number: str) -> list[str]:
        return [f"negatives_{int(number) - 1}.npy"] if number == "2" else []

    graph = trace_rules(
        [
            rule("all", "", "map.gpkg", "report.html"),
            rule("compose_rgb", "{tile}.tif", "scene_{tile}.zip"),
            rule("train", "round_{round}.pt", lambda wildcards: before(wildcards.round), ["a.tif", "b.tif"]),
            rule("mine_negatives", "negatives_{round}.npy", "round_{round}.pt"),
            rule("predict", "map.gpkg", "round_2.pt", "a.tif", "weights.pt"),
            rule("report", "report.html", lambda wildcards: "map.gpkg"),
            rule("find_scenes", "scenes.tsv", "area.gpkg"),
        ],
        "all",
    )
    assert graph.rules == ("compose_rgb", "mine_negatives", "predict", "report", "train")
    assert graph.edges == (
        ("compose_rgb", "predict"),
        ("compose_rgb", "train"),
        ("mine_negatives", "train"),
        ("predict", "report"),
        ("train", "mine_negatives"),
        ("train", "predict"),
    )


def test_a_pattern_is_no_producer_of_a_file_that_a_rule_names():
    rules = [rule("all", "", "scenes.tif"), rule("compose_rgb", "{tile}.tif"), rule("find_scenes", "scenes.tif")]
    assert trace_rules([*rules, rule("other", "", "b.tif")], "all").rules == ("find_scenes",)


CHAIN = (
    ("compose_rgb", ("image", "record", "facts"), ()),
    ("clean_labels", ("polygons",), ("image",)),
    ("rasterize_labels", ("label",), ("image", "record", "polygons")),
    ("crop_patches", ("patches", "footprints"), ("image", "label")),
    ("train", ("model", "events"), ("patches",)),
    ("predict", ("probability",), ("image", "model")),
    ("describe_dataset", ("card",), ("footprints", "facts")),
)
FILES = sorted(path for _, outputs, _ in CHAIN for path in outputs)
TARGETS = ("probability", "card")


def planned_by_snakemake(present: set[str], targets: Iterable[str]) -> set[str]:
    """Return the jobs that Snakemake plans: those of targets that are missing, and of what these need."""
    maker = {path: (name, outputs, inputs) for name, outputs, inputs in CHAIN for path in outputs}
    planned: set[str] = set()
    pending = [path for path in targets if path not in present]
    for path in pending:
        name, _, inputs = maker[path]
        if name not in planned:
            planned.add(name)
            pending += [path for path in inputs if path not in present]
    return planned


@given(st.sets(st.sampled_from(FILES)))
def test_every_lost_file_is_planned_where_the_target_asks_for_it(tmp_path_factory, present):
    folder = tmp_path_factory.mktemp("lost")
    for path in present:
        (folder / path).touch()
    rules = [rule("all", "", *TARGETS), *(rule(name, "", *inputs) for name, _, inputs in CHAIN)]
    for made, (_, outputs, _) in zip(rules[1:], CHAIN, strict=True):
        made.output.extend(map(Pattern, outputs))
    with chdir(folder):
        lost = lost_files(trace_jobs(rules, "all"))
    missing_jobs = {name for name, outputs, _ in CHAIN if not present.issuperset(outputs)}
    assert planned_by_snakemake(present, {*TARGETS, *lost}) == missing_jobs
    assert not present & set(lost)
    assert present or not lost, "a fresh plan asks for no more than its targets"


def test_dot_is_read_without_the_target_and_loops():
    graph = parse_dot(DOT)
    assert graph.rules == ("compose_rgb", "figure_map", "mine_negatives", "something_new", "train")
    assert ("train", "train") not in graph.edges
    assert ("mine_negatives", "train") in graph.edges
    assert len(graph.edges) == 5
    assert parse_dot(as_dot(graph)) == graph


def test_order_of_snakemakes_lines_does_not_matter():
    assert TURNED != DOT
    assert as_dot(parse_dot(TURNED)) == as_dot(parse_dot(DOT))


@pytest.mark.parametrize("text", ["Building DAG of jobs...\n", "", "digraph rules {\n}\n", "\x00\xff"])
def test_text_without_rules_is_a_mistake(tmp_path, text):
    (tmp_path / "rules.dot").write_text(text)
    with pytest.raises(UserError, match="holds no rules") as mistake:
        figure_workflow(tmp_path / "rules.dot", tmp_path / "a.png", tmp_path / "a.pdf", figures=Figures())
    assert "\n" not in str(mistake.value)


@pytest.mark.parametrize("verb", sorted(ROOM_OF))
def test_every_verb_stands_in_its_room(verb):
    assert room_of(verb) == ROOM_OF[verb]


def test_every_room_has_a_phase_and_a_colour():
    from lobate.figures.drawing.workflow import COLOURS, PHASES

    assert [room for rooms in PHASES.values() for room in rooms] == [*COLOURS] == [*ROOMS, "other"]


def test_unknown_rules_come_last():
    boxes, _ = placed(parse_dot(DOT))
    assert room_of("something_new") == [*boxes][-1] == "other"
    assert [*boxes["other"].verbs] == ["something_new"]


def test_all_rooms_are_shown_with_their_verbs_in_the_registrys_order():
    boxes, _ = placed(whole_graph())
    assert {room: tuple(place.verbs) for room, place in boxes.items()} == ROOMS
    for place in boxes.values():
        assert [*place.verbs.values()] == sorted(place.verbs.values())


def test_a_region_of_its_own_has_no_example():
    boxes, _ = placed(parse_dot(DOT))
    assert {*ROOMS} - {*boxes} == {"example"}


def test_what_the_region_does_not_need_is_pale():
    from lobate.figures.drawing.workflow import NOT_NEEDED

    colours = {text.get_text(): text.get_color() for text in drawn(parse_dot(DOT)).texts}
    assert colours["fetch scene"] == NOT_NEEDED == colours["predict"]
    assert colours["compose rgb"] != NOT_NEEDED
    assert "not needed for this region" in colours
    assert "not needed for this region" not in {text.get_text() for text in drawn(whole_graph()).texts}


def test_only_edges_of_a_circle_lead_to_the_next_round():
    assert loop_edges(parse_dot(DOT)) == [("mine_negatives", "train")]
    assert loop_edges(RuleGraph.build(RULES, [("apply_review", "review_sheet")])) == []


PAIRS = st.sets(st.tuples(st.integers(0, len(RULES) - 1), st.integers(0, len(RULES) - 1)), max_size=80)


@settings(max_examples=40, deadline=None)
@given(PAIRS)
def test_arrows_are_the_edges_between_rooms_and_meet_no_box_on_their_way(pairs):
    graph = random_graph(pairs)
    boxes, arrows = placed(graph)
    between = {(ROOM_OF[tail], ROOM_OF[head]) for tail, head in graph.edges if ROOM_OF[tail] != ROOM_OF[head]}
    assert [(arrow.source, arrow.target) for arrow in arrows] == sorted(between)
    shapes = [box(place.left, place.top, place.right, place.foot) for place in boxes.values()]
    assert all(near.disjoint(far) for near, far in combinations(shapes, 2)), "boxes overlap"
    insides = unary_union([shape.buffer(-1e-6) for shape in shapes])
    for arrow in arrows:
        tail, head = boxes[arrow.source], boxes[arrow.target]
        read = {verb for verb, reader in graph.edges if (ROOM_OF[verb], ROOM_OF[reader]) == (tail.room, head.room)}
        assert set(arrow.heights) == {tail.verbs[verb] for verb in read}
        assert arrow.edge in (tail.left, tail.right)
        assert head.left < arrow.x < head.right and arrow.tip in (head.top, head.foot)
        assert unary_union([*level(arrow), upright(arrow)]).disjoint(insides), arrow


@settings(max_examples=40, deadline=None)
@given(PAIRS)
def test_arrows_stand_apart_and_those_into_one_room_do_not_cross(pairs):
    _, arrows = placed(random_graph(pairs))
    for first, second in permutations(arrows, 2):
        assert upright(first).distance(upright(second)) > 0.03, (first, second)
        if (first.target, first.tip) == (second.target, second.tip):
            assert all(line.disjoint(upright(second)) for line in level(first)), (first, second)


def level(arrow) -> list[LineString]:
    """An arrow's lines from the verbs."""
    return [LineString([(arrow.edge, height), (arrow.x, height)]) for height in arrow.heights]


def upright(arrow) -> LineString:
    far = max(arrow.heights, key=lambda height: abs(arrow.tip - height))
    return LineString([(arrow.x, far), (arrow.x, arrow.tip)])


@pytest.mark.parametrize(
    "graph", [parse_dot(DOT), whole_graph(), RuleGraph(("train",), ()), RuleGraph.build(["x" * 60], [])]
)
def test_names_are_legible_inside_their_boxes(graph, check_texts):
    figure = drawn(graph)
    check_texts(figure)
    renderer = figure.canvas.get_renderer()
    texts = {text.get_text(): text for text in figure.texts}
    boxes, _ = placed(graph)
    for place in boxes.values():
        for name in (place.room, *(verb.replace("_", " ") for verb in place.verbs if verb in ROOM_OF)):
            extent = texts[name].get_window_extent(renderer)
            left, foot, right, top = (edge / figure.dpi for edge in extent.extents)
            height = figure.get_figheight()
            assert place.left < left and right < place.right
            assert height - place.foot < foot and top < height - place.top
            assert texts[name].get_fontsize() >= 6


def test_the_figure_is_one_page():
    width, height = drawn(whole_graph()).get_size_inches()
    assert width == pytest.approx(180 / 25.4)
    assert height < 9.7


@pytest.mark.parametrize("graph", [parse_dot(DOT), whole_graph()])
def test_every_arrow_is_drawn(graph):
    names = [line.get_gid() for line in drawn(graph).findobj(Line2D) if line.get_gid()]
    assert names == [f"{source} to {target}" for source, target in room_edges(graph)]


def test_bytes_are_the_same_twice_and_in_whatever_order_the_rules_are_listed(tmp_path):
    written = []
    for name, text in (("one", DOT), ("two", DOT), ("turned", TURNED), ("ours", as_dot(parse_dot(DOT)))):
        (tmp_path / f"{name}.dot").write_text(text)
        png, pdf = tmp_path / f"{name}.png", tmp_path / f"{name}.pdf"
        figure_workflow(tmp_path / f"{name}.dot", png, pdf, figures=Figures(dpi=60))
        written.append((png.read_bytes(), pdf.read_bytes()))
    assert all(files == written[0] for files in written)
