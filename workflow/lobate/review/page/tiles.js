// The pictures: tiles of 256 pixels, loaded in the order in which they are wanted, kept for a while.
import { getBlob, address } from "./server.js";
import { state, emit } from "./state.js";
import { view, toScreen, extent, level } from "./view.js";

const SIDE = 256, AT_ONCE = 5, KEPT = 360, ANCESTORS = 5;
const tiles = new Map(); // address -> {bitmap, wanted, loading}
let queue = [], running = 0;

// Images are asked for in their own pixels at the finest and magnified here; what is computed (relief, maps) comes finer.
const OWN_PIXELS = new Set(["image", "dates"]);
const zoomOf = (layer) => level(layer.lowest_zoom ?? (OWN_PIXELS.has(layer.group) ? 0 : -3));

const span = (z) => SIDE * state.plane.base * 2 ** z;

function path(layer, z, x, y) {
  const [low, high] = layer.contrast ?? [], query = { low: layer.low === low ? null : layer.low, high: layer.high === high ? null : layer.high, stamp: layer.stamp };
  return address(`picture/${encodeURIComponent(layer.id)}/${encodeURIComponent(state.plane.id)}/${z}/${x}/${y}.png`, query);
}

/** Columns and rows of the tiles that bounds touch, within the plane. */
function range([west, south, east, north], z) {
  const [left, top] = state.plane.origin, size = span(z), [w, s, e, n] = state.plane.bounds;
  const column = (x) => Math.floor((x - left) / size), row = (y) => Math.floor((top - y) / size), edge = 1e-6 * size;
  return {
    left: column(Math.max(west, w)), right: column(Math.min(east, e - edge)),
    top: row(Math.min(north, n)), bottom: row(Math.max(south, s + edge)),
  };
}

function* each(bounds, z) {
  const { left, right, top, bottom } = range(bounds, z);
  for (let y = top; y <= bottom; y++) for (let x = left; x <= right; x++) yield [x, y];
}

function touch(key) {
  const tile = tiles.get(key);
  if (tile) { tiles.delete(key); tiles.set(key, tile); }
  return tile;
}

function want(key, first) {
  if (touch(key)) return;
  tiles.set(key, { bitmap: null, done: false });
  first ? queue.unshift(key) : queue.push(key);
  pump();
}

function pump() {
  while (running < AT_ONCE && queue.length) load(queue.shift());
}

async function load(key) {
  const tile = tiles.get(key);
  if (!tile || tile.done) return;
  running++;
  try {
    tile.bitmap = await createImageBitmap(await getBlob(key));
  } catch (error) {
    tile.failed = error.message;
  }
  tile.done = true;
  running--;
  forget();
  emit("tile");
  pump();
}

function forget() {
  for (const [key, tile] of tiles) {
    if (tiles.size <= KEPT) return;
    if (!tile.done) continue;
    tile.bitmap?.close();
    tiles.delete(key);
  }
}

/** Drops what is asked for and not yet begun: the view has moved on. */
export function forgetQueue() {
  for (const key of queue) tiles.delete(key);
  queue = [];
}

/** Drops pictures that failed, to try them again. */
export function retryFailed() {
  for (const [key, tile] of tiles) if (tile.failed) tiles.delete(key);
}

/** Asks for the pictures of a view that will come next. */
export function prefetch(layers, x, y) {
  for (const layer of layers) {
    const z = zoomOf(layer);
    for (const [column, row] of each(extent(x, y), z)) want(path(layer, z, column, row), false);
  }
}

/** Asks for the pictures of this view; returns whether all have come (or failed for good). */
export function request(layers) {
  let all = true;
  const missing = [];
  for (const layer of layers) {
    const z = zoomOf(layer);
    for (const [x, y] of each(extent(), z)) {
      const key = path(layer, z, x, y), tile = touch(key);
      if (!tile) missing.push(key);
      if (!tile?.done) all = false;
    }
  }
  missing.reverse().forEach((key) => want(key, true));
  const waiting = queue.filter((key) => !tiles.get(key)?.done);
  queue = waiting;
  return all;
}

/** The words of the first failed picture in view, or null. */
export function failure(layers) {
  for (const layer of layers) {
    const z = zoomOf(layer);
    for (const [x, y] of each(extent(), z)) {
      const failed = tiles.get(path(layer, z, x, y))?.failed;
      if (failed) return failed;
    }
  }
  return null;
}

/** Paints one layer; what has not come yet is shown coarser, from tiles further up. */
export function paintPictures(pen, layer, opacity) {
  const z = zoomOf(layer), size = span(z), [left, top] = state.plane.origin;
  pen.globalAlpha = opacity;
  pen.imageSmoothingEnabled = size / SIDE / view.res < 1.5; // magnified pixels stay pixels
  for (const [x, y] of each(extent(), z)) {
    const [x0, y0] = toScreen(left + x * size, top - y * size), [x1, y1] = toScreen(left + (x + 1) * size, top - (y + 1) * size);
    const place = sharp(x0, y0, x1, y1);
    const tile = tiles.get(path(layer, z, x, y));
    if (tile?.bitmap) pen.drawImage(tile.bitmap, ...place);
    else if (!tile?.failed) coarser(pen, layer, z, x, y, place);
  }
  pen.globalAlpha = 1;
}

function sharp(x0, y0, x1, y1) {
  const density = window.devicePixelRatio || 1, round = (value) => Math.round(value * density) / density;
  return [round(x0), round(y0), round(x1) - round(x0), round(y1) - round(y0)];
}

function coarser(pen, layer, z, x, y, place) {
  for (let up = 1; up <= ANCESTORS; up++) {
    const share = 2 ** up, tile = tiles.get(path(layer, z + up, Math.floor(x / share), Math.floor(y / share)));
    if (!tile?.bitmap) continue;
    const part = SIDE / share, mod = (value) => ((value % share) + share) % share;
    return pen.drawImage(tile.bitmap, mod(x) * part, mod(y) * part, part, part, ...place);
  }
}

export const loaded = () => [...tiles.values()].filter((tile) => tile.bitmap).length;
export const metresPerPixel = () => view.res;
