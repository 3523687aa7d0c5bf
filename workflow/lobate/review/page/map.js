// The map: pictures, outlines, the current one on top, and what is being drawn.
import { state, emit, on, $, currentItem } from "./state.js";
import { view, toScreen, level } from "./view.js";
import { request, paintPictures, prefetch, forgetQueue, failure } from "./tiles.js";
import { requestOutlines, paintOutlines } from "./outlines.js";
import { statusStyle, stamp } from "./symbols.js";
import { pictures, outlineLayers, swipe } from "./layers.js";
import { paintElements } from "./map_elements.js";

const canvas = $("canvas"), pen = canvas.getContext("2d", { alpha: false });
const painters = []; // what tools draw on top
let asked = false, told = null;

/** Lets a tool draw on the map, above all else. */
export const paintOnTop = (painter) => painters.push(painter);

/** Paints at the next frame. */
export function draw() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => { asked = false; paint(); });
}

function resize() {
  const density = window.devicePixelRatio || 1;
  view.width = canvas.clientWidth;
  view.height = canvas.clientHeight;
  const [w, h] = [Math.round(view.width * density), Math.round(view.height * density)];
  if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
  pen.setTransform(density, 0, 0, density, 0, 0);
}

function paint() {
  resize();
  pen.fillStyle = "#17191c";
  pen.fillRect(0, 0, view.width, view.height);
  if (!state.plane || !view.width || !view.height) return;
  const { left, right, overlays } = pictures(), all = [...new Set([...left, ...right, ...overlays])];
  const whole = request(all), drawn = requestOutlines(outlineLayers().map((one) => one.id));
  paintSide(left, 0, swipe.on ? swipe.at * view.width : view.width);
  if (swipe.on) paintSide(right, swipe.at * view.width, view.width);
  for (const layer of overlays) paintPictures(pen, layer, layer.opacity);
  if (!state.hidden) {
    for (const layer of outlineLayers()) paintOutlines(pen, layer.id, layer.opacity);
    if (state.mode !== "edit") paintCurrent();
  }
  for (const painter of painters) painter(pen);
  paintElements();
  document.documentElement.toggleAttribute("data-whole", Boolean(whole && drawn));
  if (whole && drawn && !asked) settle(failure(all));
}

function paintSide(layers, from, to) {
  pen.save();
  pen.beginPath();
  pen.rect(from, 0, to - from, view.height);
  pen.clip();
  for (const layer of layers) paintPictures(pen, layer, layer.opacity);
  pen.restore();
}

/** Traces nested coordinates of a MultiPolygon. */
export function trace(outline) {
  pen.beginPath();
  for (const ring of outline.flat()) {
    ring.forEach(([x, y], i) => pen[i ? "lineTo" : "moveTo"](...toScreen(x, y)));
    pen.closePath();
  }
}

/** Strokes what is traced: a dark casing, then the line. */
export function stroke({ colour, dash }, width) {
  pen.lineJoin = "round";
  pen.setLineDash([]);
  pen.strokeStyle = "#0009";
  pen.lineWidth = width + 2;
  pen.stroke();
  pen.setLineDash(dash);
  pen.strokeStyle = colour;
  pen.lineWidth = width;
  pen.stroke();
  pen.setLineDash([]);
}

function paintCurrent() {
  const item = currentItem(), detail = state.detail;
  if (!item || detail?.id !== item.id || item.plane !== state.plane.id) return;
  const look = statusStyle(item.status);
  if (!detail.outline.length) return place(...toScreen(...item.centre), look.colour);
  trace(detail.outline);
  stroke(look, 3);
  const [west, south, east, north] = item.bounds, [x, y] = toScreen((west + east) / 2, north);
  stamp(pen, item.status, x, Math.max(14, y - 16), 16);
  if (Math.max(east - west, north - south) / view.res < 14) mark(...toScreen((west + east) / 2, (south + north) / 2), look.colour);
}

function mark(x, y, colour) {
  pen.beginPath();
  pen.arc(x, y, 14, 0, 7);
  pen.strokeStyle = colour;
  pen.lineWidth = 2;
  pen.stroke();
}

// A place of the sample: four lines that leave the point itself free.
function place(x, y, colour) {
  for (const [line, width] of [["#000c", 5], [colour, 2.2]]) {
    pen.beginPath();
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) { pen.moveTo(x + 9 * dx, y + 9 * dy); pen.lineTo(x + 28 * dx, y + 28 * dy); }
    pen.strokeStyle = line;
    pen.lineWidth = width;
    pen.stroke();
  }
}

// All of the current one stands on the screen: it can be decided, and what comes next is fetched.
function settle(failed) {
  const item = currentItem();
  if (failed && failed !== told) emit("picture-failed", failed);
  told = failed;
  if (!state.ready || (item && state.detail?.id !== item.id)) return;
  if (state.painted !== state.current || !document.documentElement.dataset.painted) {
    state.painted = state.current;
    document.documentElement.dataset.painted = state.current ?? "none";
    emit("painted", state.current);
  }
  clearTimeout(settle.timer);
  settle.timer = setTimeout(ahead, 15);
}

function ahead() {
  const at = state.shown.indexOf(state.current), { left, right, overlays } = pictures();
  for (const id of [state.shown[at + 1], state.shown[at + 2], state.shown[at - 1]]) {
    const item = state.items.get(id);
    if (!item || item.plane !== state.plane.id) continue;
    prefetch([...new Set([...left, ...right, ...overlays])], ...item.centre);
    requestOutlines(outlineLayers().map((one) => one.id), ...item.centre);
    emit("ahead", id);
  }
}

on("view", () => { forgetQueue(); draw(); });
for (const what of ["tile", "outlines", "detail", "items", "current", "layers", "connection"]) on(what, draw);
on("current", () => { state.painted = null; delete document.documentElement.dataset.painted; });
new ResizeObserver(draw).observe(canvas);
export const zoomLevel = () => level();
export { canvas, pen };
