"""A person's decisions about places, kept act by act: how one is made, taken back, contradicted and settled.

The layer `review` is what the chain reads (``inventory/decisions.py``), one row a decided place; the table `history` has
all acts. A row belongs to a place and not to a detection's number, since numbers change with each training: its outline, or
the outline that was shown, finds it again.

Where a person contradicts what somebody else decided since they looked, nothing is decided: the row is pending, keeps
both statements, and waits in the list of conflicts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import shapely

from lobate.errors import UserError
from lobate.inventory.detections import ATTRIBUTES, REVIEW_FIELDS
from lobate.inventory.reviewers import COMPARED_FIELDS
from lobate.inventory.vocabulary import VOCABULARIES, canonical
from lobate.io.decisions import LAYER
from lobate.review.agreement import contradictions, joined, undecided
from lobate.review.geopackage import Layer
from lobate.review.history import Act, Book, Entry, Row, State
from lobate.review.kept_layers import KeptLayers, Outcome, clean
from lobate.review.outlines import as_wkt, checked_outline, is_redrawn, parse_wkt
from lobate.review.places import find_place

WORDS = ATTRIBUTES
"""Fields of a decision that hold a word of a vocabulary."""
MEASURES = ("confidence", "area_m2", "elevation_min_m", "slope_mean_deg")
FIELDS = ("detection", "status", *REVIEW_FIELDS, *MEASURES, "tiles", "seen")
SAYS_SOMETHING = " OR ".join(["status <> 'pending'", *(f"{name} IS NOT NULL" for name in (*WORDS, "remark"))])
"""Condition in SQL; in what it finds, a text may still be empty."""
REVIEW = Layer(LAYER, FIELDS, "detection", MEASURES)


@dataclass(frozen=True)
class Decision:
    """What a person decides about one place.

    ``outline`` and ``seen`` (the outline that was shown, None for a drawn one) are polygons in EPSG:4326; ``words`` are
    attributes by name; ``row`` is the number of the row that the place has already, where that is known; ``new`` makes a row of
    its own, whatever lies there; ``facts`` are the detection's measures, for the form of QGIS.
    """

    detection: str | None
    status: str
    outline: shapely.Geometry
    seen: shapely.Geometry | None = None
    words: Mapping[str, str | None] = field(default_factory=dict)
    remark: str = ""
    row: int | None = None
    new: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class KeptDecision:
    """One row of the file: the decision of a place, with the number of the last act on it (``version``).

    In conflict the status is pending, and ``statements`` holds what each person says.
    """

    row: int
    detection: str | None
    status: str
    outline: shapely.Geometry
    seen: shapely.Geometry | None
    words: dict[str, str | None]
    reviewer: str
    remark: str
    version: int = 0
    about: tuple[str, ...] = ()
    statements: tuple[KeptDecision, ...] = ()


class KeptDecisions(KeptLayers):
    """The decisions of one region, act by act; ``match_iou`` as in the settings: outlines that share so much are one place."""

    def __init__(
        self,
        path: Path,
        match_iou: float = 0.3,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        styles: Mapping[str, Sequence[Element]] | None = None,
    ) -> None:
        super().__init__(path, [REVIEW], now, styles)
        self.match_iou = match_iou

    # --- looking

    def rows(self) -> list[KeptDecision]:
        """Return all decided places and those in conflict, in the order of their rows; a file that is not there has none."""
        return self._look(lambda book: [*self._kept(book)], [])

    def row(self, number: int) -> KeptDecision | None:
        """Return one row, None where it is undecided or not there."""
        return self._look(lambda book: self._one(book, number), None)

    def _one(self, book: Book, number: int) -> KeptDecision | None:
        state = book.current(LAYER, number)
        row, statements = state.row, state.statements
        if row is None or row["geometry"] is None or (undecided(row) and not statements):
            return None
        return _with_statements(number, row, book.version_of(LAYER, number), statements)

    def conflicts(self) -> list[KeptDecision]:
        """Return the places about which people contradict each other."""
        return [row for row in self.rows() if row.statements]

    def _kept(self, book: Book) -> Iterable[KeptDecision]:
        versions, disputed = book.versions(LAYER), book.disputed(LAYER)
        for number, row in book.rows(LAYER, f"{SAYS_SOMETHING} OR fid IN ({', '.join(map(str, disputed))})"):
            statements = disputed.get(number, ())
            if row["geometry"] is not None and (statements or not undecided(row)):
                yield _with_statements(number, row, versions.get(number, 0), statements)

    # --- deciding

    def decide(self, reviewer: str, decisions: Decision | Sequence[Decision], base: int | None = None) -> Outcome:
        """Keep one or several decisions as one act.

        ``base`` is the version that the person looked at: what somebody else decided of a place since then is joined with this
        decision, or, where they contradict each other, becomes a conflict. None: nothing that others said was seen. Raises
        UserError for words that are not in the vocabularies and outlines that are no valid polygons; nothing is kept then.
        """
        given = [decisions] if isinstance(decisions, Decision) else [*decisions]
        reviewer = clean(reviewer)
        rows = [as_row(decision, reviewer) for decision in given]

        def work(book: Book) -> tuple[Act, Outcome]:
            act, numbers, told = book.begin(reviewer, "decide", self._time()), [], []
            for decision, row in zip(given, rows, strict=True):
                place = find_place(book, decision, self.match_iou)
                state = self._decided(book, place, row, reviewer, base)
                told += [_conflict_text(state)] if state.statements else []
                numbers.append(book.change(act, LAYER, place, state))
            return act, Outcome(book.version(), tuple(numbers), " ".join(told), bool(told))

        return self._act(work)

    def _decided(self, book: Book, place: int | None, row: Row, reviewer: str, base: int | None) -> State:
        """Return the state of a place after a decision."""
        before = book.current(LAYER, place)
        row = {**_facts(before.row), **row}
        if before.statements:
            others = [statement for statement in before.statements if statement["reviewer"] != row["reviewer"]]
            return settled([*others, row])
        if before.row is None or undecided(before.row) or not self._since(book, place, before.row, reviewer, base):
            return State(row)
        return settled([before.row, row])

    def _since(self, book: Book, place: int | None, row: Row, reviewer: str, base: int | None) -> bool:
        """Whether a row holds what somebody else decided after the version ``base``."""
        return (row["reviewer"] or "") != reviewer and book.version_of(LAYER, place or 0) > (base or 0)

    def undecide(self, reviewer: str, number: int, base: int | None = None) -> Outcome:
        """Take the decision of a row back; of a place in conflict, only the reviewer's own statement.

        Raises UserError where somebody else decided about it since ``base``, and for a row that is not there.
        """
        reviewer = clean(reviewer)

        def work(book: Book) -> tuple[Act, Outcome]:
            before = book.current(LAYER, number)
            if before.row is None or (undecided(before.row) and not before.statements):
                raise UserError(
                    f"Row {number} of {self.path} holds no decision that could be taken back. Look at the list again."
                )
            act = book.begin(reviewer, "take back", self._time())
            if before.statements:
                state = self._without(before, reviewer)
            elif self._since(book, number, before.row, reviewer, base):
                raise UserError(
                    f"{before.row['reviewer'] or 'Somebody'} decided about {before.row['detection'] or 'this outline'} meanwhile. Nothing was "
                    "taken back; look at it again."
                )
            else:
                state = State(self._pending(book, before.row))
            book.change(act, LAYER, number, state)
            return act, Outcome(book.version(), (number,), conflict=bool(state.statements))

        return self._change(work)

    def _undo_entry(self, book: Book, act: Act, entry: Entry) -> bool:
        """Undo as for any row; of a place that is in conflict since, take the reviewer's own statement back."""
        if super()._undo_entry(book, act, entry):
            return True
        state = book.current(LAYER, entry.row)
        if entry.row is None or act.reviewer not in [statement["reviewer"] or "" for statement in state.statements]:
            return False
        book.change(act, LAYER, entry.row, self._without(state, act.reviewer))
        return True

    def _without(self, state: State, reviewer: str) -> State:
        """Return the state of a place in conflict without one person's statement."""
        rest = [statement for statement in state.statements if (statement["reviewer"] or "") != reviewer]
        if len(rest) == len(state.statements):
            raise UserError(
                f"{reviewer or 'Nobody by name'} has said nothing about this place. Settle it in the list of conflicts."
            )
        return settled(rest)

    def _pending(self, book: Book, row: Row) -> Row | None:
        """Return the row of a place that nobody decided: pending where the detections are laid out, else none."""
        if not book.is_laid_out() or not row["detection"] or not row["seen"]:
            return None
        return {
            **_facts(row),
            "detection": row["detection"],
            "status": "pending",
            "seen": row["seen"],
            "geometry": parse_wkt(row["seen"]),
        }

    def resolve(self, reviewer: str, number: int, choice: int | Decision) -> Outcome:
        """Settle a conflict by one of its statements (its position) or by another decision.

        Raises UserError where the place is in no conflict any more.
        """
        reviewer = clean(reviewer)

        def work(book: Book) -> tuple[Act, Outcome]:
            before = book.current(LAYER, number)
            if not before.statements:
                raise UserError(f"Row {number} of {self.path} is in no conflict any more. Look at the list again.")
            if isinstance(choice, Decision):
                row = {**_facts(before.row), **as_row(choice, reviewer)}
            elif 0 <= choice < len(before.statements):
                row = dict(before.statements[choice])
            else:
                raise UserError(
                    f"The conflict of row {number} has {len(before.statements)} statements. Choose one of these."
                )
            act = book.begin(reviewer, "resolve", self._time())
            book.change(act, LAYER, number, State(row))
            return act, Outcome(book.version(), (number,))

        return self._change(work)

    # --- what QGIS wrote

    def _checked(self, layer: str, fid: int, row: Row) -> Row:
        where = f"{self.path}, layer {layer}"
        named = f"{where}, row {fid}" + (f" ({row['detection']})" if row["detection"] else "")
        words = {
            name: canonical([row[name]], VOCABULARIES[name], f"{named}, field {name}")[0] for name in ("status", *WORDS)
        }
        if row["geometry"] is None:
            raise UserError(f"{named} has no outline. Draw it there, or delete the row.")
        texts = {name: clean(row[name]) or None for name in ("detection", "reviewer", "remark")}
        result = {**row, **words, **texts, "status": words["status"] or "pending"}
        if result["status"] == "pending":
            return result
        return {**result, "geometry": checked_outline(row["geometry"], named)}


