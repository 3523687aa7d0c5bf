"""What people draw before there is a model: landforms, look-alikes and completely mapped areas, kept at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from lobate.errors import UserError
from lobate.review.desk import NotThere
from lobate.review.drawn_file import DRAWN_LAYERS, DrawnFile, DrawnOutline
from lobate.review.kept_layers import Outcome
from lobate.review.outline_layers import OutlineLayer

PREFIX = "drawn_"
"""Prefix of the ids of the layers of outlines on the page."""
TITLES = {"positives": "landforms drawn", "negatives": "look-alikes drawn", "complete": "areas completely mapped"}


class LabelsDesk:
    """The outlines drawn in one region. ``changed`` is called after each act with the ids of the layers and who did it."""

    def __init__(self, path: Path, changed: Callable[[list[str], str], None]) -> None:
        self.kept = DrawnFile(path)
        self.lock = threading.RLock()
        self._changed = changed
        self._read()

    def _read(self) -> None:
        self._rows: dict[str, list[DrawnOutline]] = {name: self.kept.rows(name) for name in DRAWN_LAYERS}
        self._version = self.kept.version()
        self.layers = {PREFIX + name: _layer_of(name, rows) for name, rows in self._rows.items()}

    def counts(self) -> list[dict[str, Any]]:
        """Return the layers with the numbers of their outlines, as the page lists them."""
        return [
            {"id": name, "title": TITLES[name], "count": len(rows), "waiting": 0, "kind": "labels"}
            for name, rows in self._rows.items()
        ]

    def layer_facts(self, planes: Iterable[str]) -> list[dict[str, Any]]:
        """Return the layers, as the page reads them; what is in them can be chosen one by one."""
        return [{**layer.facts(list(planes)), "drawn": True} for layer in self.layers.values()]

    def draw(
        self, layer: str, outline: shapely.Geometry | None, name: str | None, reviewer: str, remark: str | None
    ) -> dict[str, Any]:
        """Keep a new outline (EPSG:4326), mend the one called ``name``, or, without an outline, delete it.

        Raises UserError for an outline that is no valid polygon, and for a layer or name that is not there.
        """
        with self.lock:
            row = None if name is None else self._row(layer, name)
            if outline is not None:
                return self._after(self.kept.draw(reviewer, layer, outline, row, remark), reviewer, layer)
            if row is None:
                raise UserError("There is neither an outline to keep nor a name of one to delete.")
            return self._after(self.kept.delete(reviewer, layer, row), reviewer, layer)

    def outline(self, name: str, id: str) -> shapely.Geometry:
        """Return the outline of a label by the id of its layer on the page and its own, in EPSG:4326. Raises NotThere."""
        with self.lock:
            rows = self._rows.get(name.removeprefix(PREFIX), [])
            found = next((one.outline for one in rows if one.id == id), None)
        if found is None:
            raise NotThere(f"There is no {id[:80]!r} in the layer {name[:80]!r} any more.")
        return found

    def undo(self, reviewer: str) -> dict[str, Any]:
        """Take back the reviewer's last act. Raises UserError where there is none."""
        with self.lock:
            return self._after(self.kept.undo(reviewer), reviewer, None)

    def look_again(self) -> bool:
        """Take up what another program or server drew; return whether there was anything."""
        with self.lock:
            entries = self.kept.changed_since(self._version)
            if entries:
                self._after(Outcome(entries[-1].number), entries[-1].reviewer, None)
            return bool(entries)

    def _row(self, layer: str, name: str) -> int:
        found = next((one.row for one in self._rows.get(layer, []) if one.id == name), None)
        if found is None:
            raise UserError(f"There is no {name[:80]!r} in the layer {layer[:80]!r} any more.")
        return found

    def _after(self, outcome: Outcome, reviewer: str, layer: str | None) -> dict[str, Any]:
        self._read()
        self._changed([PREFIX + name for name in DRAWN_LAYERS], reviewer)
        drawn = [one.id for one in self._rows.get(layer or "", []) if one.row in outcome.rows]
        counts = {name: len(rows) for name, rows in self._rows.items()}
        return {"id": drawn[0] if drawn else None, "counts": counts, "version": self._version, "words": outcome.message}


def _layer_of(name: str, rows: list[DrawnOutline]) -> OutlineLayer:
    shapes = np.array([*(one.outline for one in rows), None], dtype=object)[:-1]
    words = [": ".join(filter(None, (one.id, one.remark))) for one in rows]
    return OutlineLayer(PREFIX + name, TITLES[name], [one.id for one in rows], shapes, words=words)
