// Layers of outlines: fetched in squares of the plane at the detail of the view, drawn with the look of each state or layer.
import { get } from "./server.js";
import { state, emit } from "./state.js";
import { view, extent, level, toScreen } from "./view.js";
import { statusStyle, layerStyle, stamp } from "./symbols.js";

const SQUARE = 1024, KEPT = 48, STAMPED_PX = 26, CASED_PX = 12, CROWDED = 1500;
const squares = new Map(); // layer/plane/level/x/y -> {outlines, paths}
const last = new Map(); // layer -> keys of the squares that were last whole
const changes = new Map(); // layer -> how often its outlines have changed

const NEAR = -1; // the level of all views that magnify: there the outlines come almost as they are
const size = (z) => SQUARE * state.plane.base * 2 ** Math.max(z, 0);
const detail = () => level(NEAR, 1);
const tolerance = (z) => state.plane.base * (z === NEAR ? 0.05 : 0.6 * 2 ** z);

function* keys(layer, bounds, z) {
  const side = size(z);
  for (let x = Math.floor(bounds[0] / side); x <= Math.floor(bounds[2] / side); x++) {
    for (let y = Math.floor(bounds[1] / side); y <= Math.floor(bounds[3] / side); y++) yield [`${layer}/${state.plane.id}/${z}/${x}/${y}`, x, y];
  }
}

function within([west, south, east, north]) {
  const [w, s, e, n] = state.plane.bounds;
  return [Math.max(west, w), Math.max(south, s), Math.min(east, e), Math.min(north, n)];
}

/** Asks for the outlines of a view; returns whether all have come. */
export function requestOutlines(layers, x = view.x, y = view.y) {
  const z = detail(), bounds = within(extent(x, y));
  let all = true;
  for (const layer of layers) {
    const needed = [...keys(layer, bounds, z)];
    for (const [key, column, row] of needed) if (isWanted(key, layer)) load(layer, key, z, column, row);
    const whole = needed.every(([key]) => squares.get(key)?.done);
    if (whole && x === view.x && y === view.y) last.set(layer, needed.map(([key]) => key));
    all &&= whole;
  }
  return all;
}

const changed = (layer) => changes.get(layer) ?? 0;

function isWanted(key, layer) {
  const square = squares.get(key);
  return !square || (square.age < changed(layer) && !square.renewed);
}

// What stood there stays on the screen until the new outlines have come.
async function load(layer, key, z, x, y) {
  const before = squares.get(key), square = { done: false, outlines: [], paths: null, layer, age: changed(layer) };
  before ? (before.renewed = true) : squares.set(key, square);
  const side = size(z);
  const query = { plane: state.plane.id, west: x * side, south: y * side, east: (x + 1) * side, north: (y + 1) * side, tolerance: tolerance(z) };
  try {
    square.outlines = (await get(`api/outlines/${encodeURIComponent(layer)}`, query)).outlines;
    square.outlines.forEach(measure);
  } catch (error) {
    square.failed = error.message;
    setTimeout(() => squares.delete(key), 2000);
  }
  square.done = true;
  squares.set(key, square);
  while (squares.size > KEPT * Math.max(1, last.size)) squares.delete(squares.keys().next().value);
  emit("outlines");
}

function measure(outline) {
  let west = Infinity, south = Infinity, east = -Infinity, north = -Infinity;
  const ring = outline.rings[0] ?? [];
  for (let i = 0; i < ring.length; i += 2) {
    west = Math.min(west, ring[i]); east = Math.max(east, ring[i]);
    south = Math.min(south, ring[i + 1]); north = Math.max(north, ring[i + 1]);
  }
  outline.box = [west, south, east, north];
}

/** A layer's outlines (all layers without a name) have changed on the server: they are fetched anew. */
export function forgetOutlines(layer = null) {
  const layers = layer === null ? new Set([...squares.values()].map((square) => square.layer)) : [layer];
  for (const one of layers) changes.set(one, changed(one) + 1);
  emit("outlines");
}

/** The states have changed: the lines are sorted anew, nothing is fetched. */
export function sortOutlines() {
  for (const square of squares.values()) if (square.layer === "detections") square.paths = null;
}

const statusOf = (layer, outline) => (layer === "detections" && state.items.get(outline.id)?.status) || outline.status || "pending";

function build(square, [x0, y0]) {
  const paths = new Map();
  for (const outline of square.outlines) {
    const look = square.layer === "detections" ? statusOf(square.layer, outline) : "";
    if (!paths.has(look)) paths.set(look, new Path2D());
    const path = paths.get(look);
    for (const ring of outline.rings) {
      for (let i = 0; i < ring.length; i += 2) path[i ? "lineTo" : "moveTo"](ring[i] - x0, y0 - ring[i + 1]);
      path.closePath();
    }
  }
  square.paths = paths;
}

