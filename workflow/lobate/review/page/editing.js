// Mending an outline: vertices by pointer and keyboard, the larger operations by the server. Nothing is saved before Enter.
import { state, on, $, currentItem, hectares, listOf } from "./state.js";
import { post } from "./server.js";
import { view, toScreen, toPlane } from "./view.js";
import { draw, paintOnTop, trace, stroke } from "./map.js";
import { opened, closed, ringAt, places, nearestVertex, nearestEdge, crossesAt, areaOf, lengthOf, boundsOf, inside } from "./geometry.js";
import { begin } from "./drawing.js";
import { showTools } from "./tools.js";
import { save } from "./deciding.js";
import { nearest } from "./outlines.js";
import { wholeOf, nextPending, go } from "./items.js";
import { choose } from "./palette.js";
import { give } from "./panel.js";
import { say, warn } from "./speech.js";
import { STATUS } from "./symbols.js";

const GRAB_PX = 12, EDGE_PX = 9, SNAP_M = 30;
// `finish`: what takes the outline that is saved, of something drawn by hand; null for the current item of the list.
export const edit = { on: false, item: null, outlines: [], place: null, merged: [], steps: [], asked: false, pointed: null, finish: null, current: null };
const ALONE = "What was drawn by hand is mended by itself: delete it and draw it anew in pieces.";
let drag = null;

const copy = (outlines) => structuredClone(outlines);
const changed = () => edit.steps.length > 0;

/** Begins to mend the current one, or leaves it. */
export function toggleEdit() {
  if (edit.on) return leave();
  const item = currentItem();
  if (!item) return say("There is nothing to mend.");
  if (state.detail?.id !== item.id) return say("Its outline has not come yet.");
  mend(item, state.detail.outline, null);
}

/** Begins to mend an outline of ({id, plane}); `finish` gets it when it is saved. */
export function mend(item, outline, finish) {
  Object.assign(edit, { on: true, item, outlines: [opened(outline)], place: null, merged: [], steps: [], asked: false, finish, current: state.current });
  state.mode = "edit";
  $("canvas").focus();
  tools();
  say(`Mending ${item.id}: drag a vertex or a line, Shift-click deletes a vertex; [ and ] choose one, arrow keys move it. Enter saves, Escape leaves.`);
  draw();
}

/** Leaves without saving; asks once when something was changed. */
export function leave() {
  if (changed() && !edit.asked) {
    edit.asked = true;
    return say("The outline is changed and not saved: Enter saves it, Escape again drops the changes.");
  }
  close();
  say("The outline stays as it was.");
}

function close() {
  Object.assign(edit, { on: false, outlines: [], place: null, pointed: null });
  drag = null;
  state.mode = "look";
  showTools(null);
  draw();
}

/** Saves what was mended as one act. */
export function saveEdit() {
  if (!changed()) return leave();
  if (edit.finish) return finished();
  const outlines = edit.outlines.map(closed), patch = { status: "edited", outlines };
  if (edit.merged.length) patch.merged = edit.merged;
  const { item } = edit;
  if (!save(item, patch)) return;
  close();
  if (state.detail?.id === item.id) state.detail = { ...state.detail, outline: outlines[0] };
  say(`${item.id} is edited${outlines.length > 1 ? ` and split into ${outlines.length}` : ""}${patch.merged ? `, merged with ${patch.merged.join(", ")}` : ""}.`);
  const next = nextPending();
  if (next && outlines.length === 1 && !patch.merged) go(next);
}

async function finished() {
  const { finish, outlines: [outline] } = edit;
  if (await finish(closed(outline))) close();
}

// Takes changed outlines over as a step that can be undone.
function take(outlines, place = null) {
  edit.steps.push({ outlines: edit.outlines, merged: edit.merged });
  Object.assign(edit, { outlines, place, asked: false });
  tools();
  draw();
}

/** Takes back the last step of mending. */
export function undoStep() {
  const last = edit.steps.pop();
  if (!last) return say("Nothing is changed.");
  Object.assign(edit, last, { place: null });
  tools();
  say("The last step is taken back.");
  draw();
}

// --- vertices

function moved(outlines, place) {
  if (!crossesAt(outlines, place)) return take(outlines, place);
  say("The outline would cross itself there; it stays as it was.");
  draw();
}

/** Deletes the vertex at a place. */
export function removeVertex(place = edit.place) {
  if (!place) return say("Choose a vertex first, with [ or ].");
  const outlines = copy(edit.outlines), ring = ringAt(outlines, place);
  if (ring.length < 4) return say("A ring needs three vertices. Delete the whole ring with d.");
  ring.splice(place[3], 1);
  const next = [...place.slice(0, 3), place[3] % ring.length];
  if (crossesAt(outlines, next)) return say("Without this vertex the outline would cross itself; it stays.");
  take(outlines, next);
}

