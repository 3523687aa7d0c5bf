// The view: which point of the plane stands in the middle, and how many metres a pixel is.
import { state, emit } from "./state.js";

export const view = { x: 0, y: 0, res: 2.5, width: 1, height: 1 };

export const toScreen = (x, y) => [(x - view.x) / view.res + view.width / 2, (view.y - y) / view.res + view.height / 2];
export const toPlane = (sx, sy) => [view.x + (sx - view.width / 2) * view.res, view.y - (sy - view.height / 2) * view.res];

/** West, south, east, north of what is seen from `x`, `y`. */
export function extent(x = view.x, y = view.y, margin = 0) {
  const across = (view.width / 2 + margin) * view.res, up = (view.height / 2 + margin) * view.res;
  return [x - across, y - up, x + across, y + up];
}

export function centre(x, y) {
  view.x = x;
  view.y = y;
  emit("view");
}

export function pan(dx, dy) {
  centre(view.x - dx * view.res, view.y + dy * view.res);
}

const finest = () => state.plane.base / 24;
function coarsest() {
  const [west, south, east, north] = state.plane.bounds;
  return (2 * Math.max(east - west, north - south)) / Math.max(200, Math.min(view.width, view.height));
}

/** Zooms by `factor` (above 1: nearer) and keeps the place under the screen's point. */
export function zoom(factor, sx = view.width / 2, sy = view.height / 2) {
  const [x, y] = toPlane(sx, sy);
  view.res = Math.min(Math.max(view.res / factor, finest()), Math.max(coarsest(), finest()));
  view.x = x - (sx - view.width / 2) * view.res;
  view.y = y + (sy - view.height / 2) * view.res;
  emit("view");
}

/** Shows bounds (west, south, east, north) so that they fill `share` of the view. */
export function fit([west, south, east, north], share = 0.6) {
  const need = Math.max((east - west) / view.width, (north - south) / view.height) / share;
  view.res = Math.min(Math.max(need, finest()), Math.max(coarsest(), finest()));
  centre((west + east) / 2, (south + north) / 2);
}

/** The scale with which a review begins: a usual one takes this share of the view; it stays from one to the next. */
export function usualScale(items, share) {
  const sizes = items.map(({ bounds: [west, south, east, north] }) => Math.max(east - west, north - south)).sort((a, b) => a - b);
  const usual = sizes[Math.floor(sizes.length * 0.75)] || 40 * state.plane.base;
  view.res = Math.max(finest(), usual / (share * Math.min(view.width, view.height)));
}

/** The level of detail: 0 for pixels of the plane's own size, 1 for twice as large ones, and so on. */
export function level(lowest = -3, density = window.devicePixelRatio || 1) {
  const wanted = Math.round(Math.log2(view.res / density / state.plane.base));
  return Math.min(Math.max(lowest, wanted), state.plane.highest_zoom ?? Infinity);
}
