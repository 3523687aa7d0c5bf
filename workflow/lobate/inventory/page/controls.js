"use strict";
// What fingers, pointers, keys and clicks do; the start of the page.

// --- pointer: one drags, two pinch

const point = (event) => [event.offsetX, event.offsetY];
const onScreen = () => mapped(outlineOf(state.current), (vertex) => toScreen(toPixel(vertex)));
const reach = (event) => (event.pointerType === "touch" ? 22 : 9);
const fingers = new Map();
let pinch = null;

const spread = () => {
  const [[a, b], [c, d]] = fingers.values();
  return { middle: [(a + c) / 2, (b + d) / 2], width: Math.max(1, Math.hypot(a - c, b - d)) };
};

canvas.addEventListener("pointerdown", (event) => {
  if (!detections.length || event.button) return;
  canvas.focus({ preventScroll: true });
  canvas.setPointerCapture(event.pointerId);
  fingers.set(event.pointerId, point(event));
  if (fingers.size === 2) { drag = null; pinch = spread(); return draw(); }
  if (fingers.size > 2) return;
  drag = { from: point(event), x: view.x, y: view.y };
  if (state.mending) grab(event);
  draw();
});

// While mending, a vertex is taken hold of, or a new one on an edge.
function grab(event) {
  const vertex = nearestVertex(onScreen(), point(event)), edge = nearestEdge(onScreen(), point(event));
  if (vertex.distance <= reach(event)) {
    if (event.shiftKey) { drag = null; return removeVertex(vertex.place); }
    state.vertex = vertex.place;
    drag = { place: vertex.place, outline: copied(outlineOf(state.current)), from: point(event) };
  } else if (edge.distance <= reach(event) * 0.7) {
    drag = { place: edge.place, outline: inserted(outlineOf(state.current), edge.place, toGround(fromScreen(point(event)))), from: point(event) };
  }
}

canvas.addEventListener("pointermove", (event) => {
  if (!fingers.has(event.pointerId)) return;
  const [x, y] = point(event);
  fingers.set(event.pointerId, [x, y]);
  if (pinch && fingers.size === 2) {
    const next = spread();
    Object.assign(view, { x: view.x + next.middle[0] - pinch.middle[0], y: view.y + next.middle[1] - pinch.middle[1] });
    zoom(next.width / pinch.width, next.middle);
    return void (pinch = next);
  }
  if (!drag) return;
  drag.moved ||= Math.hypot(x - drag.from[0], y - drag.from[1]) > (event.pointerType === "touch" ? 8 : 3);
  if (!drag.moved) return;
  if (drag.place) ringAt(drag.outline, drag.place)[drag.place[2]] = toGround(fromScreen([x, y]));
  else Object.assign(view, { x: drag.x + x - drag.from[0], y: drag.y + y - drag.from[1] });
  draw();
});

function lift(event) {
  const done = drag, pinched = pinch;
  fingers.delete(event.pointerId);
  drag = null;
  if (fingers.size < 2) pinch = null;
  return pinched ? null : done;
}

canvas.addEventListener("pointerup", (event) => {
  const done = lift(event);
  if (done?.place && done.moved) { state.vertex = done.place; redraw(done.outline, [done.place]); }
  else if (done && !done.moved && !done.place) explain(toGround(fromScreen(done.from)));
  draw();
});
canvas.addEventListener("pointercancel", (event) => { lift(event); draw(); });

// Says what the context's outline under a point is: another inventory's, why it was removed, or a contour's share.
function explain([x, y]) {
  const found = Object.values(data.context).flat().filter((one) => inside(one.outline, x, y));
  const near = detections.map((_, k) => k).filter((k) => k !== state.current && inside(shown[k], x, y));
  const words = [...found.map((one) => one.words), ...near.map((k) => `detection ${introduced(k)}`)];
  if (words.length) tell(words.join("; "));
}

canvas.addEventListener("dblclick", (event) => {
  if (!state.mending) return;
  const edge = nearestEdge(onScreen(), point(event)), vertex = nearestVertex(onScreen(), point(event));
  if (edge.distance > 12 || vertex.distance <= 9) return;
  state.vertex = edge.place;
  redraw(inserted(outlineOf(state.current), edge.place, toGround(fromScreen(point(event)))), [edge.place]);
});

canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  zoom(Math.exp(-Math.sign(event.deltaY) * 0.2), point(event));
}, { passive: false });

// --- keys

