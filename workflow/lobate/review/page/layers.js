// The panel of layers: which picture, what it is compared with, what lies over it, which outlines.
import { $, state, emit, on, element, blindList } from "./state.js";
import { layerStyle, statusStyle, swatch, STATUS, glyph } from "./symbols.js";
import { say } from "./speech.js";

const OVER = new Set(["terrain", "map", "motion", "overlay"]);
let all = []; // pictures and outlines of the session, each with what the person set
let base = null, other = null, flicker = false;
export const swipe = { on: false, at: 0.5 };

// In a list of the sample nothing may be seen of the map: no outline but those of this list, no probability, not even by choice.
const allowed = (layer) => (layer.lists ? layer.lists.includes(state.list) : !blindList() || (layer.kind === "picture" && !layer.reveals));
const here = (layer) => (!layer.planes || layer.planes.includes(state.plane?.id)) && allowed(layer);
const pictureLayers = () => all.filter((one) => one.kind === "picture" && here(one));

/** The pictures that are painted: left and right of the swipe, and what lies over both. */
export function pictures() {
  const [first, second] = flicker ? [other, base] : [base, other];
  const overlays = pictureLayers().filter((one) => one.over && one !== first);
  return { left: first ? [first] : [], right: second ? [second] : [], overlays };
}

/** The layers of outlines that are switched on. */
export const outlineLayers = () => all.filter((one) => one.kind === "outlines" && one.visible && here(one));

on("session", () => {
  const before = new Map(all.map((one) => [one.id, one]));
  all = state.session.layers.map((one) => ({ opacity: 1, visible: !["uncertain", "candidates", "removed"].includes(one.id), over: false, low: one.contrast?.[0], high: one.contrast?.[1], ...before.get(one.id), ...one }));
  base = all.find((one) => one.id === base?.id) ?? null;
  other = all.find((one) => one.id === other?.id) ?? null;
  all.filter((one) => one.kind === "picture" && !before.has(one.id)).forEach((one) => { one.opacity = OVER.has(one.group) ? 0.5 : 1; });
  choose();
});
on("plane", choose);
on("list", () => { if (other && !here(other)) swipe.on = false; choose(); });

// Keeps the picture of the same title on another plane, if it has one.
function choose() {
  const list = pictureLayers();
  base = list.includes(base) ? base : list.find((one) => one.title === base?.title) ?? list[0] ?? null;
  if (other && !list.includes(other)) other = list.find((one) => one.title === other.title) ?? null;
  render();
  captions();
  emit("layers");
}

/** Shows the picture before (-1) or after (1) this one. */
export function cycle(way) {
  const list = pictureLayers(), at = list.indexOf(base);
  if (list.length < 2) return say("There is one picture only.");
  setBase(list[(at + way + list.length) % list.length]);
  say(`Picture: ${base.title}.`);
}

function setBase(layer) {
  if (other === layer) other = base;
  base = layer;
  choose();
}

/** Switches the swipe; without a second picture the next one is taken. */
export function toggleSwipe() {
  other ??= pictureLayers().find((one) => one !== base) ?? null;
  if (!other) return say("There is one picture only, nothing to compare with.");
  swipe.on = !swipe.on;
  say(swipe.on ? `Swipe: ${base.title} on the left, ${other.title} on the right.` : "Swipe is off.");
  choose();
}

/** While a key is held: the other picture. */
export function setFlicker(on) {
  if (flicker === on) return;
  other ??= pictureLayers().find((one) => one !== base) ?? null;
  if (!other) return;
  flicker = on;
  captions();
  emit("layers");
}

function captions() {
  const { left, right } = pictures();
  $("caption-left").textContent = left[0]?.title ?? "";
  $("caption-right").textContent = swipe.on ? right[0]?.title ?? "" : "";
  const painted = new Set([...left, ...(swipe.on ? right : [])].map((one) => one.attribution).filter(Boolean));
  $("attribution").textContent = [...painted].join("; ");
  const divider = $("divider");
  divider.hidden = !swipe.on;
  divider.style.left = `${swipe.at * 100}%`;
  divider.setAttribute("aria-valuenow", String(Math.round(swipe.at * 100)));
}

/** Moves the swipe to a share of the width. */
export function setSwipe(at) {
  swipe.at = Math.min(0.98, Math.max(0.02, at));
  captions();
  emit("layers");
}

// --- the panel

function grouped(list, chosen, none) {
  const groups = new Map();
  for (const one of list) {
    if (!groups.has(one.group ?? "")) groups.set(one.group ?? "", []);
    groups.get(one.group ?? "").push(new Option(one.title, one.id, false, one === chosen));
  }
  const parts = [...groups].flatMap(([name, options]) => (name ? [element("optgroup", { label: name }, ...options)] : options));
  return none ? [new Option(none, "", false, !chosen), ...parts] : parts;
}

