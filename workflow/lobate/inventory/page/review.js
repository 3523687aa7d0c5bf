"use strict";
// What is shown, what is decided, and how both are kept. Everything decided goes through `change`, so it can be undone.

const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const FIELDS = ["upslope_connection", "activity", "remark"];
const STATUSES = ["pending", "accepted", "edited", "rejected"];
const MARKS = { pending: "·", accepted: "✓", edited: "✎", rejected: "✗" };
const COLOURS = { pending: "#ffb000", accepted: "#3ddc84", edited: "#3ddc84", rejected: "#ff5a5f", others: "#5ab4ff", removed: "#c9c9c9", neighbours: "#ffffff" };
const KEY = `lobate review ${data.region}`;
const FRESH = { status: "pending", outline: null, seen: null, reviewer: "", upslope_connection: "", activity: "", remark: "" };

const detections = data.detections;
const shown = detections.map((one) => opened(one.outline));
const entries = detections.map(() => ({ ...FRESH }));
const state = { current: 0, mending: false, vertex: null, history: [], carried: [], hidden: false, kept: true, unsaved: false };

// --- deciding

const visible = () => detections.map((_, i) => i).filter((i) => ["all", entries[i].status].includes($("filter").value));
const outlineOf = (i) => entries[i].outline ?? shown[i];

function change(i, patch) {
  const { status, outline, seen, reviewer } = entries[i];
  state.history.push({ i, before: { status, outline, seen, reviewer } });
  Object.assign(entries[i], patch, { reviewer: $("reviewer").value.trim() });
  keep();
  refresh(i);
}

function undo() {
  const last = state.history.pop();
  if (!last) return tell("There is nothing to undo.");
  Object.assign(entries[last.i], last.before);
  state.vertex = null;
  keep();
  refresh(last.i);
  last.i === state.current ? draw() : go(last.i);
  tell(`Undone: ${detections[last.i].id} is ${entries[last.i].status}.`);
}

function decide(status) {
  const i = state.current;
  if (!detections.length) return;
  change(i, { status: status === "accepted" && entries[i].outline && differs(i) ? "edited" : status });
  mend(false);
  const open = detections.map((_, k) => k).filter((k) => entries[k].status === "pending");
  const next = open.find((k) => k > i) ?? open[0];
  tell(`${detections[i].id} ${entries[i].status}.${next === undefined ? " All are decided: press s to save." : ""}`);
  next === undefined ? draw() : go(next);
}

// Whether the outline is another than the one that was shown when it was drawn.
const differs = (i) => JSON.stringify(entries[i].outline) !== JSON.stringify(fromWkt(entries[i].seen) ?? shown[i]);

function step(way) {
  const list = visible(), beyond = list.filter((i) => (way > 0 ? i > state.current : i < state.current));
  if (!beyond.length) return tell(way > 0 ? "This is the last one." : "This is the first one.");
  mend(false);
  go(way > 0 ? beyond[0] : beyond.at(-1));
}

function go(i) {
  if (!detections.length) return;
  $("list").children[state.current]?.setAttribute("aria-selected", "false");
  state.current = i;
  state.vertex = null;
  const row = $("list").children[i];
  row.setAttribute("aria-selected", "true");
  $("list").setAttribute("aria-activedescendant", row.id);
  row.scrollIntoView({ block: "nearest" });
  tell("");
  facts();
  look(i);
}

// --- mending

function mend(on) {
  state.mending = on && detections.length > 0;
  state.vertex = null;
  $("edit").setAttribute("aria-pressed", String(state.mending));
  $("canvas").classList.toggle("mending", state.mending);
  if (state.mending) $("canvas").focus();  // so that arrow keys reach the vertices
  draw();
}

// Takes a changed outline over, unless it crosses itself at one of these places.
function redraw(outline, at) {
  if (at.some((place) => crossesAt(outline, place))) {
    draw();
    return tell("The outline would cross itself there; it stays as it was.", true);
  }
  const i = state.current;
  change(i, { outline, status: "edited" });
  tell("");
  draw();
}

function removeVertex(place) {
  const outline = outlineOf(state.current), left = ringAt(outline, place).length - 1;
  if (left < 3) return tell("A ring needs three vertices.", true);
  const v = place[2] % left;
  redraw(deleted(outline, place), [[place[0], place[1], v]]);
  state.vertex = [place[0], place[1], v];
  draw();
}

function insertBehind(place) {
  const outline = outlineOf(state.current), ring = ringAt(outline, place), v = place[2];
  const [a, b] = [ring[v], ring[(v + 1) % ring.length]], middle = toGround(toPixel(a).map((one, k) => (one + toPixel(b)[k]) / 2));
  state.vertex = [place[0], place[1], v + 1];
  redraw(inserted(outline, state.vertex, middle), []);
}

function chooseVertex(way) {
  const all = places(outlineOf(state.current)), at = state.vertex ? all.findIndex((one) => String(one) === String(state.vertex)) : way > 0 ? -1 : 0;
  state.vertex = all[(at + way + all.length) % all.length];
  tell(`Vertex ${state.vertex[2] + 1} of ${ringAt(outlineOf(state.current), state.vertex).length}: arrow keys move it.`);
  draw();
}

function nudge(x, y) {
  const outline = copied(outlineOf(state.current)), ring = ringAt(outline, state.vertex), at = toPixel(ring[state.vertex[2]]);
  ring[state.vertex[2]] = toGround([at[0] + x, at[1] + y]);
  redraw(outline, [state.vertex]);
}

