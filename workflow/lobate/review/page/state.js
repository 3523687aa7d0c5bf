// What the page knows, and who wants to hear when it changes.

export const state = {
  session: null,
  plane: null, // {id, crs, base, origin, bounds}
  list: "detections",
  items: new Map(), // id -> item of the list that is shown
  order: [], // all its ids, sorted
  shown: [], // those that pass the filters
  current: null, // id
  detail: null, // the whole outline and what others say, of the current one
  ready: false, // the first list has come
  painted: null, // id of the one that stands wholly on the screen
  mode: "look", // look, edit, draw
  hidden: false, // outlines are hidden
  waiting: 0,
  touched: null, // the layer drawn by hand of the last act, which undo takes back first; null after any other act
};

const listeners = new Map();

/** Calls `act` whenever `what` happens. */
export function on(what, act) {
  if (!listeners.has(what)) listeners.set(what, []);
  listeners.get(what).push(act);
}

/** Says that `what` happened. */
export function emit(what, ...details) {
  for (const act of listeners.get(what) ?? []) act(...details);
}

export const $ = (id) => document.getElementById(id);
export const currentItem = () => state.items.get(state.current) ?? null;
export const listOf = (id) => state.session.lists.find((one) => one.id === id);
/** The list of the sample that is open, which is answered without sight of the map; null in every other list. */
export const blindList = () => { const list = state.session && listOf(state.list); return list?.blind ? list : null; };
export const labelling = () => state.session?.mode === "labels";

/** Builds an element; `parts` are elements or texts, texts never become markup. */
export function element(name, properties = {}, ...parts) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes("-") || key === "role" || key === "for") made.setAttribute(key, value);
    else if (key === "onclick" || key === "oninput" || key === "onchange") made.addEventListener(key.slice(2), value);
    else made[key] = value;
  }
  made.append(...parts.filter((part) => part !== null && part !== undefined));
  return made;
}

export const words = (text) => String(text).replaceAll("_", " ");
export const hectares = (area) => (area >= 1e6 ? `${(area / 1e6).toFixed(2)} km²` : area >= 500 ? `${(area / 1e6).toFixed(3)} km²` : `${Math.round(area)} m²`);
