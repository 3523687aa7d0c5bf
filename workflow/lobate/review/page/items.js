// The list that is reviewed: fetched, filtered, sorted; and which of it is the current one.
import { state, emit, on, listOf, blindList } from "./state.js";
import { get, connection } from "./server.js";
import { view, centre, usualScale } from "./view.js";
import { say, warn } from "./speech.js";

export const filters = { status: "", tile: "", search: "", min_confidence: "", max_confidence: "", min_area: "", max_area: "", sort: "uncertainty" };
export const ORDERS = { uncertainty: "least certain first", confidence: "most confident first", "-confidence": "least confident first", area: "largest first", "-area": "smallest first", id: "id", tile: "tile" };

const KEPT = 24;
const details = new Map(); // list/id -> promise of the whole
let scaled = null; // the kind of list for which the scale was chosen

/** Fetches a list and shows its first pending one. */
export async function openList(id, keep = null) {
  try {
    const { items } = await get(`api/lists/${encodeURIComponent(id)}`);
    const another = state.list !== id;
    state.list = id;
    state.items = new Map(items.map((one) => [one.id, one]));
    details.clear();
    state.detail = null; // of the list before
    state.ready = true;
    emit("fetched");
    sort();
    emit("list");
    const first = state.shown.find((one) => state.items.get(one).status === "pending") ?? state.shown[0] ?? null;
    go(state.items.has(keep) && !another ? keep : first);
    if (another) say(`${listOf(id)?.title ?? id}: ${items.length}.`);
  } catch (error) {
    warn(`The list ${id} does not come: ${error.message}`, ["Try again", () => openList(id, keep)]);
  }
}

const value = {
  uncertainty: (one) => -(one.uncertainty ?? -Infinity), confidence: (one) => -(one.confidence ?? 0), "-confidence": (one) => one.confidence ?? 0,
  area: (one) => -(one.area_m2 ?? 0), "-area": (one) => one.area_m2 ?? 0, id: (one) => one.id, tile: (one) => one.tile ?? "",
};

/** Sorts anew; done when a list comes or the order changes, never while a person decides. */
export function sort() {
  if (blindList()) {
    state.order = [...state.items.keys()]; // the random order of the sample
    return filter();
  }
  const unsure = [...state.items.values()].some((one) => typeof one.uncertainty === "number");
  const key = value[filters.sort === "uncertainty" && !unsure ? "-confidence" : filters.sort], keyed = [...state.items.values()].map((one) => [key(one), one.id]);
  keyed.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : a[1] < b[1] ? -1 : 1));
  state.order = keyed.map(([, id]) => id);
  filter();
}

/** Takes the filters anew. The one that is looked at stays until the person goes on. */
export function filter() {
  const text = filters.search.trim().toLowerCase(), number = (name) => (filters[name] === "" ? null : Number(filters[name]));
  const [minC, maxC, minA, maxA] = ["min_confidence", "max_confidence", "min_area", "max_area"].map(number);
  const fits = (one) =>
    (!filters.status || one.status === filters.status) &&
    (blindList() || passes(one, minC, maxC, minA, maxA)) &&
    (!filters.tile || one.tile === filters.tile) &&
    (!text || one.id.toLowerCase().includes(text) || (one.remark ?? "").toLowerCase().includes(text));
  state.shown = state.order.filter((id) => fits(state.items.get(id)));
  emit("items");
}

const passes = (one, minC, maxC, minA, maxA) =>
  (minC === null || one.confidence >= minC) && (maxC === null || one.confidence <= maxC) &&
  (minA === null || one.area_m2 >= minA * 1e6) && (maxA === null || one.area_m2 <= maxA * 1e6);

/** Makes another one current and moves the map to it; the scale stays. */
export function go(id) {
  const item = state.items.get(id) ?? null;
  if (state.mode !== "look" && state.current !== null && id !== state.current) return say("Save or leave the outline first: Enter saves, Escape leaves.");
  state.current = item?.id ?? null;
  state.detail = null;
  emit("current");
  if (!item) return;
  if (item.plane !== state.plane.id) {
    state.plane = state.session.planes.find((one) => one.id === item.plane);
    emit("plane");
  }
  const kind = listOf(state.list)?.kind ?? "";
  if (scaled !== kind && view.width > 1) { usualScale([...state.items.values()], kind === "squares" ? 0.85 : 0.45); scaled = kind; }
  centre(...item.centre);
  wholeOf(id).then(
    (detail) => { if (state.current === id) { state.detail = detail; emit("detail"); } },
    (error) => { if (state.current === id && !connection.lost) warn(`${id}: ${error.message}`, ["Try again", () => go(id)]); },
  );
}

/** The whole of one: its outline and what others say. */
export function wholeOf(id) {
  const key = `${state.list}/${id}`;
  if (!details.has(key)) {
    const promise = get(`api/item/${encodeURIComponent(state.list)}/${encodeURIComponent(id)}`);
    details.set(key, promise);
    promise.catch(() => details.delete(key));
    while (details.size > KEPT) details.delete(details.keys().next().value);
  }
  return details.get(key);
}

export const forgetWhole = (id) => details.delete(`${state.list}/${id}`);

/** One on (1) or back (-1) in the list as it is filtered. */
export function step(way) {
  const list = state.shown, at = list.indexOf(state.current);
  const next = at >= 0 ? list[at + way] : nearby(way);
  if (next === undefined) return say(way > 0 ? "This is the last one." : "This is the first one.");
  go(next);
}

// The current one no longer passes the filter: go on from where it stood.
function nearby(way) {
  const at = state.order.indexOf(state.current), shown = new Set(state.shown);
  for (let i = at + way; i >= 0 && i < state.order.length; i += way) if (shown.has(state.order[i])) return state.order[i];
  return undefined;
}

/** The next pending one after the current, else the first pending one; null when all are decided. */
export function nextPending() {
  const at = state.order.indexOf(state.current), shown = new Set(state.shown);
  const open = (id) => shown.has(id) && state.items.get(id).status === "pending" && id !== state.current;
  return state.order.slice(at + 1).find(open) ?? state.order.slice(0, Math.max(0, at)).find(open) ?? null;
}

/** Puts an item as the server has it now; new ones come into the order after the current. */
export function put(item) {
  const known = state.items.has(item.id);
  state.items.set(item.id, item);
  if (!known) {
    const at = state.order.indexOf(state.current);
    state.order.splice(at < 0 ? state.order.length : at + 1, 0, item.id);
  }
  filter();
}

on("ahead", wholeOf);
export const decided = () => [...state.items.values()].filter((one) => one.status !== "pending").length;