def as_row(decision: Decision, reviewer: str) -> Row:
    """Return the row of a decision. Raises UserError for one that cannot stand."""
    where = f"The decision about {decision.detection or 'a drawn outline'}"
    status = canonical([decision.status], VOCABULARIES["status"], where)[0]
    said = [*decision.words.values(), clean(decision.remark)]
    if status in (None, "pending") and not any(said):
        raise UserError(
            f"{where} says nothing. Accept it, reject it, edit its outline, or say an attribute or a remark."
        )
    if unknown := sorted(set(decision.words) - set(WORDS)):
        raise UserError(
            f"{where} has the attributes {', '.join(unknown)}, which nobody fills in. There are {', '.join(WORDS)}."
        )
    words = {name: canonical([decision.words.get(name)], VOCABULARIES[name], f"{where}, {name}")[0] for name in WORDS}
    outline = checked_outline(decision.outline, where)
    seen = None if decision.seen is None else checked_outline(decision.seen, f"{where}, as it was shown")
    if status == "accepted" and seen is not None and is_redrawn(outline, seen):
        status = "edited"
    return {
        "detection": clean(decision.detection) or None,
        "status": status or "pending",
        **words,
        "reviewer": reviewer,
        "remark": clean(decision.remark) or None,
        **{name: decision.facts[name] for name in (*MEASURES, "tiles") if decision.facts.get(name) is not None},
        "seen": None if seen is None else as_wkt(seen),
        "geometry": outline,
    }