const byId = (id) => all.find((one) => one.id === id) ?? null;

function slider(label, value, [low, high, step], act) {
  const shown = element("output", {}, String(value));
  const input = element("input", { type: "range", min: low, max: high, step, value, "aria-label": label, oninput: () => { shown.textContent = input.value; act(Number(input.value)); } });
  return element("label", { className: "slider" }, element("span", {}, label), input, shown);
}

let later = null;
function contrast(layer) {
  if (!layer?.contrast) return [];
  const [low, high] = layer.limits ?? layer.contrast, range = [low, high, Number(((high - low) / 100).toPrecision(4))];
  const set = (name) => (value) => {
    layer[name] = value;
    clearTimeout(later);
    later = setTimeout(() => emit("layers"), 120);
  };
  const reset = () => { [layer.low, layer.high] = layer.contrast; render(); emit("layers"); };
  return [slider("Dark end", layer.low, range, set("low")), slider("Bright end", layer.high, range, set("high")), element("button", { className: "plain", onclick: reset }, "Contrast as it was")];
}

function render() {
  const list = pictureLayers();
  const picture = element("select", { id: "picture", onchange: () => setBase(byId(picture.value)) }, ...grouped(list, base));
  const compare = element("select", { id: "compare", onchange: () => { other = byId(compare.value); if (!other) swipe.on = false; choose(); } }, ...grouped(list.filter((one) => one !== base), other, "nothing"));
  const button = element("button", { id: "swipe", "aria-pressed": String(swipe.on), onclick: toggleSwipe }, "Swipe ", element("kbd", {}, "s"));
  const blind = blindList() ? [element("p", { className: "hint" }, "The sample is answered without sight of the map: its outlines and probabilities are not shown in this list.")] : [];
  const outlines = all.filter((one) => one.kind === "outlines" && here(one));
  const over = list.filter((one) => OVER.has(one.group) && one !== base);
  $("panel-layers").replaceChildren(...blind,
    element("h3", {}, "Picture"),
    element("label", {}, element("span", { className: "hidden" }, "Picture"), picture),
    ...contrast(base),
    ...(base?.attribution ? [element("p", { className: "hint" }, base.attribution)] : []),
    element("h3", {}, "Compare with"),
    element("div", { className: "line" }, element("label", { className: "grow" }, element("span", { className: "hidden" }, "Compare with"), compare), button),
    element("p", { className: "hint" }, "Hold ", element("kbd", {}, "c"), " to see the other picture; ", element("kbd", {}, ","), " ", element("kbd", {}, "."), " step through all."),
    ...(over.length ? [element("h3", {}, "Over the picture"), ...over.map(overRow)] : []),
    ...(outlines.length ? [element("h3", {}, "Outlines"), ...outlines.map(outlineRow)] : []),
  );
}

function overRow(layer) {
  const box = element("input", { type: "checkbox", checked: layer.over, onchange: () => { layer.over = box.checked; render(); emit("layers"); } });
  const row = element("label", { className: "check" }, box, element("span", {}, layer.title));
  return layer.over ? element("div", {}, row, slider("Opacity", layer.opacity, [0, 1, 0.05], (value) => { layer.opacity = value; emit("layers"); })) : row;
}

function outlineRow(layer) {
  const box = element("input", { type: "checkbox", checked: layer.visible, onchange: () => { layer.visible = box.checked; emit("layers"); } });
  const row = element("label", { className: "check" }, box, layer.id === "detections" ? null : swatch(layerStyle(layer.id)), element("span", {}, layer.title));
  if (layer.id !== "detections") return row;
  const legend = Object.keys(STATUS).map((status) => element("li", {}, swatch(statusStyle(status)), glyph(status), STATUS[status].words));
  return element("div", {}, row, element("ul", { className: "legend" }, ...legend));
}

// --- the divider

const divider = $("divider");
divider.addEventListener("pointerdown", (event) => {
  divider.setPointerCapture(event.pointerId);
  event.preventDefault();
});
divider.addEventListener("pointermove", (event) => {
  if (!divider.hasPointerCapture(event.pointerId)) return;
  const box = $("map").getBoundingClientRect();
  setSwipe((event.clientX - box.left) / box.width);
});
divider.addEventListener("keydown", (event) => {
  const way = { ArrowLeft: -0.02, ArrowRight: 0.02, Home: -1, End: 1 }[event.key];
  if (!way) return;
  event.preventDefault();
  event.stopPropagation();
  setSwipe(swipe.at + way);
});
