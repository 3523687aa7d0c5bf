"use strict";
// The canvas, the panel beside it, and the keys and clicks that reach them.

const canvas = $("canvas"), pen = canvas.getContext("2d");
const view = { scale: 1, x: 0, y: 0 };
const pictures = new Map();
let toPixel = (point) => point, toGround = (point) => point, drag = null;

const toScreen = ([x, y]) => [x * view.scale + view.x, y * view.scale + view.y];
const fromScreen = ([x, y]) => [(x - view.x) / view.scale, (y - view.y) / view.scale];
const size = () => [canvas.clientWidth, canvas.clientHeight];

// --- the picture

function picture(source) {
  if (!pictures.has(source)) {
    const image = new Image();
    image.onload = draw;
    image.src = source;
    pictures.set(source, image);
    if (pictures.size > 24) pictures.delete(pictures.keys().next().value);
  }
  return pictures.get(source);
}

function look(i) {
  const one = detections[i], ground = polynomial(one.to_ground);
  toPixel = polynomial(one.to_pixel);
  toGround = (point) => ground(point).map((number) => Math.round(number * 1e8) / 1e8);
  for (const near of [i, i + 1, i + 2, i - 1]) detections[near]?.images.forEach((image) => picture(image.source));
  fitView();
}

function fitView() {
  if (!detections.length) return draw();
  const [left, top, right, bottom] = bounds(mapped(outlineOf(state.current), (vertex) => toPixel(vertex))), [width, height] = size();
  view.scale = Math.min(width / (right - left), height / (bottom - top), 40) * 0.6;
  view.x = width / 2 - ((left + right) / 2) * view.scale;
  view.y = height / 2 - ((top + bottom) / 2) * view.scale;
  draw();
}

function zoom(factor, [x, y] = size().map((one) => one / 2)) {
  const scale = Math.min(80, Math.max(0.05, view.scale * factor)), change = scale / view.scale;
  Object.assign(view, { scale, x: x - (x - view.x) * change, y: y - (y - view.y) * change });
  draw();
}

let asked = false;
function draw() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => { asked = false; paint(); });
}

function paint() {
  const [width, height] = size(), dense = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * dense) || canvas.height !== Math.round(height * dense)) {
    canvas.width = Math.round(width * dense);
    canvas.height = Math.round(height * dense);
  }
  pen.setTransform(dense, 0, 0, dense, 0, 0);
  pen.clearRect(0, 0, width, height);
  if (!detections.length) return;
  pen.imageSmoothingEnabled = view.scale < 3;
  for (const { source, left, top, width: w, height: h } of detections[state.current].images) {
    const image = picture(source);
    if (image.complete && image.naturalWidth) pen.drawImage(image, ...toScreen([left, top]), w * view.scale, h * view.scale);
  }
  if (!state.hidden) outlines();
}

function outlines() {
  const i = state.current, corners = [[0, 0], size()].map((corner) => toGround(fromScreen(corner)));
  const ground = [Math.min(corners[0][0], corners[1][0]), Math.min(corners[0][1], corners[1][1]), Math.max(corners[0][0], corners[1][0]), Math.max(corners[0][1], corners[1][1])];
  for (const [name, list] of Object.entries(data.context)) {
    if ($(`layer-${name}`).checked) list.filter((one) => !apart(one.box, ground)).forEach((one) => line(one.outline, COLOURS[name], 2, [7, 4]));
  }
  if ($("layer-neighbours").checked) shown.forEach((_, k) => { if (k !== i && !apart(boxes[k], ground)) line(outlineOf(k), COLOURS.neighbours, 1); });
  if (entries[i].outline && entries[i].status !== "rejected") line(shown[i], COLOURS.pending, 1.5, [3, 3]);
  const outline = drag?.outline ?? outlineOf(i);
  line(outline, COLOURS[entries[i].status], 2.5);
  if (state.mending) handles(outline);
}

function line(outline, colour, width, dashes = []) {
  pen.beginPath();
  for (const ring of outline.flat()) {
    ring.forEach((vertex, k) => pen[k ? "lineTo" : "moveTo"](...toScreen(toPixel(vertex))));
    pen.closePath();
  }
  pen.lineJoin = "round";
  pen.setLineDash([]);
  pen.strokeStyle = "#000a"; pen.lineWidth = width + 1.5; pen.stroke();
  pen.setLineDash(dashes);
  pen.strokeStyle = colour; pen.lineWidth = width; pen.stroke();
  pen.setLineDash([]);
}