/** Paints a layer's outlines: a dark casing, the line with its dash, and each detection's shape where there is room. */
export function paintOutlines(pen, layer, opacity = 1) {
  const z = detail(), bounds = within(extent());
  let list = [...keys(layer, bounds, z)].map(([key]) => squares.get(key));
  if (!list.every((one) => one?.done)) list = [...list, ...(last.get(layer) ?? []).map((key) => squares.get(key))];
  pen.globalAlpha = opacity;
  const seen = new Set();
  for (const square of new Set(list)) if (square?.outlines.length) paintSquare(pen, square, seen);
  pen.globalAlpha = 1;
}

function paintSquare(pen, square, seen) {
  const origin = state.plane.origin;
  if (!square.paths) build(square, origin);
  const [left, top] = toScreen(...origin);
  pen.save();
  pen.translate(left, top);
  pen.scale(1 / view.res, 1 / view.res);
  pen.lineJoin = "round";
  for (const [status, path] of square.paths) line(pen, path, status ? statusStyle(status) : layerStyle(square.layer), square.outlines.length > CROWDED);
  pen.restore();
  if (square.layer === "detections") stamps(pen, square, seen);
}

function line(pen, path, { colour, dash }, crowded) {
  const far = view.res > state.plane.base * 2;
  if (!far) {
    pen.setLineDash([]);
    pen.strokeStyle = "#0008";
    pen.lineWidth = 3.2 * view.res;
    pen.stroke(path);
  }
  pen.setLineDash(far && crowded ? [] : dash.map((part) => part * view.res));
  pen.strokeStyle = colour;
  pen.lineWidth = (far && crowded ? 1.2 : 1.7) * view.res;
  pen.stroke(path);
}

function stamps(pen, square, seen) {
  for (const outline of square.outlines) {
    const [west, south, east, north] = outline.box;
    if ((east - west) / view.res < STAMPED_PX || outline.id === state.current || seen.has(outline.id)) continue;
    seen.add(outline.id);
    stamp(pen, statusOf(square.layer, outline), ...toScreen((west + east) / 2, (south + north) / 2), CASED_PX);
  }
}

/** The outlines of a layer under a point of the plane. */
export function outlinesAt(layer, x, y) {
  const found = new Map();
  for (const key of last.get(layer) ?? []) {
    for (const outline of squares.get(key)?.outlines ?? []) {
      const [west, south, east, north] = outline.box;
      if (x >= west && x <= east && y >= south && y <= north && inside(outline.rings, x, y)) found.set(outline.id, outline);
    }
  }
  return [...found.values()];
}

/** The outlines of a layer that touch bounds, as far as they have come, in the order of their ids. */
export function outlinesIn(layer, [west, south, east, north]) {
  const found = new Map();
  for (const key of last.get(layer) ?? []) {
    for (const outline of squares.get(key)?.outlines ?? []) {
      const [w, s, e, n] = outline.box;
      if (w <= east && e >= west && s <= north && n >= south) found.set(outline.id, outline);
    }
  }
  return [...found.values()].sort((a, b) => a.id.localeCompare(b.id, "en", { numeric: true }));
}

/** The outline of a layer with this id, as far as it has come. */
export const outlinesNamed = (layer, id) => (last.get(layer) ?? []).flatMap((key) => squares.get(key)?.outlines ?? []).find((one) => one.id === id);

function inside(rings, x, y) {
  let odd = false;
  for (const ring of rings) {
    for (let i = 0, j = ring.length - 2; i < ring.length; j = i, i += 2) {
      const [x1, y1, x2, y2] = [ring[i], ring[i + 1], ring[j], ring[j + 1]];
      if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) odd = !odd;
    }
  }
  return odd;
}

/** The ids of a layer's outlines nearest to bounds, at most `count`. */
export function nearest(layer, [west, south, east, north], count, except) {
  const distances = new Map();
  for (const key of last.get(layer) ?? []) {
    for (const { id, box } of squares.get(key)?.outlines ?? []) {
      if (id === except) continue;
      const dx = Math.max(box[0] - east, west - box[2], 0), dy = Math.max(box[1] - north, south - box[3], 0);
      distances.set(id, Math.hypot(dx, dy));
    }
  }
  return [...distances].sort((a, b) => a[1] - b[1]).slice(0, count);
}
