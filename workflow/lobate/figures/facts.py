"""Results that rooms before this one told as JSON, read with care: what is no such file ends in one paragraph."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from lobate.errors import UserError

T = TypeVar("T")


def read_facts(path: Path, parse: Callable[[dict[str, Any]], T], what: str) -> T:
    """Return what ``parse`` makes of a JSON file; ``what`` names what the file should hold.

    Raises UserError where the file cannot be read, or ``parse`` does not find in it what it needs.
    """
    if not path.exists():
        raise UserError(f"There is no {path}, which should hold {what}. Run snakemake for this region first.")
    try:
        found = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
        if not isinstance(found, dict):
            raise TypeError(f"a {type(found).__name__}")
        return parse(found)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise UserError(
            f"{path} does not hold {what} ({type(error).__name__}: {str(error)[:100]}). Delete it and run again."
        ) from error


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def landform_iou(ious: dict[str, float | None] | None) -> float | None:
    """Return the landform's IoU out of those by class; None where it is unknown."""
    value = (ious or {}).get("landform")
    return None if value is None else float(value)
