"""The verb `figure-workflow`: the rooms and their verbs by phase, drawn from the rule graph (the paper's figure 5)."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

from lobate.engine.signature import Input, Output, Setting
from lobate.figures.rule_graph import parse_dot
from lobate.settings.figures import Figures

log = logging.getLogger(__name__)


def figure_workflow(
    rules: Annotated[Path, Input()],
    png: Annotated[Path, Output()],
    pdf: Annotated[Path, Output()],
    *,
    figures: Annotated[Figures, Setting("figures")],
) -> None:
    """Draw the rule graph (DOT text of `rules.dot` or of `snakemake --rulegraph dot`) as PNG and PDF.

    Rooms stand in the order of the data's flow, by the method's phases, each with its verbs. Arrows lead to the rooms that
    read the results. The target rule `all` and the rule `rule_graph` are left out.
    """
    from lobate.figures.drawing.files import save
    from lobate.figures.drawing.page import Page
    from lobate.figures.drawing.style import styled
    from lobate.figures.drawing.workflow import draw_workflow

    graph = parse_dot(rules.read_text(encoding="utf-8", errors="replace"), f"The rule graph {rules}")
    with styled(figures.font):
        save(draw_workflow(graph, Page.of(figures)), png, pdf, figures.dpi)
    log.info("%d rules and %d dependencies drawn", len(graph.rules), len(graph.edges))
