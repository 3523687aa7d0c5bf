"""What several people say about one place: whether they contradict each other, and their one decision where they do not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import SimpleNamespace

from lobate.inventory.detections import ATTRIBUTES, REVIEW_FIELDS
from lobate.inventory.reviewers import COMPARED_FIELDS, differences
from lobate.review.history import Row


def undecided(row: Row) -> bool:
    """Whether nobody has decided or said anything about a row."""
    return row.get("status") in (None, "pending") and not any(row.get(name) for name in (*ATTRIBUTES, "remark"))


def contradictions(statements: Sequence[Row]) -> list[str]:
    """Return what people contradict each other about: status, outline or fields, as `apply-review` compares files."""
    if len(statements) < 2:
        return []
    fields = ("status", "geometry", *REVIEW_FIELDS)
    return differences([SimpleNamespace(**{name: row.get(name) for name in fields}) for row in statements])


def joined(statements: Sequence[Row]) -> Row:
    """Return one row for all: the last edited outline before an accepted one, and everybody's words, names and remarks."""
    decided = [row for row in statements if row.get("status") not in (None, "pending")]
    base = next((row for row in reversed(decided) if row["status"] == "edited"), (decided or statements)[-1])
    words = {name: next((row[name] for row in statements if row.get(name)), None) for name in COMPARED_FIELDS}
    texts = {name: _join(row.get(name) for row in statements) for name in ("reviewer", "remark")}
    return {**base, **words, **texts}


def _join(texts: Iterable[str | None]) -> str | None:
    parts = [part for text in texts if text for part in text.split("; ")]
    return "; ".join(dict.fromkeys(parts)) or None