/** Inserts a vertex behind the chosen one, halfway to the next. */
export function insertVertex() {
  if (!edit.place) return say("Choose a vertex first, with [ or ].");
  const outlines = copy(edit.outlines), ring = ringAt(outlines, edit.place), v = edit.place[3], [a, b] = [ring[v], ring[(v + 1) % ring.length]];
  ring.splice(v + 1, 0, [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2]);
  take(outlines, [...edit.place.slice(0, 3), v + 1]);
  say("A vertex is inserted.");
}

/** Chooses the vertex before (-1) or behind (1). */
export function chooseVertex(way) {
  const all = [...places(edit.outlines)], at = edit.place ? all.findIndex((one) => String(one) === String(edit.place)) : way > 0 ? -1 : 0;
  edit.place = all[(at + way + all.length) % all.length];
  say(`Vertex ${edit.place[3] + 1} of ${ringAt(edit.outlines, edit.place).length}${edit.place[2] ? ", a hole" : ""}.`);
  draw();
}

/** Moves the chosen vertex by pixels of the screen. */
export function nudge(dx, dy) {
  if (!edit.place) return chooseVertex(1);
  const outlines = copy(edit.outlines), vertex = ringAt(outlines, edit.place)[edit.place[3]];
  vertex[0] += dx * view.res;
  vertex[1] -= dy * view.res;
  moved(outlines, edit.place);
}

/** Deletes the chosen vertex's ring: a hole, or the whole part when it is the outer one. */
export function removeRing() {
  if (!edit.place) return say("Choose a vertex of the ring or part to delete, with [ or ] or a click.");
  const [o, p, r] = edit.place, outlines = copy(edit.outlines);
  r ? outlines[o][p].splice(r, 1) : outlines[o].splice(p, 1);
  if (!outlines[o].length) outlines.splice(o, 1);
  if (!outlines.length) return say(edit.finish ? "This is the only part. Leave with Escape and delete it as a whole." : "This is the only part. Reject the detection instead.");
  take(outlines);
  say(r ? "The hole is deleted." : "The part is deleted.");
}

// --- the pointer; each returns whether it took the event

/** The pointer goes down on a vertex or a line. */
export function grab(sx, sy, shift, touch) {
  const point = toPlane(sx, sy), reach = (touch ? 2 : 1) * view.res;
  const vertex = nearestVertex(edit.outlines, point);
  if (vertex.distance <= GRAB_PX * reach) {
    if (shift) { removeVertex(vertex.place); return true; }
    edit.place = vertex.place;
    drag = { place: vertex.place, outlines: copy(edit.outlines), moved: false };
    draw();
    return true;
  }
  const edge = nearestEdge(edit.outlines, point);
  if (edge.distance > EDGE_PX * reach) return false;
  const outlines = copy(edit.outlines);
  ringAt(outlines, edge.place).splice(edge.place[3], 0, point);
  drag = { place: edge.place, outlines, moved: false };
  return true;
}

/** The pointer moves what it holds. */
export function pull(sx, sy) {
  if (!drag) return false;
  drag.moved = true;
  ringAt(drag.outlines, drag.place)[drag.place[3]] = toPlane(sx, sy);
  tools(drag.outlines);
  draw();
  return true;
}

/** The pointer lets go. */
export function release() {
  if (!drag) return false;
  const { outlines, place, moved: far } = drag;
  drag = null;
  if (far) { edit.place = place; moved(outlines, place); }
  tools();
  draw();
  return true;
}

/** A click that held nothing: in a piece of a split, its part is chosen. */
export function pick(sx, sy) {
  const point = toPlane(sx, sy), at = edit.outlines.findIndex((one) => inside(one, point));
  if (at < 0 || edit.outlines.length < 2) return;
  edit.outlines = [edit.outlines[at], ...edit.outlines.filter((_, i) => i !== at)];
  edit.place = null;
  say("This piece keeps the id; d deletes the piece of the chosen vertex.");
  draw();
}

// --- operations of the server

async function operate(operation, parameters, done) {
  const { item } = edit;
  try {
    const answer = await post("api/edit", { operation, plane: item.plane, outline: closed(edit.outlines[0]), ...parameters });
    if (!edit.on || edit.item !== item) return;
    const before = edit.outlines[0].flat(2).length, outlines = answer.outlines.map(opened);
    take([...outlines, ...edit.outlines.slice(1)]);
    say(done(before, outlines));
  } catch (error) {
    warn(`${error.message}`);
  }
}

const vertices = (before, [outline]) => `${before} vertices became ${outline.flat(2).length}.`;
export const simplify = () => operate("simplify", { tolerance_m: state.plane.base / 2 }, vertices);
export const smooth = () => operate("smooth", {}, vertices);
export const fillHoles = () => operate("fill_holes", { max_m2: null }, () => "The holes are filled.");

