"""The routes of the review: what the page asks for, and what it keeps. Security is the gate's, in front of all of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import numpy as np
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from lobate.errors import UserError
from lobate.inventory.vocabulary import VOCABULARIES
from lobate.review import edits
from lobate.review.asked import large, number, wanted, whole
from lobate.review.body import Body, in_lonlat, outline_of
from lobate.review.desk import Changed, Desk, NotThere
from lobate.review.events import Events
from lobate.review.gate import Refused
from lobate.review.items import SORTS
from lobate.review.labels_desk import LabelsDesk
from lobate.review.memory import give_back
from lobate.review.outline_layers import to_coordinates
from lobate.review.painter import Painter
from lobate.review.picture_layers import Look, PictureLayer
from lobate.review.runs import Ended, Runs
from lobate.review.sample_desk import SampleDesk
from lobate.review.statements import Said
from lobate.review.status import read_status

log = logging.getLogger(__name__)
T = TypeVar("T")

KINDS = {".html": "text/html; charset=utf-8", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
CACHED = {"cache-control": "private, max-age=86400"}
"""For pictures whose address holds the stamp of their files."""
FRESH = {"cache-control": "no-cache"}
MAX_THUMBNAIL = 512
MAX_HISTORY = 5000
WATCH_S = 2.0
DRAW_FIELDS = ("layer", "plane", "outline", "id", "reviewer", "remark", "unit", "sure")
DECIDE_FIELDS = (
    "list", "id", "plane", "base", "status", "attributes", "remark", "reviewer", "outline", "outlines", "merged",
)  # fmt: skip


class Review:
    """The application of one desk. ``config``: files of the region's configuration; ``reviewer``: the name that the page begins with."""

    def __init__(
        self,
        desk: Desk,
        labels: LabelsDesk,
        samples: SampleDesk,
        events: Events,
        config: Sequence[Path],
        reviewer: str = "",
    ) -> None:
        self.desk, self.labels, self.samples = desk, labels, samples
        self.events, self.reviewer = events, reviewer
        samples.show(desk.pictures.planes, desk.footprints)
        self.config = " ".join(map(str, config))
        self.runs = Runs(desk.region, config, self._ended)
        self.painter = Painter()
        self.page = {item.name: item for item in (files("lobate.review") / "page").iterdir() if "." in item.name}
        self.app = Starlette(
            routes=[Route(path, handler, methods=[method]) for path, method, handler in self._routes()],
            exception_handlers={
                Refused: _refused,
                NotThere: partial(_told, 404),
                UserError: partial(_told, 400),
                HTTPException: _not_found,
            },
            lifespan=self._lifespan,
        )

    def _routes(self) -> list[tuple[str, str, Callable[[Request], Any]]]:
        return [
            ("/", "GET", self.index),
            ("/page/{name}", "GET", self.page_file),
            ("/api/session", "GET", self.session),
            ("/api/lists/{list}", "GET", self.items),
            ("/api/outlines/{layer}", "GET", self.outlines),
            ("/api/item/{list}/{id}", "GET", self.item),
            ("/api/drawn/{layer}/{id}", "GET", self.drawn),
            ("/picture/{layer}/{plane}/{z}/{x}/{y}.png", "GET", self.picture),
            ("/thumbnail/{list}/{id}.png", "GET", self.thumbnail),
            ("/api/events", "GET", self.listen),
            ("/api/decide", "POST", self.decide),
            ("/api/undo", "POST", self.undo),
            ("/api/resolve", "POST", self.resolve),
            ("/api/edit", "POST", self.edit),
            ("/api/draw", "POST", self.draw),
            ("/api/import", "POST", self.take_over),
            ("/api/export.geojson", "GET", self.export),
            ("/api/history", "GET", self.history),
            ("/api/run", "POST", self.run),
            ("/api/status", "GET", self.status),
        ]

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        self.events.start()
        watching = asyncio.create_task(self._watch())
        yield
        watching.cancel()
        self.painter.close()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.to_thread(work)

    # --- the page and what it shows

    async def index(self, request: Request) -> Response:
        """Return the page."""
        return self._file("index.html")

    async def page_file(self, request: Request) -> Response:
        """Return one file of the page; names of other files are not among them."""
        return self._file(request.path_params["name"])

    def _file(self, name: str) -> Response:
        if name not in self.page:
            raise NotThere("The page has no such file.")
        kind = KINDS.get("." + name.rpartition(".")[2], "application/octet-stream")
        return Response(self.page[name].read_bytes(), media_type=kind, headers=FRESH)

    async def session(self, request: Request) -> Response:
        """Return what the page needs at its start."""
        return JSONResponse(await self._in_thread(self._session))

    def _session(self) -> dict[str, Any]:
        desk = self.desk
        with desk.lock:
            planes = desk.pictures.planes
            return {
                "region": desk.region.region,
                "landform": desk.region.landform,
                "synthetic": desk.region.example is not None,
                "mode": "labels" if self._is_labelling() else "review",
                "reviewer": self.reviewer,
                "planes": [
                    {
                        "id": plane.id,
                        "crs": plane.words(),
                        "base": plane.base,
                        "origin": list(plane.origin),
                        "bounds": list(plane.bounds),
                        "highest_zoom": plane.highest_zoom,
                        "unit": "degree" if plane.crs.is_geographic else "metre",
                    }
                    for plane in planes.values()
                ],
                "tiles": [
                    {"name": tile, "plane": desk.pictures.plane_of(tile), "bounds": list(grid.bounds)}
                    for tile, grid in desk.pictures.grids.items()
                ],
                "layers": [*desk.layers(), *self.labels.layer_facts(planes), *self.samples.layer_facts()],
                "vocabularies": {name: list(words) for name, words in VOCABULARIES.items()},
                "lists": [
                    *desk.counts(),
                    *(self.labels.counts() if self._is_labelling() else []),
                    *self.samples.counts(),
                ],
                "sorts": list(SORTS),
                "version": desk.version(),
                "waiting": desk.waiting(),
                "notes": [*desk.notes, *desk.kept.notices(), *self.labels.kept.notices(), *self.samples.notices()],
            }

    def _is_labelling(self) -> bool:
        """Whether there are no detections, so that people draw labels."""
        return not self.desk.lists["detections"]

    async def items(self, request: Request) -> Response:
        """Return a list, filtered and sorted."""
        filters = wanted(request)
        name = request.path_params["list"]
        chosen = (
            partial(self.samples.chosen, name) if self.samples.has(name) else partial(self.desk.chosen, name, filters)
        )
        return await self._in_thread(lambda: large({"items": chosen()}))

    async def item(self, request: Request) -> Response:
        """Return all of one item."""
        names = request.path_params["list"], request.path_params["id"]
        desk = self.samples if self.samples.has(names[0]) else self.desk
        return JSONResponse(await self._in_thread(partial(desk.whole, *names)))

    async def outlines(self, request: Request) -> Response:
        """Return the outlines of a layer that touch the bounds, simplified."""
        plane = self.desk.plane(request.query_params.get("plane", ""))
        bounds = tuple(number(request, name) for name in ("west", "south", "east", "north"))
        tolerance = number(request, "tolerance", 0.0) or 0.0
        if any(side is None for side in bounds):
            raise UserError("The request needs west, south, east and north.")

        def read() -> Response:
            name = request.path_params["layer"]
            with self.desk.lock:
                drawn = {**self.labels.layers, **self.samples.layers}
                layer = drawn[name] if name in drawn else self.desk.layer(name)
                found = layer.within(plane, bounds, tolerance)  # type: ignore[arg-type]
            return large({"outlines": found})

        return await self._in_thread(read)

    async def drawn(self, request: Request) -> Response:
        """Return the whole outline of a label, or of a landform of the sample, in a plane."""
        plane = self.desk.plane(request.query_params.get("plane", ""))
        names = request.path_params["layer"], request.path_params["id"]
        desk = self.samples if self.samples.has(names[0]) else self.labels
        shape = await self._in_thread(partial(desk.outline, *names))
        outline = to_coordinates(plane.from_lonlat(np.array([shape], dtype=object))[0])
        return JSONResponse({"id": names[1], "plane": plane.id, "outline": outline})

    # --- pictures

    async def picture(self, request: Request) -> Response:
        """Return one picture of the pyramid."""
        values, query = request.path_params, request.query_params
        layer, plane = self._layer(values["layer"]), self.desk.plane(values["plane"])
        bands = tuple(name for name in query.get("bands", "").split(",") if name)
        look = Look(number(request, "low"), number(request, "high"), bands)
        zoom, column, row = (whole(values[name]) for name in ("z", "x", "y"))
        paint = partial(self.painter.picture, layer, plane, zoom, column, row, look)
        return await self._painted(request, paint)

    async def thumbnail(self, request: Request) -> Response:
        """Return a small picture of an item with its outline."""
        item = self.desk.item(request.path_params["list"], request.path_params["id"])
        plane = self.desk.plane(item.plane)
        size = round(min(max(number(request, "size", 128.0) or 0.0, 16.0), MAX_THUMBNAIL))
        layers = [layer for layer in self.desk.pictures.layers.values() if plane.id in layer.planes]
        if not layers:
            raise NotThere("No image shows this ground.")
        key = (request.path_params["list"], item.id, item.version)

        def paint() -> bytes:
            outline = plane.from_lonlat(np.array([item.shape], dtype=object))[0]
            return self.painter.thumbnail(layers[0], plane, outline, size, key)

        return await self._painted(request, paint)

    async def _painted(self, request: Request, paint: Callable[[], bytes]) -> Response:
        png = await asyncio.get_running_loop().run_in_executor(self.painter.threads, paint)
        known = request.query_params.get("stamp") or request.query_params.get("v")
        return Response(png, media_type="image/png", headers=CACHED if known else FRESH)

    def _layer(self, name: str) -> PictureLayer:
        if name not in self.desk.pictures.layers:
            raise NotThere(f"There are no pictures {name[:80]!r}.")
        return self.desk.pictures.layers[name]

    # --- acts

    async def decide(self, request: Request) -> Response:
        """Keep a decision."""
        said = self._said(Body(await request.body(), DECIDE_FIELDS))
        if self.samples.has(said.list):
            return JSONResponse(await self._in_thread(partial(self.samples.answer, said)))
        return await self._changed(partial(self.desk.decide, said))

    def _said(self, body: Body) -> Said:
        return Said(
            list=body.text("list", "detections"),
            id=body.text("id") if body.has("id") else None,
            base=body.whole("base", 0),
            status=body.text("status") if body.has("status") else None,
            attributes=body.words("attributes"),
            remark=body.text("remark", ""),
            reviewer=body.text("reviewer", ""),
            outlines=tuple(self._outlines(body)),
            merged=tuple(str(name) for name in body.objects("merged")),
        )

    async def _changed(self, act: Callable[[], Changed]) -> Response:
        """Return what an act changed."""
        return JSONResponse(await self._in_thread(lambda: self._answer(act())))

    def _outlines(self, body: Body) -> list[Any]:
        given = [body.raw("outline")] if body.has("outline") else body.objects("outlines")
        if not given:
            return []
        plane = self.desk.plane(body.text("plane"))
        return [in_lonlat(outline_of(one), plane) for one in given]

    def _answer(self, changed: Changed) -> dict[str, Any]:
        with self.desk.lock:
            items = self.desk.facts(changed.items)
            return {
                "item": items[0] if items else None,
                "items": items,
                "version": self.desk.version(),
                "words": changed.words,
                "conflict": {"words": changed.words} if changed.conflict else None,
                "waiting": self.desk.waiting(),
            }

    async def undo(self, request: Request) -> Response:
        """Take back a reviewer's last act, or the act of a number."""
        body = Body(await request.body(), ("reviewer", "list", "act"))
        act = body.whole("act", 0) if body.has("act") else None
        name, reviewer = body.text("list", ""), body.text("reviewer", "")
        try:
            if self.samples.has(name):
                return JSONResponse(await self._in_thread(partial(self.samples.undo, name, reviewer)))
            if self._is_labelling() or name in self.labels.layers:
                return JSONResponse(await self._in_thread(partial(self.labels.undo, reviewer)))
            return await self._changed(partial(self.desk.undo, reviewer, act))
        except UserError as error:
            return await _told(409, request, error)

    async def resolve(self, request: Request) -> Response:
        """Settle a conflict."""
        body = Body(await request.body(), (*DECIDE_FIELDS, "choice"))
        choice = body.whole("choice", 0) if body.has("choice") else None
        return await self._changed(partial(self.desk.resolve, self._said(body), choice))

    async def edit(self, request: Request) -> Response:
        """Return what an operation makes of outlines; nothing is kept."""
        body = Body(await request.body(), edits.FIELDS)
        plane = self.desk.plane(body.text("plane"))
        return JSONResponse(await self._in_thread(partial(edits.edit, body, plane)))

    async def draw(self, request: Request) -> Response:
        """Keep an outline of the labels, mend one, or delete it."""
        body = Body(await request.body(), DRAW_FIELDS)
        outline = None
        if body.has("outline"):
            outline = in_lonlat(outline_of(body.raw("outline")), self.desk.plane(body.text("plane")))
        layer, name, reviewer = (
            body.text("layer"),
            body.text("id") if body.has("id") else None,
            body.text("reviewer", ""),
        )
        if self.samples.has(layer):
            unit, sure = body.text("unit", ""), body.raw("sure") is not False
            return JSONResponse(
                await self._in_thread(partial(self.samples.draw, layer, outline, name, unit, reviewer, sure))
            )
        remark = body.text("remark") if body.has("remark") else None
        return JSONResponse(await self._in_thread(partial(self.labels.draw, layer, outline, name, reviewer, remark)))

    async def take_over(self, request: Request) -> Response:
        """Take over the decisions of another file, as one act."""
        content = await request.body()
        reviewer = request.query_params.get("reviewer", "")

        def take_over() -> Changed:
            with TemporaryDirectory(prefix="lobate-review-") as folder:
                path = Path(folder, "decisions.geojson")
                path.write_bytes(content)
                return self.desk.take_over(path, reviewer)

        return await self._changed(take_over)

    async def export(self, request: Request) -> Response:
        """Return all decisions as GeoJSON, as a file to save."""

        def export() -> bytes:
            with TemporaryDirectory(prefix="lobate-review-") as folder:
                path = Path(folder, "decisions.geojson")
                self.desk.kept.export_geojson(path)
                return path.read_bytes()

        name = f"{self.desk.region.region}_decisions.geojson"
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        return Response(await self._in_thread(export), media_type="application/geo+json", headers=headers)

    async def history(self, request: Request) -> Response:
        """Return the last acts, the newest first."""
        last = round(min(max(number(request, "last", 200.0) or 0.0, 1.0), MAX_HISTORY))
        entries = await self._in_thread(partial(self.desk.kept.history, last))
        fields = ("number", "act", "time", "reviewer", "what", "undoes", "name", "status_before", "status_after")
        return JSONResponse({"entries": [{name: getattr(entry, name) for name in fields} for entry in entries]})

    # --- runs

    async def run(self, request: Request) -> Response:
        """Start a run of the workflow, or stop it."""
        body = Body(await request.body() or b"{}", ("stop",))
        await self._in_thread(self.runs.stop if body.raw("stop") is True else self.runs.start)
        return JSONResponse(await self._in_thread(self._status))

    async def status(self, request: Request) -> Response:
        """Return how far the region is."""
        return JSONResponse(await self._in_thread(self._status))

    def _status(self) -> dict[str, Any]:
        found = read_status(self.desk.region, self.config, self.desk.kept.path)
        return {**found.facts(), **found.short(), "started_here": self.runs.is_running}

    def _ended(self, ended: Ended) -> None:
        """Show what a run made, and tell all browsers."""
        with suppress(UserError):
            self.desk.reload()
            self.samples.show(self.desk.pictures.planes, self.desk.footprints)
        words = "The run is done." if not ended.status else f"The run failed:\n{ended.text}"
        self.events.publish({"run": {"ended": True, "ok": not ended.status, "words": words}, "reload": True})

    async def _watch(self) -> None:
        """Tell what other programs wrote into the file of decisions, and how a run goes; give free memory back."""
        while True:
            await asyncio.sleep(WATCH_S)
            try:
                await self._in_thread(self.desk.look_again)
                await self._in_thread(self.labels.look_again)
                await self._in_thread(self.samples.look_again)
                await self._in_thread(give_back)
                if self.runs.is_running and self.events.has_listeners:
                    lines = await self._in_thread(self.runs.new_lines)
                    for line in lines:
                        self.events.publish({"run": {"line": line}})
            except UserError as error:  # a file that is locked or damaged just now; the next act tells it too
                log.warning("%s", error)

    # --- events

    async def listen(self, request: Request) -> Response:
        """Return the stream of what changes."""
        first = {"version": self.desk.version(), "waiting": self.desk.waiting(), "changed": [], "by": ""}
        return StreamingResponse(self.events.stream(first), media_type="text/event-stream", headers=FRESH)


async def _refused(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, status_code=getattr(error, "status", 403))


async def _told(status: int, request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, status_code=status)


async def _not_found(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 404)
    words = (
        "This address is not one of the review's." if status == 404 else "This address does not take such a request."
    )
    return JSONResponse({"error": words}, status_code=status)
