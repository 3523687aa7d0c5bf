// Drawing a line or an area point by point: by clicks, by taps, or by keyboard with the cross in the middle of the map.
import { state, on, $ } from "./state.js";
import { view, toScreen, toPlane, centre } from "./view.js";
import { draw, paintOnTop, trace, stroke } from "./map.js";
import { areaOf, lineLength } from "./geometry.js";
import { hectares } from "./state.js";
import { say } from "./speech.js";
import { showTools } from "./tools.js";

const CLOSE_PX = 12;
export const draft = { on: false, area: true, points: [], title: "", finish: () => {}, back: "look", pointer: null, cross: false };

/** Begins to draw; `finish` gets the points. `area`: a ring, else a line. */
export function begin(title, area, finish, back = "look") {
  Object.assign(draft, { on: true, area, points: [], title, finish, back, pointer: null, cross: false });
  state.mode = "draw";
  $("canvas").focus();
  tools();
  say(`${title}: click the points, or move the map with the arrow keys and press Space at the cross. Enter ends, Escape drops it.`);
  draw();
}

/** Adds a point; a click on the first one closes an area. */
export function addPoint(point, sx, sy) {
  const first = draft.points[0], end = draft.points.at(-1);
  if (draft.area && draft.points.length > 2 && sx !== undefined) {
    const [fx, fy] = toScreen(...first);
    if (Math.hypot(fx - sx, fy - sy) < CLOSE_PX) return end_();
  }
  if (end && Math.hypot(end[0] - point[0], end[1] - point[1]) < view.res) return;
  draft.points.push(point);
  tools();
  draw();
}

/** Adds the point at the middle of the map. */
export function addAtCross() {
  draft.cross = true;
  addPoint([view.x, view.y]);
  say(`Point ${draft.points.length}. ${measure()}`);
}

export function removeLast() {
  draft.points.pop();
  say(`${draft.points.length} points.`);
  tools();
  draw();
}

/** Moves the map under the cross. */
export function moveCross(dx, dy) {
  draft.cross = true;
  centre(view.x + dx * view.res, view.y - dy * view.res);
  tools();
}

/** Ends the drawing, if there are enough points. */
export function end_() {
  const need = draft.area ? 3 : 2;
  if (draft.points.length < need) return say(`${draft.area ? "An area" : "A line"} needs ${need} points; there are ${draft.points.length}.`);
  const { points, finish, back } = draft;
  draft.on = false;
  state.mode = back;
  showTools(null);
  finish(points);
  draw();
}

/** Drops what is being drawn. */
export function drop() {
  const { back, dropped } = draft;
  Object.assign(draft, { on: false, points: [] });
  state.mode = back;
  showTools(null);
  say("Nothing was drawn.");
  dropped?.();
  draw();
}

function live() {
  const { points, pointer, cross } = draft, next = cross || !pointer ? [view.x, view.y] : pointer;
  return points.length ? [...points, next] : points;
}

function measure() {
  const points = live(), length = lineLength(draft.area && points.length > 2 ? [...points, points[0]] : points);
  const metres = length >= 1000 ? `${(length / 1000).toFixed(2)} km` : `${Math.round(length)} m`;
  return draft.area ? `${points.length > 2 ? hectares(areaOf([[points]])) : "0 m²"}, ${metres}` : metres;
}

function tools() {
  showTools(`${draft.title}: ${draft.points.length} points, ${measure()}`, [
    { text: "Point at the cross", key: "Space", act: addAtCross },
    { text: "Last point away", key: "⌫", act: removeLast, off: !draft.points.length },
    { text: "Finish", key: "Enter", act: end_, off: draft.points.length < (draft.area ? 3 : 2), main: true },
    { text: "Drop", key: "Esc", act: drop },
  ]);
}

/** Where the pointer is, for the line that follows it. */
export function follow(sx, sy) {
  draft.pointer = toPlane(sx, sy);
  draft.cross = false;
  tools();
  draw();
}

paintOnTop((pen) => {
  if (!draft.on) return;
  const points = live();
  if (points.length > 1) {
    if (draft.area && points.length > 2) trace([[points]]);
    else { pen.beginPath(); points.forEach((point, i) => pen[i ? "lineTo" : "moveTo"](...toScreen(...point))); }
    stroke({ colour: "#fff", dash: [7, 4] }, 2);
  }
  draft.points.forEach((point, i) => {
    const [x, y] = toScreen(...point);
    pen.fillStyle = i ? "#fff" : "#6cc4ff";
    pen.strokeStyle = "#000";
    pen.lineWidth = 1;
    pen.fillRect(x - 4, y - 4, 8, 8);
    pen.strokeRect(x - 4, y - 4, 8, 8);
  });
  cross(pen);
});

function cross(pen) {
  const [x, y] = [view.width / 2, view.height / 2];
  for (const [colour, width] of [["#000c", 4], ["#fff", 1.6]]) {
    pen.beginPath();
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) { pen.moveTo(x + 5 * dx, y + 5 * dy); pen.lineTo(x + 16 * dx, y + 16 * dy); }
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    pen.stroke();
  }
}

on("plane", () => { if (draft.on) drop(); });
