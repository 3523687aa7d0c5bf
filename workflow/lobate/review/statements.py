"""From what the page asks for to what the file of decisions keeps."""

from __future__ import annotations

from dataclasses import dataclass

import shapely

from lobate.errors import UserError
from lobate.inventory.detections import ATTRIBUTES
from lobate.inventory.vocabulary import VOCABULARIES, canonical
from lobate.io.decisions import CONFIRMED
from lobate.review.decisions_file import Decision as Statement
from lobate.review.items import Item


@dataclass(frozen=True)
class Said:
    """What a person says about one thing; ``status`` None takes the decision back. Outlines are in EPSG:4326.

    Of several ``outlines``, as after a split, the first is that of the thing, and the others are landforms of their own.
    ``merged`` are the ids of things whose ground went into this outline.
    """

    list: str
    id: str | None
    base: int
    status: str | None
    attributes: dict[str, str | None]
    remark: str
    reviewer: str
    outlines: tuple[shapely.Geometry, ...] = ()
    merged: tuple[str, ...] = ()


def statements_of(said: Said, item: Item | None, merged: list[Item]) -> list[Statement]:
    """Return the statements of one act: about the item (None: a new landform), further outlines, and what was merged.

    Raises UserError for words that are not in the vocabularies, and for a new landform without an outline.
    """
    first, *further = said.outlines or (None,)
    into = f"merged into {said.id or 'a new outline'}"
    return [
        _statement(said, item, first),
        *(_statement(said, None, outline) for outline in further),
        *(_rejected(other, into) for other in merged),
    ]


def _statement(said: Said, item: Item | None, outline: shapely.Geometry | None) -> Statement:
    status = word("status", said.status) or ""
    words = {name: word(name, value) for name, value in said.attributes.items()}
    if item is None:
        if outline is None:
            raise UserError("A new landform needs an outline.")
        return Statement(None, "edited", outline, words=words, remark=said.remark, new=True)
    shown = item.shape if status in CONFIRMED else item.seen
    return Statement(
        detection=None if item.origin is None else item.id,
        status="edited" if outline is not None and status == "accepted" else status,
        outline=shown if outline is None else outline,
        seen=item.origin,
        words=words,
        remark=said.remark,
        row=item.row,
        facts={"confidence": item.confidence, "area_m2": item.area_m2},
    )


def _rejected(item: Item, remark: str) -> Statement:
    name = None if item.origin is None else item.id
    return Statement(name, "rejected", item.seen, seen=item.origin, remark=remark, row=item.row)


def word(name: str, value: str | None) -> str | None:
    """Return a word of a vocabulary in its own spelling. Raises UserError for other words and other attributes."""
    if name != "status" and name not in ATTRIBUTES:
        raise UserError(f"There is no attribute {name[:80]!r}; there are {', '.join(ATTRIBUTES)}.")
    return canonical([value], VOCABULARIES[name], f"The attribute {name}")[0]
