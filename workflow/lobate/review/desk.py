"""What lies before the people who review a region: its lists and outlines, and the decisions, which are kept at once.

One desk serves all browsers of a server. Its methods may be called from any thread; acts are done one after the other.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from lobate.errors import UserError
from lobate.inventory.detections import ATTRIBUTES, DRAWN_PREFIX, read_pending
from lobate.review.decisions_file import DecisionsFile, KeptDecision
from lobate.review.items import (
    CANDIDATES,
    DETECTIONS,
    REMOVED,
    Item,
    Wanted,
    area_m2,
    place,
    read_lists,
)
from lobate.review.kept_layers import Outcome
from lobate.review.memory import give_back
from lobate.review.outline_layers import OutlineLayer, to_coordinates
from lobate.review.planes import Plane
from lobate.review.region_outlines import read_context
from lobate.review.region_pictures import RegionPictures, read_pictures
from lobate.review.statements import Said, statements_of
from lobate.review.statements import Statement as Decision
from lobate.review.waiting import detections_path, is_read_by_workflow, lay, lay_other_files
from lobate.settings import Region

CONFLICTS = "conflicts"
TITLES = {
    DETECTIONS: "detections",
    REMOVED: "removed by the filters",
    CANDIDATES: "candidates of mining",
    CONFLICTS: "conflicts between reviewers",
}
EARLIER_PREFIX = "earlier_"
"""Prefix of the id of a decision about a detection of an earlier model that no detection fits any more."""


class NotThere(UserError):
    """What was asked for is not there."""


@dataclass(frozen=True)
class Changed:
    """What an act changed: the items, words for the person, and whether somebody contradicts."""

    items: list[Item]
    words: str = ""
    conflict: bool = False


class Desk:
    """The desk of one region. ``changed`` is called after each act with the ids of what changed and who did it."""

    def __init__(self, region: Region, decisions: Path, changed: Callable[[list[str], str], None]) -> None:
        self.region = region
        self.kept = DecisionsFile(decisions, region.inventory.match_iou)
        self.lock = threading.RLock()
        self._changed = changed
        self.reload()

    def reload(self) -> None:
        """Read the region's files anew, as after a run. Raises UserError as ``read_pictures`` does."""
        pictures = read_pictures(self.region)
        notes = list(pictures.notes)
        found = read_lists(self.region)
        footprints = _footprints(pictures)
        others = lay_other_files(self.region, self.kept.path, found[DETECTIONS])
        notes += [
            f"The decisions of {path} are shown too; what you decide here goes to {self.kept.path}." for path in others
        ]
        if not is_read_by_workflow(self.region, self.kept.path):
            notes.append(
                f"The workflow does not read what you decide here: name {self.kept.path} in inventory.decisions of the configuration."
            )
        for items in found.values():
            place(items, pictures.planes, footprints)
        context = read_context(self.region, notes)
        with self.lock:
            self.pictures, self.notes, self.footprints = pictures, notes, footprints
            self._context = {layer.id: layer for layer in context}
            self.lists: dict[str, dict[str, Item]] = {
                name: {item.id: item for item in items} for name, items in found.items()
            }
            self._item_of_row: dict[int, tuple[str, str]] = {}
            self._lay(self.kept.rows())
            self._seen = self.kept.version()
            self._layers = {name: _layer_of(name, items.values()) for name, items in self.lists.items()}
            self.lay_out()
        give_back()

    def lay_out(self) -> None:
        """Put the detections that wait into the file of decisions, so that QGIS can decide them too; the first act begins the file.

        Where the file cannot be written now, a note says why: QGIS may hold it.
        """
        detections = detections_path(self.region)
        if not (self.kept.path.exists() and detections.exists()):
            return
        try:
            self.kept.lay_out(read_pending(detections))
        except UserError as error:
            self.notes.append(str(error))

    def _lay(self, rows: Sequence[KeptDecision]) -> None:
        """Lay rows of the file over the lists, each over the item that its outline fits, or as an item of its own."""
        rest = list(rows)
        for name in (DETECTIONS, CANDIDATES, REMOVED):
            left = lay(rest, list(self.lists[name].values()), self.region.inventory.match_iou)
            numbers = {row.row for row in rest} - {row.row for row in left}
            found = {item.row: item.id for item in self.lists[name].values()} if numbers else {}
            self._item_of_row |= {number: (name, found[number]) for number in numbers}
            rest = left
        for row in rest:
            item = _item_alone(row)
            place([item], self.pictures.planes, self.footprints)
            item.lay(row)
            self.lists[DETECTIONS][item.id] = item
            self._item_of_row[row.row] = DETECTIONS, item.id

    # --- looking

    def plane(self, name: str) -> Plane:
        """Return a plane by its id. Raises NotThere."""
        if name not in self.pictures.planes:
            raise NotThere(f"There is no plane {name[:80]!r}.")
        return self.pictures.planes[name]

    def items(self, list_name: str) -> dict[str, Item]:
        """Return the items of a list by id. Raises NotThere."""
        if list_name == CONFLICTS:
            found = {id: item for items in self.lists.values() for id, item in items.items() if item.conflict}
            return dict(sorted(found.items()))
        if list_name not in self.lists:
            raise NotThere(f"There is no list {list_name[:80]!r}.")
        return self.lists[list_name]

    def item(self, list_name: str, name: str) -> Item:
        """Return one item. Raises NotThere."""
        items = self.items(list_name)
        if name not in items:
            raise NotThere(f"There is no {name[:80]!r} among the {TITLES.get(list_name, list_name)} any more.")
        return items[name]

    def chosen(self, list_name: str, wanted: Wanted) -> list[dict[str, Any]]:
        """Return the items of a list that pass the filters, as the page reads them."""
        with self.lock:
            items = wanted.chosen(list(self.items(list_name).values()))
            facts = self.facts(items)
            if list_name == CONFLICTS:
                for item, fact in zip(items, facts, strict=True):
                    fact["statements"] = self._statements(item, self.plane(item.plane))
            return facts

    def facts(self, items: Sequence[Item]) -> list[dict[str, Any]]:
        """Return what the page needs of items, with bounds and centres in their planes."""
        bounds = np.zeros((len(items), 4))
        for layer in self._layers.values():
            for plane in self.pictures.planes.values():
                here = [n for n, item in enumerate(items) if item.plane == plane.id and item.id in layer]
                bounds[here] = layer.bounds(plane, [items[number].id for number in here])
        return [_facts(item, box) for item, box in zip(items, bounds.round(1).tolist(), strict=True)]

    def whole(self, list_name: str, name: str) -> dict[str, Any]:
        """Return all of one item: also its outline, the outline that was shown, and what others say of the place."""
        with self.lock:
            item = self.item(list_name, name)
            plane = self.plane(item.plane)
            outline, seen = plane.from_lonlat(np.array([item.shape, item.seen], dtype=object))
            return {
                **self.facts([item])[0],
                "outline": to_coordinates(outline),
                "seen": to_coordinates(seen),
                "others": self._others(item),
                "words": item.words,
                "statements": self._statements(item, plane) if item.conflict else [],
            }

    def _others(self, item: Item) -> list[str]:
        found = []
        for layer in self._context.values():
            positions = np.flatnonzero(shapely.intersects(layer.shapes, item.shape)).tolist()
            found += [layer.words[position] or f"{layer.title}: {layer.ids[position]}" for position in positions]
        return found

    def _statements(self, item: Item, plane: Plane) -> list[dict[str, Any]]:
        """Return what each person says of a place in conflict."""
        row = self.kept.row(item.row or 0)
        return [
            {
                "status": statement.status,
                "reviewer": statement.reviewer,
                "remark": statement.remark,
                "attributes": {name: statement.words.get(name) for name in ATTRIBUTES},
                "outline": to_coordinates(plane.from_lonlat(np.array([statement.outline], dtype=object))[0]),
            }
            for statement in (row.statements if row else ())
        ]

    def layer(self, name: str) -> OutlineLayer:
        """Return a layer of outlines by its id. Raises NotThere."""
        layers = {**self._layers, **self._context}
        if name not in layers:
            raise NotThere(f"There is no layer {name[:80]!r}.")
        return layers[name]

    def layers(self) -> list[dict[str, Any]]:
        """Return all layers, pictures first, as the page reads them."""
        planes = list(self.pictures.planes)
        outlines = [*self._layers.values(), *self._context.values()]
        return [
            *(layer.facts() for layer in self.pictures.layers.values()),
            *(layer.facts(planes) for layer in outlines),
        ]

    def counts(self) -> list[dict[str, Any]]:
        """Return the lists with the numbers of what they hold and of what waits."""
        return [
            {
                "id": name,
                "title": TITLES[name],
                "count": len(items := self.items(name)),
                "waiting": len(items) if name == CONFLICTS else _waiting(items.values()),
                "kind": "conflicts" if name == CONFLICTS else "review",
            }
            for name in (*self.lists, CONFLICTS)
        ]

    def waiting(self) -> int:
        """Return the number of detections that nobody has decided."""
        return _waiting(self.lists[DETECTIONS].values())

    def version(self) -> int:
        """Return the number of the last act that the lists show."""
        return self._seen

    # --- acts

    def decide(self, said: Said) -> Changed:
        """Keep a decision; return what it changed. Raises UserError for one that cannot stand; nothing is kept then."""
        with self.lock:
            item = None if said.id is None else self.item(said.list, said.id)
            if said.status is None:
                return self._after(self._undecide(said, item), said.reviewer)
            merged = [self.item(said.list, name) for name in said.merged]
            outcome = self.kept.decide(said.reviewer, statements_of(said, item, merged), said.base)
            return self._after(outcome, said.reviewer)

    def _undecide(self, said: Said, item: Item | None) -> Outcome:
        if item is None or item.row is None:
            raise UserError(f"Nothing is decided about {said.id or 'a new landform'}, so nothing can be taken back.")
        return self.kept.undecide(said.reviewer, item.row, said.base)

    def undo(self, reviewer: str, act: int | None = None) -> Changed:
        """Take back the reviewer's last act, or the act of this number. Raises UserError where that cannot be."""
        with self.lock:
            return self._after(self.kept.undo(reviewer, act), reviewer)

    def resolve(self, said: Said, choice: int | None) -> Changed:
        """Settle a conflict by one of its statements, or (``choice`` None) by what is said now."""
        with self.lock:
            item = self.item(CONFLICTS, said.id or "")
            settled: int | Decision = choice if choice is not None else statements_of(said, item, [])[0]
            return self._after(self.kept.resolve(said.reviewer, item.row or 0, settled), said.reviewer)

    def take_over(self, path: Path, reviewer: str) -> Changed:
        """Take over the decisions of another file, as one act. Raises UserError for a file that the chain would refuse."""
        with self.lock:
            return self._after(self.kept.import_file(path, reviewer), reviewer)

    def look_again(self) -> bool:
        """Take up what another program or server wrote into the file; return whether there was anything."""
        with self.lock:
            entries = self.kept.changed_since(self._seen)
            if entries:
                self._after(Outcome(entries[-1].number), entries[-1].reviewer)
            return bool(entries)

    def _after(self, outcome: Outcome, reviewer: str) -> Changed:
        """Show what an act did to the rows of the file, and tell all browsers."""
        entries = self.kept.changed_since(self._seen)  # with what another program did just before
        numbers = dict.fromkeys([*outcome.rows, *(entry.row for entry in entries if entry.row is not None)])
        before = [self._item_of_row.pop(number) for number in numbers if number in self._item_of_row]
        rows = [row for number in numbers if (row := self.kept.row(number)) is not None]
        for list_name, name in before:
            item = self.lists[list_name][name]
            item.forget()
            if item.origin is None:
                del self.lists[list_name][name]
        self._lay(rows)
        self._seen = entries[-1].number if entries else outcome.version
        after = [self._item_of_row[row.row] for row in rows]
        touched = list(dict.fromkeys([*after, *before]))
        for list_name, name in touched:
            shown = self.lists[list_name].get(name)
            shape, status = (None, "pending") if shown is None else (shown.shape, shown.status)
            self._layers[list_name].put(name, shape, status)
        self._changed([name for _, name in touched], reviewer)
        items = [self.lists[list_name][name] for list_name, name in touched if name in self.lists[list_name]]
        return Changed(items, outcome.message, outcome.conflict)


