// The keyboard: every act has a key, a held key acts once, and keys of the map never reach what is being typed.
import { state, $, element, labelling, blindList } from "./state.js";
import { view, pan, zoom, fit } from "./view.js";
import { decide, undo } from "./deciding.js";
import { step } from "./items.js";
import { chooseAttribute } from "./panel.js";
import { toggleGrid } from "./list.js";
import { cycle, toggleSwipe, setFlicker } from "./layers.js";
import { draw } from "./map.js";
import { openPanel, closePanel } from "./drawer.js";
import { edit, toggleEdit, saveEdit, leave, undoStep, chooseVertex, nudge, insertVertex, removeVertex, removeRing, split, merge, simplify, smooth, fillHoles, snap, drawNew } from "./editing.js";
import { draft, addAtCross, removeLast, moveCross, end_, drop } from "./drawing.js";
import { labelKeys } from "./labelling.js";
import { drawn, anyDrawn, stepDrawn, mendDrawn, deleteDrawn, releaseDrawn } from "./drawn.js";
import { drawAnswer, unsure } from "./sample.js";
import { say, calm } from "./speech.js";
import { currentItem } from "./state.js";

const focus = (id) => () => { openPanel("list"); $(id).focus(); };

/** Shows all of the current one. */
export function fitCurrent() {
  const item = currentItem();
  if (item) fit(item.bounds);
  else if (state.plane) fit(state.plane.bounds, 0.95);
}