/** Cuts the outline along a line that the person draws. */
export function split() {
  if (edit.finish) return say(ALONE);
  showTools(null);
  begin("Cut: draw a line from outside to outside", false, (line) => {
    tools();
    operate("split", { line }, (_, outlines) => `${outlines.length} pieces. The first keeps the id; click another to let it; Enter saves all.`);
  }, "edit");
}

async function neighbours() {
  const found = nearest("detections", boundsOf(edit.outlines[0]), 9, edit.item.id);
  return Promise.all(found.map(async ([id, distance]) => ({ id, distance })));
}

/** Merges with a neighbour that the person chooses. */
export async function merge() {
  if (edit.finish) return say(ALONE);
  const list = await neighbours();
  if (!list.length) return say("There is no other detection near it.");
  const options = list.map(({ id, distance }) => ({ value: id, text: `${id}, ${distance < 1 ? "touches it" : `${Math.round(distance)} m away`}` }));
  choose(`Merge ${edit.item.id} with`, options, null, async (id) => {
    const { outline } = await wholeOf(id), merged = [...edit.merged, id];
    await operate("merge", { outlines: [closed(edit.outlines[0]), outline] }, () => `Merged with ${id}; Enter saves.`);
    edit.merged = merged;
  }, (id) => point(id));
}

async function point(id) {
  edit.pointed = id ? opened((await wholeOf(id)).outline) : null;
  draw();
}

/** Pulls the outline onto the lines of its neighbours. */
export async function snap() {
  if (edit.finish) return say(ALONE);
  const list = (await neighbours()).filter(({ distance }) => distance <= SNAP_M);
  if (!list.length) return say(`No other detection lies within ${SNAP_M} m.`);
  const others = (await Promise.all(list.map(({ id }) => wholeOf(id)))).map((one) => one.outline);
  await operate("snap", { others, tolerance_m: SNAP_M }, () => "Snapped to the neighbours.");
}

// --- what is seen

function tools(outlines = edit.outlines) {
  if (!edit.on) return;
  const area = outlines.map((one) => hectares(areaOf(one))).join(" + "), length = Math.round(lengthOf(outlines[0]));
  const more = edit.finish ? [] : [{ text: "Cut", key: "k", act: split }, { text: "Merge", key: "j", act: merge }];
  showTools(`${edit.item.id}: ${area}, outline ${length.toLocaleString("en").replaceAll(",", "\u202f")} m${changed() ? ", changed" : ""}`, [
    { text: "Save", key: "Enter", act: saveEdit, off: !changed(), main: true },
    { text: "Step back", key: "u", act: undoStep, off: !changed() },
    ...more,
    { text: "Delete ring", key: "d", act: removeRing },
    { text: "Fill holes", key: "f", act: fillHoles },
    { text: "Simplify", key: "t", act: simplify },
    { text: "Smooth", key: "o", act: smooth },
    ...(edit.finish ? [] : [{ text: "Snap", key: "b", act: snap }]),
    { text: "Leave", key: "Esc", act: leave },
  ]);
}

paintOnTop((pen) => {
  if (!edit.on) return;
  if (edit.pointed) { trace(edit.pointed); stroke({ colour: "#fff", dash: [2, 3] }, 3); }
  const outlines = drag?.moved ? drag.outlines : edit.outlines, marked = drag?.place ?? edit.place;
  outlines.forEach((outline, i) => { trace(outline); stroke(i ? { colour: "#fff", dash: [5, 4] } : { colour: STATUS.edited.colour, dash: [] }, 2.5); });
  const spacing = outlines.map((one) => lengthOf(one) / Math.max(1, one.flat(2).length)).reduce((a, b) => Math.min(a, b)) / view.res;
  const half = Math.min(3.5, Math.max(1.2, spacing * 0.28));
  for (const place of places(outlines)) handle(pen, ringAt(outlines, place)[place[3]], String(place) === String(marked) ? 7 : half);
});

function handle(pen, vertex, half) {
  const [x, y] = toScreen(...vertex), chosen = half > 4;
  if (x < -9 || y < -9 || x > view.width + 9 || y > view.height + 9) return;
  pen.fillStyle = chosen ? "#0b6bcb" : "#fff";
  pen.strokeStyle = chosen ? "#fff" : "#000";
  pen.lineWidth = chosen ? 2 : 1;
  pen.fillRect(x - half, y - half, 2 * half, 2 * half);
  pen.strokeRect(x - half, y - half, 2 * half, 2 * half);
}

/** Draws a landform that no detection shows. */
export function drawNew() {
  if (edit.on) return say("Save or leave the outline first.");
  begin("New landform", true, (points) => {
    const outline = closed([[points]]), list = listOf("detections") ? "detections" : state.list;
    const act = { id: null, plane: state.plane.id, version: 0, attributes: {}, remark: "" };
    if (save(act, { list, status: "edited", outlines: [outline] })) say(`A new landform of ${hectares(areaOf([[points]]))}.`);
  });
}

give("edit", toggleEdit);
give("new", drawNew);
on("current", () => { if (edit.on && edit.current !== state.current) close(); });