function handles(outline) {
  const marked = drag?.place ?? state.vertex;
  for (const place of places(outline)) {
    const [x, y] = toScreen(toPixel(ringAt(outline, place)[place[2]])), chosen = String(place) === String(marked), half = chosen ? 6 : 3.5;
    pen.fillStyle = chosen ? "#0a58ca" : "#fff";
    pen.strokeStyle = chosen ? "#fff" : "#000";
    pen.lineWidth = chosen ? 2 : 1;
    pen.fillRect(x - half, y - half, 2 * half, 2 * half);
    pen.strokeRect(x - half, y - half, 2 * half, 2 * half);
  }
}

// --- the panel

function facts() {
  const one = detections[state.current], entry = entries[state.current];
  $("facts").replaceChildren();
  if (!one) return void ($("facts").textContent = "There is no detection to review.");
  const name = document.createElement("strong");
  name.textContent = `${one.id}: ${entry.status}`;
  $("facts").append(name, document.createElement("br"), `confidence ${one.confidence.toFixed(2)}${one.area_m2 === null ? "" : `, ${(one.area_m2 / 1e6).toFixed(3)} km²`}`, document.createElement("br"), one.note);
  if (entry.reviewer) $("facts").append(`${one.note ? "; " : ""}by ${entry.reviewer}`);
  form();
}

function form() {
  const entry = entries[state.current] ?? FRESH;
  FIELDS.forEach((field) => { $(field).value = entry[field]; });
}

function refresh(i) {
  const row = $("list").children[i], { status } = entries[i];
  row.lastChild.textContent = `${MARKS[status]} ${status}`;
  row.hidden = !["all", status].includes($("filter").value);
  progress();
  if (i === state.current) facts();
}

function progress() {
  const decided = entries.filter((one) => one.status !== "pending").length;
  $("progress").max = Math.max(1, entries.length);
  $("progress").value = decided;
  $("progress-text").textContent = `${decided} of ${entries.length} decided`;
}

function options(select, words) {
  select.replaceChildren(...words.map(([value, text]) => new Option(text, value)));
}

function build() {
  for (const [field, words] of Object.entries(data.vocabularies)) options($(field), [["", "(not said)"], ...words.map((word) => [word, word.replaceAll("_", " ")])]);
  options($("filter"), [["all", "all"], ...STATUSES.map((status) => [status, status])]);
  $("list").append(...detections.map((one, i) => {
    const row = document.createElement("li"), name = document.createElement("span"), mark = document.createElement("span");
    row.id = `row-${i}`;
    row.setAttribute("role", "option");
    name.textContent = `${one.id} (${one.confidence.toFixed(2)})`;
    row.append(name, mark);
    row.addEventListener("click", () => { mend(false); go(i); });
    return row;
  }));
  const layers = { neighbours: "other detections", ...data.layers };
  for (const [name, words] of Object.entries(layers)) {
    const label = document.createElement("label"), box = document.createElement("input"), sample = document.createElement("i");
    Object.assign(box, { type: "checkbox", id: `layer-${name}`, checked: true });
    box.addEventListener("change", draw);
    sample.style.borderColor = COLOURS[name];
    sample.classList.toggle("dashed", name !== "neighbours");
    label.append(box, sample, words);
    $("legend").append(label);
  }
}

// --- pointer

const point = (event) => [event.offsetX, event.offsetY];
const onScreen = () => mapped(outlineOf(state.current), (vertex) => toScreen(toPixel(vertex)));

canvas.addEventListener("pointerdown", (event) => {
  if (!detections.length || event.button) return;
  canvas.focus();
  drag = { from: point(event), x: view.x, y: view.y };
  const vertex = state.mending ? nearestVertex(onScreen(), point(event)) : null;
  if (vertex?.distance <= 9) {
    if (event.shiftKey) { drag = null; return removeVertex(vertex.place); }
    state.vertex = vertex.place;
    drag = { place: vertex.place, outline: copied(outlineOf(state.current)), from: point(event) };
  } else if (state.mending) {
    const edge = nearestEdge(onScreen(), point(event));
    if (edge.distance <= 6) drag = { place: edge.place, outline: inserted(outlineOf(state.current), edge.place, toGround(fromScreen(point(event)))), from: point(event) };
  }
  canvas.setPointerCapture(event.pointerId);
  draw();
});