// key -> [act, words]; those marked `again` may be held.
const LOOK = new Map([
  ["a", [() => decide("accepted"), "accept, go on to the next pending one"]],
  ["r", [() => decide("rejected"), "reject, go on"]],
  ["p", [() => decide("pending"), "pending again: take this decision back"]],
  ["u", [undo, "undo the last act, also of an earlier session"]],
  ["e", [toggleEdit, "mend the outline"]],
  ["n", [drawNew, "draw a new landform"]],
  [" ", [() => step(1), "next (also ↓ and Page Down); with Shift the previous (↑, Page Up)"]],
  ["1", [() => chooseAttribute(0), "upslope connection; a digit chooses the word"]],
  ["2", [() => chooseAttribute(1), "activity"]],
  ["3", [() => chooseAttribute(2), "kinematics"]],
  ["4", [() => chooseAttribute(3), "extended or restricted outline"]],
  ["m", [() => $("remark").focus(), "write a remark; Escape or Ctrl Enter comes back to the map"]],
]);
const ANSWER = new Map([
  ["a", [() => decide(blindList().kind === "places" ? "yes" : "done"), "yes, there is one at the cross; of a square: all are outlined"]],
  ["r", [() => (blindList().kind === "places" ? decide("no") : say("A square is done, or cannot be judged: a or v.")), "no, there is none at the cross"]],
  ["v", [() => decide("cannot_say"), "cannot say: the imagery does not show it"]],
  ["p", [() => decide("pending"), "not yet: take the answer back"]],
  ["u", [undo, "undo the last act in this list, also of an earlier session"]],
  ["n", [drawAnswer, "outline a landform in the square"]],
  ["q", [unsure, "the chosen landform: not sure, or sure again"]],
  [" ", LOOK.get(" ")],
  ["m", LOOK.get("m")],
]);
const DRAWN = new Map([
  ["[", [() => stepDrawn(-1), "choose the one before, of those in sight (also a click)", "again"]],
  ["]", [() => stepDrawn(1), "choose the one after", "again"]],
  ["e", [mendDrawn, "mend the chosen one"]],
  ["Delete", [deleteDrawn, "delete the chosen one; u brings it back"]],
  ["Escape", [releaseDrawn, "let it go"]],
]);
const SEE = new Map([
  ["+", [() => zoom(1.4), "zoom in (also the wheel, two fingers)", "again"]],
  ["-", [() => zoom(1 / 1.4), "zoom out", "again"]],
  ["0", [fitCurrent, "fit this one; the scale stays from one to the next"]],
  ["h", [() => { state.hidden = !state.hidden; draw(); }, "hide and show all outlines"]],
  ["c", [() => setFlicker(true), "while held: the picture to compare with"]],
  ["s", [toggleSwipe, "swipe between two pictures"]],
  [",", [() => cycle(-1), "the picture before"]],
  [".", [() => cycle(1), "the picture after"]],
  ["l", [() => openPanel("list", true), "the list"]],
  ["g", [() => { openPanel("list"); toggleGrid(); }, "thumbnails or rows"]],
  ["y", [() => openPanel("layers", true), "the layers"]],
  ["x", [() => openPanel("conflicts", true), "the conflicts"]],
  ["w", [() => openPanel("run", true), "run and status of the workflow"]],
  ["/", [focus("search"), "search by id or remark"]],
  ["?", [help, "this help"]],
]);
const EDIT = new Map([
  ["[", [() => chooseVertex(-1), "the vertex before", "again"]],
  ["]", [() => chooseVertex(1), "the vertex behind; arrow keys move it (Shift: far)", "again"]],
  ["i", [insertVertex, "insert a vertex behind it"]],
  ["Delete", [() => removeVertex(), "delete it (also Shift-click)"]],
  ["d", [removeRing, "delete its ring: a hole, or the whole part"]],
  ["k", [split, "cut along a line"]],
  ["j", [merge, "merge with a neighbour"]],
  ["f", [fillHoles, "fill the holes"]],
  ["t", [simplify, "simplify: fewer vertices"]],
  ["o", [smooth, "smooth the stairs of the pixels"]],
  ["b", [snap, "snap to the neighbours' lines"]],
  ["u", [undoStep, "take the last step back"]],
  ["Enter", [saveEdit, "save"]],
  ["Escape", [leave, "leave"]],
]);
const DRAW = new Map([
  [" ", [addAtCross, "add a point at the cross; arrow keys move the map (Shift: far)"]],
  ["Backspace", [removeLast, "take the last point back", "again"]],
  ["Enter", [end_, "finish (also a double click, or a click on the first point)"]],
  ["Escape", [drop, "drop it"]],
]);
const SAME = { "=": "+", _: "-", PageDown: " ", Delete: "Delete", Backspace: "Delete" };
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function arrow([dx, dy], shift) {
  if (draft.on) return moveCross(dx * (shift ? 80 : 12), dy * (shift ? 80 : 12));
  if (edit.on) return nudge(dx * (shift ? 12 : 2), dy * (shift ? 12 : 2));
  if (shift || dx) return pan(-dx * 0.2 * view.width, -dy * 0.2 * view.height);
  step(dy);
}

function actOf(event) {
  const { key, shiftKey } = event;
  if (ARROWS[key]) return [() => arrow(ARROWS[key], shiftKey), "", draft.on || edit.on || shiftKey || key === "ArrowLeft" || key === "ArrowRight" ? "again" : ""];
  if (draft.on) return DRAW.get(key) ?? SEE.get(key);
  if (edit.on) return EDIT.get(key) ?? EDIT.get(SAME[key]) ?? SEE.get(key) ?? SEE.get(SAME[key]);
  if ((key === " " && shiftKey) || key === "PageUp") return [() => step(-1)];
  if (drawnKey(key)) return DRAWN.get(key) ?? DRAWN.get(SAME[key]);
  if (blindList()) return ANSWER.get(key) ?? ANSWER.get(SAME[key]) ?? SEE.get(key) ?? SEE.get(SAME[key]);
  if (labelling()) return labelKeys().get(key) ?? SEE.get(key) ?? SEE.get(SAME[key]);
  return LOOK.get(key) ?? LOOK.get(SAME[key]) ?? SEE.get(key) ?? SEE.get(SAME[key]);
}

