"""The sample of the map before the people who answer to it: blind, in random order, each answer on disk at once.

What is shown here comes out of the files of answers alone: places and squares without outline, probability or stratum. The
answers go nowhere but into these files, which `estimate_accuracy` reads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from lobate.errors import UserError
from lobate.io.drawn import ANSWERS, SECOND_LOOK, accuracy_folder
from lobate.mapping.accuracy.response import ANSWERS as WORDS
from lobate.mapping.accuracy.response import CANNOT_SAY
from lobate.review.answers_file import LANDFORMS, PLACES, SQUARES, Answer, AnswersFile
from lobate.review.desk import NotThere
from lobate.review.items import place
from lobate.review.kept_layers import Outcome
from lobate.review.outline_layers import OutlineLayer, to_coordinates
from lobate.review.planes import Plane
from lobate.review.statements import Said
from lobate.settings import Region

LOOKS = {"sample": "sample of the map", "second_look": "second look"}
UNDONE_TOGETHER = {PLACES: (PLACES,), SQUARES: (SQUARES, LANDFORMS)}
PENDING = "pending"


@dataclass
class Unit:
    """One place or square of a look, with the plane and the tile that show it."""

    answer: Answer
    plane: str = ""
    tile: str = ""

    @property
    def shape(self) -> shapely.Geometry:
        """The point or the square, in EPSG:4326."""
        return self.answer.shape


class SampleDesk:
    """The answers of one region. ``changed`` is called after each act with the ids of what changed and who did it."""

    def __init__(self, region: Region, changed: Callable[[list[str], str], None]) -> None:
        self.region, self._changed = region, changed
        self.lock = threading.RLock()
        self.files = {look: AnswersFile(path) for look, path in _paths(region).items()}
        self.planes: Mapping[str, Plane] = {}
        self.lists: dict[str, dict[str, Unit]] = {}
        self.layers: dict[str, OutlineLayer] = {}
        self._landforms: dict[str, list[Answer]] = {}
        self._stamps: dict[str, tuple[int, int]] = {}
        self._notes: list[str] = []

    def show(self, planes: Mapping[str, Plane], footprints: Mapping[str, np.ndarray]) -> None:
        """Take the region's planes and the ground of its tiles; a file that cannot be read is told in the notices."""
        with self.lock:
            self.planes, self._footprints = planes, footprints
            for look in list(self.files):
                try:
                    self._read(look)
                except UserError as error:
                    self._notes.append(str(error))
                    del self.files[look]

    def _read(self, look: str) -> None:
        file = self.files[look]
        self._stamps[look] = _stamp(file.path)
        for layer in (PLACES, SQUARES):
            units = [Unit(answer) for answer in file.rows(layer)]
            place(units, self.planes, self._footprints)
            self.lists[f"{look}_{layer}"] = {unit.answer.unit: unit for unit in units}
        self._landforms[look] = landforms = file.rows(LANDFORMS)
        name = f"{look}_{LANDFORMS}"
        shapes = np.array([*(one.shape for one in landforms), None], dtype=object)[:-1]
        ids = [_name(one.row) for one in landforms]
        words = ["not sure" if one.answer == CANNOT_SAY else "" for one in landforms]
        self.layers[name] = OutlineLayer(name, "landforms outlined", ids, shapes, words=words)

    # --- looking

    def has(self, name: str) -> bool:
        """Whether this is a list or a layer of the sample."""
        return name in self.lists or name in self.layers

    def counts(self) -> list[dict[str, Any]]:
        """Return the lists with their numbers and the answers that each takes, as the page reads them."""
        return [
            {
                "id": name,
                "title": f"{LOOKS[_look(name)]}: {layer}",
                "count": len(units),
                "waiting": sum(not unit.answer.answer for unit in units.values()),
                "kind": layer,
                "blind": True,
                "answers": list(WORDS[layer]),
                "draws": f"{_look(name)}_{LANDFORMS}" if layer == SQUARES else None,
            }
            for name, units in self.lists.items()
            for layer in [_layer(name)]
            if units
        ]

    def layer_facts(self) -> list[dict[str, Any]]:
        """Return the layers of outlined landforms; each is shown in the list of its squares only."""
        planes = list(self.planes)
        return [
            {**layer.facts(planes), "lists": [f"{_look(name)}_{SQUARES}"], "drawn": True}
            for name, layer in self.layers.items()
        ]

    def chosen(self, name: str) -> list[dict[str, Any]]:
        """Return the units of a list, in the random order of the file."""
        with self.lock:
            return self._facts(name, list(self._units(name).values()))

    def _facts(self, name: str, units: list[Unit]) -> list[dict[str, Any]]:
        bounds = np.zeros((len(units), 4))
        for plane in self.planes.values():
            here = [number for number, unit in enumerate(units) if unit.plane == plane.id]
            bounds[here] = shapely.bounds(plane.from_lonlat(np.array([units[n].shape for n in here], dtype=object)))
        drawn = self._landforms[_look(name)]
        return [
            {
                "id": unit.answer.unit,
                "plane": unit.plane,
                "tile": unit.tile,
                "status": unit.answer.answer or PENDING,
                "bounds": box,
                "centre": [round((box[0] + box[2]) / 2, 2), round((box[1] + box[3]) / 2, 2)],
                "remark": unit.answer.remark,
                "reviewer": unit.answer.reviewer,
                "version": unit.answer.version,
                "imagery": unit.answer.imagery,
                "lonlat": [round(unit.shape.centroid.x, 6), round(unit.shape.centroid.y, 6)],
                **(
                    {"landforms": sum(one.unit == unit.answer.unit for one in drawn)} if _layer(name) == SQUARES else {}
                ),
            }
            for unit, box in zip(units, np.nan_to_num(bounds).round(2).tolist(), strict=True)
        ]

    def whole(self, name: str, id: str) -> dict[str, Any]:
        """Return all of one unit: also the outline of a square, nothing for a place. Raises UserError."""
        with self.lock:
            unit = self._unit(name, id)
            square = self.planes[unit.plane].from_lonlat(np.array([unit.shape], dtype=object))[0]
            outline = to_coordinates(square) if _layer(name) == SQUARES else []
            return {**self._facts(name, [unit])[0], "outline": outline, "others": []}

    def _units(self, name: str) -> dict[str, Unit]:
        if name not in self.lists:
            raise NotThere(f"There is no list {name[:80]!r} in the sample.")
        return self.lists[name]

    def _unit(self, name: str, id: str) -> Unit:
        if id not in self._units(name):
            raise NotThere(f"There is no {id[:80]!r} in the sample.")
        return self.lists[name][id]

    def outline(self, name: str, id: str) -> shapely.Geometry:
        """Return the outline of a landform, in EPSG:4326. Raises UserError."""
        with self.lock:
            return self._landform(name, id).shape

    def _landform(self, name: str, id: str) -> Answer:
        found = next((one for one in self._landforms[_look(name)] if _name(one.row) == id), None)
        if found is None:
            raise NotThere(f"There is no landform {id[:80]!r} any more.")
        return found

    # --- acts

    def answer(self, said: Said) -> dict[str, Any]:
        """Keep an answer; ``said.status`` None takes it back. Raises UserError for one that cannot stand."""
        if said.outlines or said.merged or said.id is None:
            raise UserError(
                "A place or square of the sample is answered and not drawn. Landforms in squares are drawn."
            )
        with self.lock:
            unit, look, layer = self._unit(said.list, said.id), _look(said.list), _layer(said.list)
            file = self.files[look]
            word = None if said.status == PENDING else said.status
            outcome = file.answer(said.reviewer, layer, unit.answer.row, word, said.remark, said.base)
            return self._after(look, said.list, outcome, said.reviewer, [said.id])

    def draw(
        self, name: str, outline: shapely.Geometry | None, id: str | None, unit: str, reviewer: str, sure: bool
    ) -> dict[str, Any]:
        """Keep a landform (EPSG:4326) in the square ``unit``, mend the one called ``id``, or, without an outline, delete it.

        Raises UserError for an outline that is no valid polygon, and for a square or landform that is not there.
        """
        with self.lock:
            if name not in self.layers:
                raise NotThere(f"There is no layer {name[:80]!r} in the sample.")
            look = _look(name)
            squares, file = f"{look}_{SQUARES}", self.files[look]
            known = None if id is None else self._landform(name, id)
            if outline is not None:
                square = known.unit if known else self._unit(squares, unit).answer.unit
                outcome = file.draw(reviewer, square, outline, known.row if known else None, sure)
            elif known is not None:
                square, outcome = known.unit, file.delete(reviewer, known.row)
            else:
                raise UserError("There is neither an outline to keep nor a name of one to delete.")
            answer = self._after(look, squares, outcome, reviewer, [square])
            return {**answer, "id": None if outline is None else _name(outcome.rows[0])}

    def undo(self, name: str, reviewer: str) -> dict[str, Any]:
        """Take back the reviewer's last act in a list or in the layer of its landforms. Raises UserError where there is none."""
        with self.lock:
            look, layer = _look(name), _layer(name)
            layer = SQUARES if layer == LANDFORMS else layer
            outcome = self.files[look].undo_in(reviewer, UNDONE_TOGETHER[layer])
            entries = self.files[look].changed_since(outcome.version - len(outcome.rows))
            touched = list(dict.fromkeys(entry.name for entry in entries if entry.name))
            return self._after(look, f"{look}_{layer}", outcome, reviewer, touched)

    def look_again(self) -> bool:
        """Take up what another program or server wrote; return whether there was anything."""
        with self.lock:
            stale = [look for look, file in self.files.items() if _stamp(file.path) != self._stamps.get(look)]
            for look in stale:
                before = {name: dict(units) for name, units in self.lists.items() if _look(name) == look}
                self._read(look)
                changed = [
                    id
                    for name, units in before.items()
                    for id, unit in units.items()
                    if id in self.lists[name] and self.lists[name][id].answer != unit.answer
                ]
                self._changed([*changed, f"{look}_{LANDFORMS}"], "")
            return bool(stale)

    def notices(self) -> list[str]:
        """Return what the person must be told, and forget it."""
        notes, self._notes = self._notes, []
        return [*notes, *(text for file in self.files.values() for text in file.notices())]

    def _after(self, look: str, name: str, outcome: Outcome, reviewer: str, ids: list[str]) -> dict[str, Any]:
        self._read(look)
        self._changed([*ids, f"{look}_{LANDFORMS}"], reviewer)
        units = [self.lists[name][id] for id in ids if id in self.lists[name]]
        facts = self._facts(name, units)
        return {"item": facts[0] if facts else None, "items": facts, "words": outcome.message, "conflict": None}


def _paths(region: Region) -> dict[str, Path]:
    """Return the files of answers that are there: those that the configuration names, else where `lobate sample` writes them."""
    named, folder = region.mapping.accuracy, Path(accuracy_folder(region.region))
    answers = Path(named.answers) if named else folder / ANSWERS
    second = Path(named.second_look) if named and named.second_look else folder / SECOND_LOOK
    return {look: path for look, path in zip(LOOKS, (answers, second), strict=True) if path.exists()}


def _look(name: str) -> str:
    return name.rpartition("_")[0]


def _layer(name: str) -> str:
    return name.rpartition("_")[2]


def _name(row: int) -> str:
    return f"landform_{row}"


def _stamp(path: Path) -> tuple[int, int]:
    try:
        facts = path.stat()
    except OSError:
        return 0, 0
    return facts.st_mtime_ns, facts.st_size
