"""The verb `figure-iou`: IoU of the training and validation set against iteration (the paper's figure 6)."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, Any

import pandas as pd

from lobate.engine.signature import Input, Output, Setting
from lobate.errors import UserError
from lobate.figures.facts import alarm_of, read_facts, validation_interval
from lobate.io.jsonfile import parse_json
from lobate.settings.figures import Figures

log = logging.getLogger(__name__)

Interval = tuple[float, float, float]
"""Iteration, and both ends of the interval of the validation IoU there."""

IOU_COLUMNS = ("iou_background", "iou_landform", "iou_overall")


def figure_iou(
    metrics: Annotated[list[Path], Input()],
    verdicts: Annotated[list[Path], Input()],
    png: Annotated[Path, Output()],
    pdf: Annotated[Path, Output()],
    *,
    figures: Annotated[Figures, Setting("figures")],
    landform: Annotated[str, Setting("landform")] = "rock glacier",
    target_iou: Annotated[float, Setting("training.target_iou")] = 0.80,
) -> None:
    """Draw IoU against iteration as PNG and PDF: training above validation, rounds end to end.

    ``metrics`` (CSV: iteration, split, iou_background, iou_landform, iou_overall) and ``verdicts`` belong to the same
    rounds, in order. The verdicts' intervals stand at the evaluations that were chosen. A round that copied an earlier verdict instead of training is not drawn again.
    """
    from lobate.figures.drawing.files import save
    from lobate.figures.drawing.iou import draw_iou
    from lobate.figures.drawing.page import Page
    from lobate.figures.drawing.style import styled

    rounds = metrics_by_round(metrics, verdicts)
    with styled(figures.font):
        save(
            draw_iou(rounds, landform, target_iou, intervals_by_round(verdicts), Page.of(figures)),
            png,
            pdf,
            figures.dpi,
            _alarm(verdicts),
        )
    log.info("IoU of %d rounds drawn", len(rounds))


def _alarm(verdicts: list[Path]) -> str:
    """Return which rounds learnt nothing, and why; "" for none."""
    what = "a verdict.json written by `train`"
    said = [read_facts(path, lambda facts: alarm_of(facts, f"Round {facts['round']}"), what) for path in verdicts]
    return " ".join(dict.fromkeys(filter(None, said)))


def metrics_by_round(metrics: list[Path], verdicts: list[Path]) -> dict[int, pd.DataFrame]:
    """Return round number -> metrics of each round that trained, in order."""
    rounds: dict[int, pd.DataFrame] = {}
    for table, verdict in zip(metrics, verdicts, strict=True):
        number = parse_json(verdict, lambda facts: int(facts["round"]), "a verdict.json written by `train`")
        if number not in rounds:
            rounds[number] = _read_metrics(table)
    return dict(sorted(rounds.items()))


def intervals_by_round(verdicts: list[Path]) -> dict[int, Interval]:
    """Return round number -> iteration of the best evaluation, and the interval of its validation IoU, where it has one."""
    facts = [parse_json(path, _round_and_iteration, "a verdict.json written by `train`") for path in verdicts]
    known = {number: (iteration, interval) for number, iteration, interval in facts if interval}
    return {number: (iteration, *interval) for number, (iteration, interval) in sorted(known.items())}


def _round_and_iteration(facts: dict[str, Any]) -> tuple[int, float, tuple[float, float] | None]:
    return int(facts["round"]), float(facts.get("iteration", 0)), validation_interval(facts)


def _read_metrics(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_csv(path)
    except (ValueError, OSError) as error:
        raise UserError(f"The metrics {path} cannot be read ({error}). Delete the file and run again.") from error
    missing = {"iteration", "split", *IOU_COLUMNS} - set(table)
    if missing:
        raise UserError(f"The metrics {path} lack {', '.join(sorted(missing))}. Delete the file and run again.")
    return table
