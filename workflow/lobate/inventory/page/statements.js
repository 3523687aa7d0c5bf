"use strict";
// What is decided: a statement for each detection, and those that fit none. All changes go through `act`, so they can be undone.

const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const ATTRIBUTES = ["upslope_connection", "activity", "kinematics", "outline_type"];
const FIELDS = [...ATTRIBUTES, "remark"];
const TEXTS = ["status", ...FIELDS, "reviewer"];
const STATUSES = ["pending", "accepted", "edited", "rejected"];
const FRESH = { status: "pending", outline: null, seen: null, reviewer: "", upslope_connection: "", activity: "", kinematics: "", outline_type: "", remark: "" };
const HISTORY = 200;

const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
const pick = (one, names) => Object.fromEntries(names.map((name) => [name, one[name]]));
const statement = ({ outline, seen, ...said }) => ({ ...FRESH, ...said, outline: outline ? opened(outline) : null, seen: seen ? opened(seen) : null });
const says = (one) => one.status !== "pending" || FIELDS.some((field) => one[field]);
const stands = (status) => status === "accepted" || status === "edited";

const detections = data.detections;
const shown = detections.map((one) => opened(one.outline));
const boxes = shown.map(bounds);
const applied = detections.map((one) => statement(one.applied ?? {}));  // what the region's files said when the page was made
const entries = applied.map((one) => ({ ...one }));
const carried = new Map();  // statement by its id: decisions that fit no detection here, kept for the file
const sids = detections.map((one) => one.key);  // id of each detection's statement
const indexOf = new Map(sids.map((sid, i) => [sid, i]));
const state = { current: 0, mending: false, vertex: null, history: [], hidden: false };

const outlineOf = (i) => entries[i].outline ?? shown[i];
const standing = (one, first = one.seen) => (one.status === "rejected" ? first ?? one.outline : one.outline ?? first);
const now = (sid) => (indexOf.has(sid) ? entries[indexOf.get(sid)] : carried.get(sid) ?? null);

function put(sid, patch) {
  if (indexOf.has(sid)) return void Object.assign(entries[indexOf.get(sid)], patch);
  patch ? carried.set(sid, { ...carried.get(sid), ...patch }) : carried.delete(sid);
}

// Takes changes {sid, before, after} over; both hold the fields that change, or null where there is no statement.
function act(changes) {
  const last = state.history.at(-1), [first] = changes;
  const typed = changes.length === 1 && last?.length === 1 && last[0].sid === first.sid && same(Object.keys(last[0].after ?? {}), ["remark"]) && same(Object.keys(first.after ?? {}), ["remark"]);
  if (typed) last[0].after = first.after;
  else state.history.push(changes);
  for (const { sid, after } of changes) put(sid, after);
  settle(changes.map((one) => one.sid));
}

function change(i, patch) {
  const after = { ...patch, reviewer: $("reviewer").value.trim() };
  act([{ sid: sids[i], before: pick(entries[i], Object.keys(after)), after }]);
}

function undo() {
  const last = state.history.pop();
  if (!last) return tell("There is nothing to undo.");
  const undone = last.filter(takeBack);
  settle(last.map((one) => one.sid));
  state.vertex = null;
  const i = indexOf.get(last[0].sid);
  if (i !== undefined && i !== state.current) go(i, true);
  draw();
  if (!undone.length) return tell("Not undone: another tab has changed this since.", true);
  tell(undone.length > 1 || i === undefined ? `Undone: ${undone.length} decisions are as they were.` : `Undone: ${detections[i].id} is ${entries[i].status}.`);
}

// Undoes one change as far as nobody has changed the same since; returns whether anything was undone.
function takeBack({ sid, before, after }) {
  const here = now(sid);
  if (!before || !after || !here) {
    if (!same(here, after) && here) return false;
    put(sid, before);
    return true;
  }
  const fields = Object.keys(after).filter((name) => same(here[name], after[name]));
  put(sid, pick(before, fields));
  return fields.some((name) => !same(before[name], after[name]));
}

// After any change: keep it, and show it.
function settle(changed) {
  state.history.splice(0, Math.max(0, state.history.length - HISTORY));
  keep(changed);
  changed.forEach((sid) => { if (indexOf.has(sid)) refresh(indexOf.get(sid)); });
  progress();
}

// --- the file

function feature(one, detection, first) {
  const { outline, seen, status, extra, detection: name, ...said } = one;
  const properties = { ...extra, detection, status, ...said, seen: first ? wkt(first) : null };
  return { type: "Feature", properties: blank(properties), geometry: { type: "MultiPolygon", coordinates: closed(standing(one, first)) } };
}

const blank = (properties) => Object.fromEntries(Object.entries(properties).map(([name, value]) => [name, value === "" ? null : value]));

function features() {
  const told = detections.map((_, i) => i).filter((i) => says(entries[i]) || says(applied[i]));
  return [
    ...told.map((i) => feature(entries[i], detections[i].id, entries[i].seen ?? shown[i])),
    ...[...carried.values()].map((one) => feature(one, one.detection ?? null, one.seen)),
  ];
}

function download(list, name) {
  const text = JSON.stringify({ type: "FeatureCollection", name: "decisions", features: list }, null, 1) + "\n";
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/geo+json" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

function save() {
  const list = features(), name = `${data.region}_decisions.geojson`;
  if (!list.length) return tell("Nothing is decided yet.");
  download(list, name);
  saved();
  tell(`${list.length} decisions saved as ${name} among this browser's downloads. Hand the file over, or put it into resources/${data.region}/ and name it in inventory.decisions.`);
}
