"""The verb `estimate-accuracy`: how good one frozen map is, from people's blind answers to a random sample of it.

The answers reach no label, mining, threshold or round: this verb alone reads them.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, Any

from lobate.engine.signature import Input, Output
from lobate.io.jsonfile import write_json
from lobate.mapping.accuracy.estimates import agreement, estimate
from lobate.mapping.accuracy.frozen import FrozenSample, map_digests, read_frozen
from lobate.mapping.accuracy.response import CANNOT_SAY, Answers, read_answers, read_second_look
from lobate.mapping.accuracy.shares import LEVEL
from lobate.mapping.accuracy.wording import agreement_in_words, rows

log = logging.getLogger(__name__)

ANOTHER_MAP = (
    "THESE NUMBERS ARE OF AN EARLIER MAP: the detections or probabilities have changed since the sample was frozen. "
    "Draw a new sample of this map with `lobate sample`."
)
LIMITS_ONLY = (
    "The sample outside the detections is too small for an interval of producer's accuracy and area: it gives limits only. A "
    "larger sample of the strata near and rest gives intervals."
)
NO_SECOND_LOOK = "Nobody has looked twice at any place, so the agreement of people, which is the ceiling, is unknown."


def estimate_accuracy(
    frozen: Annotated[Path, Input()],
    answers: Annotated[Path, Input()],
    detections: Annotated[Path, Input()],
    probabilities: Annotated[list[Path], Input()],
    accuracy: Annotated[Path, Output()],
    second_look: Annotated[Path | None, Input()] = None,
) -> None:
    """Write design-based estimates of a map's accuracy, as JSON, with intervals at 95 %.

    ``frozen``: the sample that `lobate sample` froze; ``answers`` and ``second_look``: the files in which people answered.
    ``detections`` and ``probabilities`` are the present map; the result says whether it is the frozen one. Raises
    UserError for answers that do not fit the sample, and for missing ones.
    """
    sample = read_frozen(frozen)
    first = read_answers(answers, sample)
    second = read_second_look(second_look, sample) if second_look else None
    estimates = estimate(sample, first)
    result: dict[str, Any] = {
        "what": "design-based estimates of one map's accuracy from a random sample, looked at without sight of the map",
        "level": LEVEL,
        "sample": sample.name,
        "drawn": _drawn(sample),
        "map": {**sample.map, "is_current": sample.map == map_digests(detections, probabilities)},
        "imagery": list(first.imagery) or [sample.imagery],
        "answers": _count_answers(first),
        "agreement": agreement(sample, first, second) if second else None,
        "estimates": estimates,
        "tables": [
            {"cannot_say_counts_as": some["cannot_say_counts_as"], "rows": rows(some, sample.landform)}
            for some in estimates
        ],
    }
    result["notes"] = _notes(result)
    write_json(accuracy, result, allow_nan=False)
    _log(result)


def _drawn(sample: FrozenSample) -> dict[str, Any]:
    """Return [drawn, all] of each class of detections, each stratum of pixels, and the squares."""
    return {
        "detections": {stratum.name: [stratum.sampled, stratum.size] for stratum in sample.classes},
        "pixels": {stratum.name: [stratum.sampled, stratum.size] for stratum in sample.strata},
        "squares": [len(sample.squares), sample.squares_in_region],
    }


def _count_answers(answers: Answers) -> dict[str, int]:
    return {
        "places": len(answers.places),
        "places_cannot_say": list(answers.places.values()).count(CANNOT_SAY),
        "squares": len(answers.squares),
        "squares_cannot_say": list(answers.squares.values()).count(CANNOT_SAY),
        "landforms": len(answers.landforms),
        "landforms_cannot_say": int(answers.landforms["unsure"].sum()),
    }


def _notes(result: dict[str, Any]) -> list[str]:
    """Return what a reader must know beside the numbers."""
    notes = [] if result["map"]["is_current"] else [ANOTHER_MAP]
    if any(some["pixels"]["limits_only"] for some in result["estimates"]):
        notes.append(LIMITS_ONLY)
    counts = result["answers"]
    if counts["places_cannot_say"] or counts["landforms_cannot_say"]:
        notes.append(
            f"People could not say at {counts['places_cannot_say']} of {counts['places']} places and of "
            f"{counts['landforms_cannot_say']} outlines: both ways of counting them are given."
        )
    if counts["squares_cannot_say"]:
        notes.append(
            f"{counts['squares_cannot_say']} of {counts['squares']} squares could not be judged and are left out."
        )
    outside = result["estimates"][-1]["landforms"]["marker_in_no_square"]
    if outside:
        notes.append(f"{outside} outlines have their marker in no judged square, and belong to none.")
    notes.append(agreement_in_words(result["agreement"]) if result["agreement"] else NO_SECOND_LOOK)
    return notes


def _log(result: dict[str, Any]) -> None:
    for table in result["tables"]:
        for what, text in table["rows"]:
            log.info("%s: %s", what, text)
    for note in result["notes"]:
        log.warning(note) if note == ANOTHER_MAP else log.info(note)
