"use strict";
// The picture of the ground with its outlines. Each state and layer has a colour, a dash and a shape: no meaning hangs on
// colour alone.

const LOOK = {
  pending: { colour: "#ffb000", dash: [9, 5], shape: "M8 3a5 5 0 1 0 .01 0z" },
  accepted: { colour: "#35e0a1", dash: [], shape: "M2.5 8.5l3.5 4 7.5-9" },
  edited: { colour: "#6cc4ff", dash: [16, 3, 2, 3], shape: "M3 13l1-3.5 7-7 2.5 2.5-7 7z" },
  rejected: { colour: "#ff7a6b", dash: [2, 4], shape: "M3.5 3.5l9 9M12.5 3.5l-9 9" },
  others: { colour: "#5ab4ff", dash: [7, 4, 2, 4] },
  removed: { colour: "#d5d5d5", dash: [10, 3, 2, 3, 2, 3] },
  neighbours: { colour: "#ffffff", dash: [] },
  "contours_0.25": { colour: "#d9c39a", dash: [3, 3] },
  "contours_0.75": { colour: "#d9c39a", dash: [] },
};

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
  const here = (box) => !apart(box, ground);
  for (const [name, list] of Object.entries(data.context)) {
    if (on(name)) list.filter((one) => here(one.box)).forEach((one) => line(one.outline, LOOK[name], name.startsWith("contours") ? 1.2 : 2));
  }
  if (on("neighbours")) shown.forEach((_, k) => { if (k !== i && here(boxes[k])) marked(outlineOf(k), entries[k].status, 1); });
  if (on("carried")) for (const one of carried.values()) if (here(bounds(standing(one)))) marked(standing(one), one.status, 1.5);
  if (entries[i].outline && entries[i].status !== "rejected") line(shown[i], LOOK.pending, 1.5);
  const outline = drag?.outline ?? outlineOf(i);
  marked(outline, entries[i].status, 3);
  if (state.mending) handles(outline);
}

const on = (name) => $(`layer-${name}`)?.checked;

// An outline in the look of its state, with the state's shape above it.
function marked(outline, status, width) {
  line(outline, LOOK[status], width);
  const points = outline.flat(2).map((vertex) => toScreen(toPixel(vertex))), top = points.reduce((best, point) => (point[1] < best[1] ? point : best));
  if (status !== "pending") stamp(status, top[0], top[1] - 12, width > 2 ? 20 : 14);
}

function stamp(status, x, y, side) {
  const path = new Path2D(LOOK[status].shape);
  pen.save();
  pen.translate(x - side / 2, y - side / 2);
  pen.scale(side / 16, side / 16);
  pen.lineCap = pen.lineJoin = "round";
  for (const [colour, width] of [["#000c", 5], [LOOK[status].colour, 2.4]]) {
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    pen.stroke(path);
  }
  pen.restore();
}

function line(outline, { colour, dash }, width) {
  pen.beginPath();
  for (const ring of outline.flat()) {
    ring.forEach((vertex, k) => pen[k ? "lineTo" : "moveTo"](...toScreen(toPixel(vertex))));
    pen.closePath();
  }
  pen.lineJoin = "round";
  pen.setLineDash([]);
  pen.strokeStyle = "#000a"; pen.lineWidth = width + 1.5; pen.stroke();
  pen.setLineDash(dash);
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
