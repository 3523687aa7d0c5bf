// Mouse, pen and fingers on the map: dragging pans, two fingers zoom, a click chooses, tools take what is theirs.
import { state, on, currentItem } from "./state.js";
import { view, pan, zoom, toPlane } from "./view.js";
import { canvas, draw } from "./map.js";
import { outlinesAt } from "./outlines.js";
import { outlineLayers } from "./layers.js";
import { go } from "./items.js";
import { say } from "./speech.js";
import { edit, grab, pull, release, pick } from "./editing.js";
import { draft, addPoint, follow, end_ } from "./drawing.js";
import { pickDrawn } from "./drawn.js";
import { showCoordinates } from "./map_elements.js";

const CLICK_PX = 5, TAP_PX = 12;
const fingers = new Map(); // pointer -> [x, y]
let start = null;

const at = (event) => [event.offsetX, event.offsetY];

canvas.addEventListener("pointerdown", (event) => {
  if (event.button > 1) return;
  canvas.focus({ preventScroll: true });
  canvas.setPointerCapture(event.pointerId);
  fingers.set(event.pointerId, at(event));
  if (fingers.size > 1) { release(); start = null; return; }
  const touch = event.pointerType === "touch";
  start = { from: at(event), last: at(event), far: false, touch, tool: edit.on && !draft.on && grab(...at(event), event.shiftKey, touch) };
});

canvas.addEventListener("pointermove", (event) => {
  const here = at(event);
  showCoordinates(...here);
  if (draft.on && !fingers.size) follow(...here);
  if (!fingers.has(event.pointerId)) return;
  if (fingers.size === 2) return pinch(event.pointerId, here);
  fingers.set(event.pointerId, here);
  if (!start) return;
  start.far ||= Math.hypot(here[0] - start.from[0], here[1] - start.from[1]) > (start.touch ? TAP_PX : CLICK_PX);
  if (!start.far) return;
  if (!(start.tool && pull(...here))) pan(here[0] - start.last[0], here[1] - start.last[1]);
  start.last = here;
});

function pinch(moved, here) {
  const [other] = [...fingers].filter(([id]) => id !== moved).map(([, place]) => place), before = fingers.get(moved);
  const middle = [(here[0] + other[0]) / 2, (here[1] + other[1]) / 2], old = [(before[0] + other[0]) / 2, (before[1] + other[1]) / 2];
  const spread = (one) => Math.max(10, Math.hypot(one[0] - other[0], one[1] - other[1]));
  pan(middle[0] - old[0], middle[1] - old[1]);
  zoom(spread(here) / spread(before), ...middle);
  fingers.set(moved, here);
}

function up(event) {
  const done = start;
  fingers.delete(event.pointerId);
  start = null;
  if (event.type === "pointercancel") return void release();
  if (!done || event.button > 1) return;
  if (done.tool) return void release();
  if (done.far) return;
  const here = at(event);
  if (draft.on) return addPoint(toPlane(...here), ...here);
  if (edit.on) return pick(...here);
  if (!pickDrawn(...toPlane(...here))) explain(...toPlane(...here));
}
canvas.addEventListener("pointerup", up);
canvas.addEventListener("pointercancel", up);
canvas.addEventListener("dblclick", () => { if (draft.on) end_(); });

// A click on another detection makes it the current one; on any other outline it says what that is.
function explain(x, y) {
  const found = outlineLayers().flatMap(({ id, title }) => outlinesAt(id, x, y).map((one) => ({ layer: id, title, ...one })));
  const next = found.find((one) => one.layer === state.list && one.id !== state.current && state.items.has(one.id));
  const texts = found.filter((one) => one.id !== currentItem()?.id && one.words).map((one) => `${one.title}: ${one.words}`);
  if (texts.length) say(texts.join("; "));
  if (next) go(next.id);
}

canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  const lines = event.deltaMode ? event.deltaY * 30 : event.deltaY;
  zoom(Math.exp(-Math.max(-150, Math.min(150, lines)) * (event.ctrlKey ? 0.01 : 0.002)), ...at(event));
}, { passive: false });

on("view", () => showCoordinates(view.width / 2, view.height / 2));
export { draw };