// --- keeping

const tell = (text, wrong = false) => { $("message").textContent = text; $("message").classList.toggle("wrong", wrong); };
const began = (i) => JSON.stringify(entries[i]) !== JSON.stringify({ ...FRESH, reviewer: entries[i].reviewer });

function keep() {
  state.unsaved = true;
  const mine = { ...state.elsewhere };
  detections.forEach((one, i) => { if (began(i)) mine[one.key] = entries[i]; });
  try {
    localStorage.setItem(KEY, JSON.stringify({ reviewer: $("reviewer").value, carried: state.carried, entries: mine }));
    state.kept = true;
  } catch {
    if (state.kept) tell("This browser keeps nothing for this page. Save the decisions often.", true);
    state.kept = false;
  }
}

function recall() {
  let kept = {};
  try { kept = JSON.parse(localStorage.getItem(KEY)) ?? {}; } catch { /* nothing usable is kept */ }
  $("reviewer").value = kept.reviewer ?? "";
  state.carried = kept.carried ?? [];
  state.elsewhere = { ...kept.entries };
  detections.forEach((one, i) => {
    if (state.elsewhere[one.key]) entries[i] = { ...FRESH, ...state.elsewhere[one.key] };
    delete state.elsewhere[one.key];
  });
  const others = Object.keys(state.elsewhere).length;
  if (others) tell(`This browser also keeps ${others} decisions about detections of another model. Load the file that was saved of them.`);
}

function feature(i) {
  const { status, outline, seen, reviewer, ...fields } = entries[i];
  const standing = status === "rejected" ? fromWkt(seen) ?? shown[i] : outline ?? shown[i];
  const properties = { detection: detections[i].id, status, reviewer, ...fields, seen: seen ?? wkt(shown[i]) };
  return { type: "Feature", properties: blank(properties), geometry: { type: "MultiPolygon", coordinates: closed(standing) } };
}

const blank = (properties) => Object.fromEntries(Object.entries(properties).map(([name, value]) => [name, value === "" ? null : value]));

function save() {
  const said = detections.map((_, i) => i).filter(began).map(feature);
  if (!said.length && !state.carried.length) return tell("Nothing is decided yet.");
  const name = `${data.region}_decisions.geojson`;
  const text = JSON.stringify({ type: "FeatureCollection", name: "decisions", features: [...said, ...state.carried] }, null, 1) + "\n";
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/geo+json" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  state.unsaved = false;
  tell(`${said.length + state.carried.length} decisions saved as ${name}. Put it into resources/${data.region}/ and name it in inventory.decisions.`);
}

// --- loading: decisions of an earlier model find their detections by their outlines

function load(text) {
  let features;
  try { features = JSON.parse(text).features.map(understood); } catch (error) {
    return tell(`This is no decisions file: ${error.message}. Load a GeoJSON that this page has saved.`, true);
  }
  const unknown = features.filter((one) => one.unknown).length;
  const fits = features.flatMap((one, f) => detections.map((_, i) => [f, i, fit(one, i)])).filter(([, , share]) => share >= data.match_iou);
  fits.sort((a, b) => b[2] - a[2] || a[0] - b[0] || a[1] - b[1]);
  const taken = new Map(), placed = new Set();
  for (const [f, i] of fits) if (!taken.has(i) && !placed.has(f)) { taken.set(i, f); placed.add(f); }
  taken.forEach((f, i) => { Object.assign(entries[i], features[f].entry); refresh(i); });
  state.carried = features.filter((_, f) => !placed.has(f)).map((one) => one.raw);
  state.history = [];
  keep();
  draw();
  facts();
  form();
  tell(`${taken.size} decisions loaded; ${state.carried.length} fit no detection here and are kept for the next file.${unknown ? ` ${unknown} words were unknown and are left empty.` : ""}`);
}

function understood(raw) {
  const { type, coordinates } = raw.geometry, said = raw.properties, outline = opened(type === "Polygon" ? [coordinates] : coordinates);
  if (!["Polygon", "MultiPolygon"].includes(type)) throw new Error(`a ${type} in it is no outline`);
  if (!outline.length || outline.flat().some((ring) => ring.length < 3)) throw new Error("an outline in it is empty");
  const status = String(said.status ?? "pending").trim().toLowerCase();
  if (!STATUSES.includes(status)) throw new Error(`it has the status ${status}`);
  const seen = said.seen ?? null, first = fromWkt(seen), moved = JSON.stringify(first) !== JSON.stringify(outline);
  const entry = { ...FRESH, status, seen, outline: moved || !first ? outline : null, reviewer: said.reviewer ?? "", remark: said.remark ?? "" };
  let unknown = false;
  for (const [field, words] of Object.entries(data.vocabularies)) {
    if (words.includes(said[field])) entry[field] = said[field];
    else unknown ||= Boolean(said[field]);
  }
  return { raw, entry, outline, first, box: bounds(first ? [...outline, ...first] : outline), unknown };
}

const boxes = shown.map(bounds);

function fit(one, i) {
  if (apart(one.box, boxes[i])) return 0;
  if (one.entry.seen === wkt(shown[i])) { one.entry.outline = one.entry.status === "edited" ? one.outline : null; return 2; }
  const shares = Math.max(iou(one.outline, shown[i]), one.first ? iou(one.first, shown[i]) : 0);
  if (shares >= data.match_iou) one.entry.outline = one.outline;
  return shares;
}
