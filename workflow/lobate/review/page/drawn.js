// What was drawn by hand, outline by outline: one is chosen by a click or with [ and ], then mended or deleted; u brings it back.
import { state, on, emit, blindList } from "./state.js";
import { get, post, Lost } from "./server.js";
import { draw, paintOnTop, trace, stroke } from "./map.js";
import { outlineLayers } from "./layers.js";
import { outlinesAt, outlinesIn, forgetOutlines } from "./outlines.js";
import { mend } from "./editing.js";
import { opened, areaOf } from "./geometry.js";
import { hectares, words } from "./state.js";
import { reviewer } from "./deciding.js";
import { give } from "./panel.js";
import { extent, centre } from "./view.js";
import { say, warn } from "./speech.js";

export const drawn = { layer: null, id: null, outline: null };
let asked = 0;

const layers = () => outlineLayers().filter((one) => one.drawn).map((one) => one.id);
const inSight = () => layers().flatMap((layer) => outlinesIn(layer, extent()).map((one) => ({ layer, ...one })));

/** Whether anything drawn by hand is in sight. */
export const anyDrawn = () => inSight().length > 0;

/** Chooses the one under a point of the plane; returns whether there is one. */
export function pickDrawn(x, y) {
  const found = layers().flatMap((layer) => outlinesAt(layer, x, y).map((one) => ({ layer, ...one })));
  const at = found.findIndex((one) => one.layer === drawn.layer && one.id === drawn.id), next = found[(at + 1) % found.length];
  if (!next) return false;
  choose(next);
  return true;
}

/** Chooses the one after (1) or before (-1), of those in sight. */
export function stepDrawn(way) {
  const all = inSight(), at = all.findIndex((one) => one.layer === drawn.layer && one.id === drawn.id);
  if (!all.length) return say("Nothing drawn by hand is in sight.");
  choose(all[at < 0 ? (way > 0 ? 0 : all.length - 1) : (at + way + all.length) % all.length]);
}

async function choose({ layer, id, words: more }) {
  const ask = ++asked;
  Object.assign(drawn, { layer, id, outline: null });
  try {
    const { outline } = await get(`api/drawn/${encodeURIComponent(layer)}/${encodeURIComponent(id)}`, { plane: state.plane.id });
    if (ask !== asked) return;
    drawn.outline = outline;
    say(`${words(id)} is chosen, ${hectares(areaOf(opened(outline)))}${more && more !== id ? `, ${more.replace(`${id}: `, "")}` : ""}: e mends it, Delete deletes it, Escape lets it go.`);
  } catch (error) {
    if (ask === asked) releaseDrawn();
    say(error.message);
  }
  emit("drawn");
  draw();
}

/** Lets the chosen one go. */
export function releaseDrawn() {
  asked++;
  Object.assign(drawn, { layer: null, id: null, outline: null });
  emit("drawn");
  draw();
}

const chosen = () => (drawn.outline ? { ...drawn } : (say("Choose one first: a click on it, or [ and ]."), null));

/** Mends the chosen one; it is saved as it is finished. */
export function mendDrawn() {
  const one = chosen();
  if (one) mend({ id: one.id, plane: state.plane.id }, one.outline, (outline) => send({ ...one, outline }, `${words(one.id)} is mended.`));
}

/** Deletes the chosen one. */
export async function deleteDrawn() {
  const one = chosen();
  if (one) await send({ ...one, outline: null }, `${words(one.id)} is deleted; u brings it back.`);
}

/** Has the server keep an outline (null: delete it) of a layer; returns whether it did. `more`: further fields. */
export async function send({ layer, id, outline }, told, more = {}) {
  const name = reviewer();
  if (!name) return false;
  try {
    const answer = await post("api/draw", { layer: layer.replace(/^drawn_/, ""), plane: state.plane.id, outline, id, reviewer: name, ...more });
    state.touched = blindList() ? null : layer;
    releaseDrawn();
    forgetOutlines(layer);
    emit("was-drawn", answer);
    say(told);
    return true;
  } catch (error) {
    warn(`The outline is not saved: ${error.message}${error instanceof Lost ? " It is still here." : ""}`);
    return false;
  }
}

paintOnTop(() => {
  if (!drawn.outline || state.mode === "edit") return;
  trace(drawn.outline);
  stroke({ colour: "#fff", dash: [] }, 4);
});

give("mend drawn", mendDrawn);
give("delete drawn", deleteDrawn);
// Somebody else may have deleted it.
on("event", ({ changed }) => { if (drawn.id !== null && state.mode === "look" && changed?.includes(drawn.layer)) releaseDrawn(); });
for (const what of ["current", "list", "plane"]) on(what, () => { state.touched = null; if (drawn.id !== null && state.mode === "look") releaseDrawn(); });