// What was drawn by hand has its keys where there is some; Escape, and in a list of detections e, only while one is chosen.
function drawnKey(key) {
  if (!DRAWN.has(key) && !DRAWN.has(SAME[key])) return false;
  if (drawn.id !== null) return true;
  return key === "[" || key === "]" ? anyDrawn() : key !== "Escape" && Boolean(blindList()?.draws);
}

const TYPED = "input:not([type=checkbox]):not([type=range]), textarea, select";

function escape(typed) {
  if (typed || document.activeElement !== $("canvas")) { closePanel(true); $("canvas").focus(); }
  else if (!closePanel(true)) calm();
}

document.addEventListener("keydown", (event) => {
  const { key, target } = event, typed = target.closest(TYPED), pressed = target.closest("button, summary, [role=tab], [role=slider], input, a");
  if (document.querySelector("dialog[open]")) return;
  if (typed && (key === "Escape" || (key === "Enter" && (event.ctrlKey || target.matches("#reviewer"))))) { target.blur(); return escape(true); }
  if (typed || event.altKey || event.metaKey || (event.ctrlKey && key !== "z")) return;
  if (event.ctrlKey) return void (event.preventDefault(), event.repeat || (edit.on ? undoStep() : undo()));
  if (pressed && (key === " " || key === "Enter")) return void (event.repeat && event.preventDefault());
  if (pressed && ARROWS[key]) return;
  const found = actOf(event);
  if (!found) return key === "Escape" ? escape(false) : undefined;
  event.preventDefault();
  if (event.repeat && found[2] !== "again") return;
  found[0]();
});

document.addEventListener("keyup", (event) => { if (event.key === "c") setFlicker(false); });
window.addEventListener("blur", () => setFlicker(false));
// After a click with the pointer the keys belong to the map again: Space must not press the same button a second time.
document.addEventListener("click", (event) => {
  if (event.detail && event.target.closest("button") && !document.querySelector("dialog[open]")) $("canvas").focus({ preventScroll: true });
});

// Whoever chose from a list with the pointer goes on with the keys of the map, which must not change the list.
let pointed = null;
document.addEventListener("pointerdown", (event) => { pointed = event.target.closest("select"); });
document.addEventListener("change", (event) => { if (event.target === pointed) $("canvas").focus({ preventScroll: true }); });

const shown = { " ": "Space", Delete: "Del", Escape: "Esc", Backspace: "⌫" };

function table(title, keys) {
  const rows = [...keys].map(([key, [, text]]) => element("tr", {}, element("td", {}, element("kbd", {}, shown[key] ?? key)), element("td", {}, text)));
  return element("section", {}, element("h3", {}, title), element("table", {}, element("tbody", {}, ...rows)));
}

/** All keys, as one object a table; the documentation's table is made of it. */
export const KEYS = { "Decide": LOOK, "Answer to the sample": ANSWER, "What was drawn by hand": DRAWN, "Look": SEE, "Mend an outline": EDIT, "Draw": DRAW };

function help() {
  const close = element("button", { onclick: () => $("help").close(), autofocus: true }, "Close");
  const intro = "Every decision is saved on this machine the moment it is made, with your name and the time; u takes the last one back, also days later. Each state has a colour, a dash and a shape.";
  const tables = labelling() ? [table("Draw labels", labelKeys()), table("What was drawn by hand", DRAWN), table("Look", SEE), table("Mend an outline", EDIT), table("Draw", DRAW)] : Object.entries(KEYS).map(([title, keys]) => table(title, keys));
  $("help").replaceChildren(element("header", {}, element("h2", { id: "help-title" }, "Keys"), close), element("p", {}, intro), element("div", { className: "tables" }, ...tables));
  $("help").showModal();
}
$("ask").addEventListener("click", help);
$("help").addEventListener("click", (event) => { if (event.target === $("help")) $("help").close(); });
$("help").addEventListener("close", () => $("canvas").focus());
$("zoom-in").addEventListener("click", () => zoom(1.4));
$("zoom-out").addEventListener("click", () => zoom(1 / 1.4));
$("zoom-fit").addEventListener("click", fitCurrent);
