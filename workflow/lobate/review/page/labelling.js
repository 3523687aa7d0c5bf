// Drawing labels where no detection is: landforms, ground that only looks like one, and completely mapped areas.
import { $, state, on, element, hectares, labelling } from "./state.js";
import { get, post, Lost } from "./server.js";
import { begin } from "./drawing.js";
import { closed, areaOf } from "./geometry.js";
import { forgetOutlines } from "./outlines.js";
import { reviewer, undo } from "./deciding.js";
import { drawn, mendDrawn, deleteDrawn } from "./drawn.js";
import { fit } from "./view.js";
import { say, warn } from "./speech.js";
import { layerStyle, swatch } from "./symbols.js";

const LAYERS = {
  positives: { key: "n", title: "Landform", text: "the outline of one landform" },
  negatives: { key: "o", title: "Not one", text: "ground that looks like a landform and is none" },
  complete: { key: "m", title: "All mapped", text: "an area in which every landform is drawn: what is not drawn there is background" },
};
let counts = {};

/** The keys of labelling: key -> [act, words]. */
export const labelKeys = () => new Map([
  ...Object.entries(LAYERS).map(([layer, { key, text }]) => [key, [() => drawLabel(layer), `draw ${text}`]]),
  ["u", [undo, "undo the last act"]],
  ["0", [() => fit(state.plane.bounds, 0.95), "the whole plane"]],
]);

/** Draws one outline into a layer of the labels. */
export function drawLabel(layer) {
  begin(LAYERS[layer].title, true, async (points) => {
    const name = reviewer(), outline = closed([[points]]);
    if (!name) return;
    try {
      await post("api/draw", { layer, plane: state.plane.id, outline, id: null, reviewer: name, remark: "" });
      say(`${LAYERS[layer].title} of ${hectares(areaOf([[points]]))} is saved.`);
    } catch (error) {
      warn(`The outline is not saved: ${error.message}${error instanceof Lost ? " It is still here." : ""}`, ["Draw it again", () => resume(layer, points)]);
    }
    refresh();
  });
}

function resume(layer, points) {
  drawLabel(layer);
  import("./drawing.js").then(({ draft }) => { draft.points.push(...points); });
}

async function refresh() {
  for (const layer of Object.keys(LAYERS)) forgetOutlines(`drawn_${layer}`);
  const lists = await get("api/session").catch(() => null);
  counts = Object.fromEntries((lists?.lists ?? []).map((one) => [one.id, one.count]));
  render();
}

function render() {
  const buttons = Object.entries(LAYERS).map(([layer, { key, title, text }]) =>
    element("button", { className: "label", onclick: () => drawLabel(layer) }, element("kbd", {}, key), swatch(layerStyle(`drawn_${layer}`)),
      element("span", {}, element("strong", {}, title), counts[layer] === undefined ? "" : ` (${counts[layer]})`, element("br"), text)));
  $("labelling").replaceChildren(
    element("h2", {}, "Draw labels"),
    element("p", {}, `Outline each ${state.session.landform ?? "landform"} you see on the images. Each outline is saved at once.`),
    ...buttons,
    element("p", { className: "hint" }, "Choose one that is drawn by a click, or with ", element("kbd", {}, "["), " and ", element("kbd", {}, "]"), ", to mend or delete it."),
    element("div", { className: "buttons" },
      element("button", { onclick: mendDrawn, disabled: !drawn.id }, element("kbd", {}, "e"), " Mend"),
      element("button", { onclick: deleteDrawn, disabled: !drawn.id }, element("kbd", {}, "Del"), " Delete"),
      element("button", { onclick: undo }, element("kbd", {}, "u"), " Undo")),
  );
}

on("session", () => {
  if (state.session.mode !== "labels") return;
  counts = Object.fromEntries(state.session.lists.map((one) => [one.id, one.count]));
  render();
});
on("drawn", () => { if (labelling()) render(); });
// Somebody drew or undid: what is drawn is fetched anew.
on("event", ({ changed }) => { if (labelling() && changed?.length) refresh(); });
