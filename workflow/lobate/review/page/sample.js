// The sample of the map: places and squares that are answered without sight of the map, and landforms outlined in squares.
import { on, blindList, currentItem, hectares } from "./state.js";
import { begin } from "./drawing.js";
import { closed, areaOf } from "./geometry.js";
import { drawn, send } from "./drawn.js";
import { give } from "./panel.js";
import { put } from "./items.js";
import { get } from "./server.js";
import { say } from "./speech.js";
import { outlinesNamed } from "./outlines.js";

/** Outlines a landform in the square. */
export function drawAnswer() {
  const list = blindList(), square = currentItem();
  if (!list?.draws || !square) return say("Landforms are outlined in the squares of the sample.");
  begin(`Landform in ${square.id}`, true, (points) => keep(list, square, points));
}

async function keep(list, square, points) {
  const done = await send({ layer: list.draws, id: null, outline: closed([[points]]) }, `A landform of ${hectares(areaOf([[points]]))} is saved.`, { unit: square.id });
  if (done) return;
  drawAnswer(); // what was drawn is not lost
  const { draft } = await import("./drawing.js");
  draft.points.push(...points);
}

/** Says of the chosen landform that the person is not sure, or sure again. */
export function unsure() {
  if (!drawn.outline) return say("Choose a landform first: a click on it, or [ and ].");
  const { layer, id, outline } = drawn, sure = outlinesNamed(layer, id)?.words === "not sure";
  send({ layer, id, outline }, sure ? "Sure of it." : "Not sure of it: it is counted both ways.", { sure });
}

on("was-drawn", ({ item }) => { if (item && blindList()) put(item); });
give("outline", drawAnswer);