const to = (id) => () => { $(id).focus(); };
const KEYS = {
  a: () => decide("accepted"), r: () => decide("rejected"), d: () => decide("pending"), n: () => step(1), p: () => step(-1), PageDown: () => step(1), PageUp: () => step(-1),
  z: undo, e: () => mend(!state.mending), s: save, l: () => $("file").click(), "?": () => $("help").showModal(),
  "+": () => zoom(1.3), "=": () => zoom(1.3), "-": () => zoom(1 / 1.3), 0: fitView, h: () => { state.hidden = !state.hidden; draw(); },
  u: to("upslope_connection"), c: to("activity"), k: to("kinematics"), o: to("outline_type"), m: to("remark"), f: to("filter"),
};
const MENDING = { "[": () => chooseVertex(-1), "]": () => chooseVertex(1), i: () => state.vertex && insertBehind(state.vertex), Delete: () => state.vertex && removeVertex(state.vertex), Backspace: () => state.vertex && removeVertex(state.vertex) };
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const HELD = new Set([...Object.keys(ARROWS), "+", "=", "-", "[", "]", "n", "p", "PageDown", "PageUp"]);  // these may be held; all others act once

function arrow([x, y], event) {
  if (event.target === $("list")) return y && step(y);
  if (state.vertex) return nudge((x * (event.shiftKey ? 10 : 2)) / view.scale, (y * (event.shiftKey ? 10 : 2)) / view.scale);
  Object.assign(view, { x: view.x - 40 * x, y: view.y - 40 * y });
  draw();
}

// In a list to choose from, a digit chooses, and letters are the page's: no letter changes a word by accident.
function inSelect(event) {
  if (/^[0-9]$/.test(event.key)) {
    event.preventDefault();
    const option = event.target.options[Number(event.key)];
    if (!option || event.repeat) return true;
    event.target.value = option.value;
    event.target.dispatchEvent(new Event("input", { bubbles: true }));
    return event.target.dispatchEvent(new Event("change", { bubbles: true }));
  }
  if (event.key.length > 1 || event.key === " ") return true;
  event.preventDefault();
  return false;
}

document.addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]")) return;
  const control = event.ctrlKey || event.metaKey, held = control && "sz".includes(event.key);
  if (event.repeat && event.target.closest("button") && ["Enter", " "].includes(event.key)) return event.preventDefault();
  if (event.key === "Escape") { if (state.mending && event.target === canvas) mend(false); return canvas.focus(); }
  if (event.altKey || (control && !held)) return;
  if (event.target.closest("select") && !held) { if (inSelect(event)) return; }
  else if (event.target.closest("input:not([type=checkbox]), textarea") && !(held && event.key === "s")) return;
  const act = (state.mending && MENDING[event.key]) || KEYS[event.key] || (ARROWS[event.key] && (() => arrow(ARROWS[event.key], event)));
  if (!act) return;
  event.preventDefault();
  if (!event.repeat || HELD.has(event.key)) act();
});

// --- the rest of the controls

const CLICKS = { accept: "a", reject: "r", again: "d", edit: "e", undo: "z", previous: "p", next: "n", save: "s", load: "l", help_button: "?", closer: "+", farther: "-", whole: "0" };
for (const [id, key] of Object.entries(CLICKS)) $(id).addEventListener("click", () => KEYS[key]());
$("insert").addEventListener("click", () => onVertex(insertBehind));
$("delete").addEventListener("click", () => onVertex(removeVertex));
$("mended").addEventListener("click", () => mend(false));
for (const field of FIELDS) {
  $(field).addEventListener("input", () => {
    const i = state.current, value = $(field).value;
    if (!detections.length || entries[i][field] === value) return;
    act([{ sid: sids[i], before: { [field]: entries[i][field] }, after: { [field]: value } }]);
    if (field !== "remark") tell(`${detections[i].id}: ${field.replaceAll("_", " ")} ${value.replaceAll("_", " ") || "not said"}.`);
  });
}
$("reviewer").addEventListener("input", tryStore);
$("filter").addEventListener("change", () => {
  detections.forEach((_, i) => { $("list").children[i].hidden = !["all", entries[i].status].includes($("filter").value); });
  const list = visible();
  if (!list.includes(state.current) && list.length) go(list[0]);
  tell(`${list.length} shown.`);
});
$("file").addEventListener("change", async () => {
  const texts = await Promise.all([...$("file").files].map((file) => file.text()));
  $("file").value = "";
  for (const text of texts) await load(text);
});
new ResizeObserver(draw).observe(canvas);

Object.values(data.context).flat().forEach((one) => { one.outline = opened(one.outline); one.box = bounds(one.outline); });
build();
const earlier = recall();
detections.forEach((_, i) => refresh(i));
progress();
notices();
facts();
if (detections.length) go(Math.max(0, entries.findIndex((one) => one.status === "pending")), true);
canvas.focus();
settleEarlier(earlier);