def _item_alone(row: KeptDecision) -> Item:
    """Return the item of a row that is about no detection of this run: a drawn outline, or a decision of before."""
    prefix, words = DRAWN_PREFIX, "drawn by hand"
    if row.detection is not None:
        prefix, words = EARLIER_PREFIX, f"decided as {row.detection}; no detection of this run fits it"
    return Item(f"{prefix}{row.row:05d}", row.outline, None, area_m2=area_m2(row.outline), words=words)


def _waiting(items: Iterable[Item]) -> int:
    return sum(item.status == "pending" for item in items)


def _layer_of(name: str, items: Iterable[Item]) -> OutlineLayer:
    listed = list(items)
    return OutlineLayer(
        name,
        TITLES[name],
        [item.id for item in listed],
        np.array([*(item.shape for item in listed), None], dtype=object)[:-1],
        statuses=[item.status for item in listed],
        words=[item.reason for item in listed],
    )


def _footprints(pictures: RegionPictures) -> dict[str, np.ndarray]:
    """Return the ground of each tile in EPSG:4326."""
    planes = pictures.planes
    return {
        tile: planes[pictures.plane_of(tile)].to_lonlat(
            np.array([shapely.segmentize(grid.footprint, max(grid.resolution) * 500)], dtype=object)
        )
        for tile, grid in pictures.grids.items()
    }


def _facts(item: Item, box: list[float]) -> dict[str, Any]:
    west, south, east, north = box
    return {
        "id": item.id,
        "plane": item.plane,
        "tile": item.tile,
        "status": item.status,
        "confidence": item.confidence,
        "uncertainty": item.uncertainty,
        "area_m2": item.area_m2,
        "bounds": box,
        "centre": [round((west + east) / 2, 1), round((south + north) / 2, 1)],
        "attributes": item.attributes,
        "remark": item.remark,
        "reviewer": item.reviewer,
        "version": item.version,
        "in_inventory": item.in_inventory,
        "drawn": item.origin is None,
        "conflict": item.conflict,
        **({"reason": item.reason} if item.reason else {}),
    }