canvas.addEventListener("pointermove", (event) => {
  if (!drag) return;
  const [x, y] = point(event);
  drag.moved ||= Math.hypot(x - drag.from[0], y - drag.from[1]) > 3;
  if (!drag.moved) return;
  if (drag.place) ringAt(drag.outline, drag.place)[drag.place[2]] = toGround(fromScreen([x, y]));
  else Object.assign(view, { x: drag.x + x - drag.from[0], y: drag.y + y - drag.from[1] });
  draw();
});

canvas.addEventListener("pointerup", () => {
  const done = drag;
  drag = null;
  if (done?.place && done.moved) { state.vertex = done.place; redraw(done.outline, [done.place]); }
  else if (done && !done.moved && !done.place) explain(toGround(fromScreen(done.from)));
  draw();
});

// Says what the context's outline under a point is: another inventory's, or why it was removed.
function explain([x, y]) {
  const found = Object.values(data.context).flat().filter((one) => inside(one.outline, x, y));
  const near = detections.filter((_, k) => k !== state.current && inside(shown[k], x, y));
  const words = [...found.map((one) => one.words), ...near.map((one) => `detection ${one.id}, confidence ${one.confidence.toFixed(2)}`)];
  if (words.length) tell(words.join("; "));
}
canvas.addEventListener("pointercancel", () => { drag = null; draw(); });

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
  a: () => decide("accepted"), r: () => decide("rejected"), n: () => step(1), p: () => step(-1), PageDown: () => step(1), PageUp: () => step(-1),
  z: undo, e: () => mend(!state.mending), s: save, l: () => $("file").click(), "?": () => $("help").showModal(),
  "+": () => zoom(1.3), "=": () => zoom(1.3), "-": () => zoom(1 / 1.3), 0: fitView, h: () => { state.hidden = !state.hidden; draw(); },
  u: to("upslope_connection"), c: to("activity"), m: to("remark"), f: to("filter"),
};
const MENDING = { "[": () => chooseVertex(-1), "]": () => chooseVertex(1), i: () => state.vertex && insertBehind(state.vertex), Delete: () => state.vertex && removeVertex(state.vertex), Backspace: () => state.vertex && removeVertex(state.vertex) };
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function arrow([x, y], event) {
  if (event.target === $("list")) return y && step(y);
  if (state.vertex) return nudge((x * (event.shiftKey ? 10 : 2)) / view.scale, (y * (event.shiftKey ? 10 : 2)) / view.scale);
  Object.assign(view, { x: view.x - 40 * x, y: view.y - 40 * y });
  draw();
}

document.addEventListener("keydown", (event) => {
  if ($("help").open) return;
  const typing = event.target.closest("input:not([type=checkbox]), select, textarea");
  if (event.key === "Escape") { if (!typing && state.mending) mend(false); return canvas.focus(); }
  const control = event.ctrlKey || event.metaKey, held = control && "sz".includes(event.key);
  if (event.altKey || (control && !held) || (typing && !(held && event.key === "s"))) return;
  const act = (state.mending && MENDING[event.key]) || KEYS[event.key] || (ARROWS[event.key] && (() => arrow(ARROWS[event.key], event)));
  if (!act) return;
  event.preventDefault();
  act();
});

// --- the rest of the controls

const CLICKS = { accept: "a", reject: "r", edit: "e", undo: "z", previous: "p", next: "n", save: "s", load: "l", ask: "?" };
for (const [id, key] of Object.entries(CLICKS)) $(id).addEventListener("click", () => KEYS[key]());
for (const field of FIELDS) $(field).addEventListener("input", () => { if (detections.length) { entries[state.current][field] = $(field).value; keep(); } });
$("reviewer").addEventListener("input", keep);
$("filter").addEventListener("change", () => {
  detections.forEach((_, i) => { $("list").children[i].hidden = !["all", entries[i].status].includes($("filter").value); });
  const list = visible();
  if (!list.includes(state.current) && list.length) go(list[0]);
  tell(`${list.length} shown.`);
});
$("file").addEventListener("change", async () => {
  const [file] = $("file").files;
  $("file").value = "";
  if (file) load(await file.text());
});
window.addEventListener("beforeunload", (event) => { if (state.unsaved && !state.kept) event.preventDefault(); });
new ResizeObserver(draw).observe(canvas);

Object.values(data.context).flat().forEach((one) => { one.outline = opened(one.outline); one.box = bounds(one.outline); });
build();
recall();
detections.forEach((_, i) => refresh(i));
if (detections.length) {
  const said = $("message").textContent;
  go(Math.max(0, entries.findIndex((one) => one.status === "pending")));
  tell(said);
} else facts();
canvas.focus();