def settled(statements: Sequence[Row]) -> State:
    """Return the state of a place by what people say of it: one decision where they agree, else a conflict.

    Contradicting words alone leave the status as it is said and the word empty; contradicting statuses and outlines decide nothing.
    """
    about = contradictions(statements)
    row = joined(statements)
    if not about:
        return State(row)
    if set(about) <= set(COMPARED_FIELDS):
        return State({**row, **dict.fromkeys(about)}, tuple(statements))
    first = statements[0]
    return State(
        {
            **_facts(first),
            "detection": first["detection"],
            "status": "pending",
            "seen": first["seen"],
            "geometry": first["geometry"],
        },
        tuple(statements),
    )


def _facts(row: Row | None) -> Row:
    return {name: row[name] for name in (*MEASURES, "tiles") if row.get(name) is not None} if row else {}


def _conflict_text(state: State) -> str:
    said = "; ".join(f"{row['status']} by {row['reviewer'] or 'somebody'}" for row in state.statements)
    return f"People contradict each other about {state.statements[0]['detection'] or 'this outline'} ({said}). It waits in the list of conflicts."


def _with_statements(number: int, row: Row, version: int, statements: Sequence[Row]) -> KeptDecision:
    said = tuple(_as_kept(number, statement) for statement in statements)
    return _as_kept(number, row, version, tuple(contradictions(statements)), said)


def _as_kept(
    number: int, row: Row, version: int = 0, about: tuple[str, ...] = (), statements: tuple[KeptDecision, ...] = ()
) -> KeptDecision:
    seen = parse_wkt(row.get("seen"))
    status = row.get("status") or "pending"
    if status == "accepted" and seen is not None and is_redrawn(row["geometry"], seen):
        status = "edited"  # as the chain takes it
    return KeptDecision(
        row=number,
        detection=row.get("detection"),
        status=status,
        outline=row["geometry"],
        seen=seen,
        words={name: row.get(name) for name in WORDS},
        reviewer=row.get("reviewer") or "",
        remark=row.get("remark") or "",
        version=version,
        about=about,
        statements=statements,
    )
