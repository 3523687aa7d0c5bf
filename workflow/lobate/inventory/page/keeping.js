"use strict";
// Keeping in this browser: one item of its store for each statement, so that two tabs never overwrite each other's.

const KEY = `lobate review ${data.region}`, PREFIX = `${KEY}\n`, REVIEWER = `${KEY} reviewer`, HISTORY_KEY = `${KEY} history ${location.pathname}`;
const GROUND = hash(JSON.stringify(data.ground));
const UNIT = 1e8;
const known = new Map();  // what this tab has last seen of each item
const unkept = new Set(), unsaved = new Set(), elsewhere = [];
let unreadable = 0, touched = false, forbidden = false;

function keeper(name) {
  try { return window[name]; } catch { return null; }  // forbidden: a private window, or blocked by the person
}

// An outline as differences of whole units in base 36: a third of its JSON, and the same numbers.
function pack(outline) {
  let x = 0, y = 0;
  const word = ([a, b]) => {
    const [u, v] = [Math.round(a * UNIT), Math.round(b * UNIT)], text = `${(u - x).toString(36)},${(v - y).toString(36)}`;
    [x, y] = [u, v];
    return text;
  };
  const text = outline.map((polygon) => polygon.map((ring) => ring.map(word).join(" ")).join(";")).join("|");
  return same(unpack(text), outline) ? text : outline;
}

function unpack(text) {
  if (typeof text !== "string") return text ?? null;
  let x = 0, y = 0;
  const vertex = (word) => {
    const [u, v] = word.split(",");
    [x, y] = [x + parseInt(u, 36), y + parseInt(v, 36)];
    return [x / UNIT, y / UNIT];
  };
  return text.split("|").map((polygon) => polygon.split(";").map((ring) => ring.split(" ").map(vertex)));
}

const digest = (one) => JSON.stringify(TEXTS.map((name) => one[name]));

function written(sid) {
  const one = now(sid), i = indexOf.get(sid);
  if (!one) return JSON.stringify({ settled: true });
  const { outline, seen, ...said } = one;
  const facts = i === undefined ? {} : { detection: detections[i].id, shown: pack(shown[i]), base: digest(applied[i]) };
  return JSON.stringify({ ...said, ...facts, outline: outline && pack(outline), seen: seen && pack(seen), ground: GROUND, saved: !unsaved.has(sid) });
}

function parsed(text) {
  const { outline, seen, shown: first, base, ground, saved: inFile, settled, ...said } = JSON.parse(text);
  if (settled) return { settled };
  if (!STATUSES.includes(said.status)) throw new Error("no status");
  const one = { ...FRESH, ...said, outline: unpack(outline), seen: unpack(seen) };
  return { one, first: unpack(first), base, ground, inFile };
}

// A statement as one of this page, which may show another outline than the page that wrote it.
function inThisPage(sid, item) {
  const i = indexOf.get(sid);
  if (i !== undefined && (!item.first || same(item.first, shown[i]))) return item.one;
  const outline = item.one.outline ?? item.one.seen ?? item.first, first = item.one.seen ?? item.first;
  return i === undefined ? { ...item.one, outline, seen: first } : about(i, { one: item.one, outline, first });
}

function keep(changed) {
  touched = true;
  changed.forEach((sid) => unsaved.add(sid));
  if (forbidden) tryStore();
  new Set([...unkept, ...changed]).forEach(write);
  keepHistory();
  notices();
}

function write(sid) {
  const box = keeper("localStorage");
  try {
    const there = box.getItem(PREFIX + sid);
    if (there !== null && there !== known.get(sid)) takeUnseen(sid, there);
    const text = written(sid);
    box.setItem(PREFIX + sid, text);
    known.set(sid, text);
    unkept.delete(sid);
  } catch {
    unkept.add(sid);
  }
}

// Another tab has written what this one has not heard of: its fields stand where this tab has changed nothing.
function takeUnseen(sid, there) {
  const mine = now(sid), read = (text) => attempt(() => inThisPage(sid, parsed(text))), theirs = read(there);
  if (!mine || !theirs) return;
  const base = read(known.get(sid)) ?? (indexOf.has(sid) ? applied[indexOf.get(sid)] : FRESH);
  const still = Object.keys(FRESH).filter((name) => same(mine[name], base[name]));
  put(sid, pick(theirs, still));
}

function attempt(way) {
  try { return way(); } catch { return null; }
}

function keepHistory() {
  attempt(() => keeper("sessionStorage").setItem(HISTORY_KEY, JSON.stringify(state.history.slice(-50))));
}

function saved() {
  const written = [...unsaved];
  unsaved.clear();
  written.forEach(write);
  touched = false;
  notices();
  progress();
}

// --- what this browser keeps from before

function recall() {
  data.carried.forEach((one) => carried.set(`applied ${hash(JSON.stringify(one))}`, statement(one)));
  const found = items(), others = [], clashes = [];
  for (const [sid, text] of found) {
    const item = attempt(() => parsed(text));
    known.set(sid, text);
    if (!item) unreadable++;
    else if (!item.settled) (indexOf.has(sid) ? own(sid, item, clashes) : others.push({ sid, ...item }));
  }
  for (const item of others) foreign(item);
  clashes.push(...adopt(others.filter((one) => one.outline)));
  state.history = attempt(() => JSON.parse(keeper("sessionStorage").getItem(HISTORY_KEY))) ?? [];
  $("reviewer").value = attempt(() => keeper("localStorage").getItem(REVIEWER)) || attempt(() => JSON.parse(keeper("localStorage").getItem(KEY)).reviewer) || "";
  tryStore();
  return clashes;
}

function tryStore() {
  forbidden = attempt(() => { keeper("localStorage").setItem(REVIEWER, $("reviewer").value); return true; }) === null;
}

function items() {
  const box = keeper("localStorage"), found = new Map();
  attempt(() => Object.keys(box).filter((name) => name.startsWith(PREFIX)).sort().forEach((name) => found.set(name.slice(PREFIX.length), box.getItem(name))));
  const earlier = attempt(() => JSON.parse(box.getItem(KEY))) ?? {};  // as pages before kept it: all in one item
  for (const [sid, said] of Object.entries(earlier.entries ?? {})) {
    const seen = fromWkt(said.seen);
    if (!found.has(sid)) found.set(sid, JSON.stringify({ ...said, outline: said.outline, seen, shown: seen }));
  }
  for (const raw of earlier.carried ?? []) {
    const one = attempt(() => understood(raw));
    if (one && !found.has(one.sid)) found.set(one.sid, JSON.stringify({ ...one.one, outline: one.outline, seen: one.first }));
  }
  return found;
}

// A statement of a detection of this page; the region's files may say otherwise by now.
function own(sid, item, clashes) {
  const { base, inFile } = item, one = inThisPage(sid, item), there = applied[indexOf.get(sid)];
  if (!inFile) unsaved.add(sid);
  const news = says(there) && base !== digest(there) ? combine(one, there) : { after: one, clash: [] };
  if (news.clash.length) clashes.push({ sid, theirs: there, clash: news.clash });
  put(sid, news.after);
}

// A statement of a page of another model, or of a file: its outline, and whether it lies on this page's ground.
function foreign(item) {
  item.outline = item.one.outline ?? item.one.seen ?? item.first;
  item.first = item.one.seen ?? item.first;
  if (!item.outline) return void unreadable++;
  if (!item.inFile) item.fresh = true;
  if (item.ground === GROUND || onGround(bounds(item.outline))) return;
  elsewhere.push(item);
  item.outline = null;
}

function onGround([west, south, east, north]) {
  const touches = ([w, s, e, n]) => south <= n && s <= north && (w <= e ? west <= e && w <= east : west <= e || w <= east);
  return !data.ground.length || data.ground.some(touches);
}

function hash(text) {
  let [a, b] = [0xdeadbeef, 0x41c6ce57];
  for (let i = 0; i < text.length; i++) {
    a = Math.imul(a ^ text.charCodeAt(i), 2654435761);
    b = Math.imul(b ^ text.charCodeAt(i), 1597334677);
  }
  return (a >>> 0).toString(36) + (b >>> 0).toString(36);
}

// --- other tabs

window.addEventListener("storage", ({ key, newValue, storageArea }) => {
  if (storageArea !== keeper("localStorage")) return;
  if (key === null) return void [...known.keys()].filter(now).forEach((sid) => { known.delete(sid); write(sid); });  // somebody has emptied the store
  if (!key.startsWith(PREFIX)) return;
  const sid = key.slice(PREFIX.length);
  if (newValue === null) { known.delete(sid); return void (now(sid) && write(sid)); }
  heard(sid, newValue);
});

function heard(sid, text) {
  const item = attempt(() => parsed(text));
  if (!item || known.get(sid) === text) return;
  known.set(sid, text);
  if (item.settled) { if (!indexOf.has(sid)) carried.delete(sid); }
  else if (now(sid)) { put(sid, inThisPage(sid, item)); item.inFile ? unsaved.delete(sid) : unsaved.add(sid); }
  else adopt([{ ...item, sid }].filter((one) => { foreign(one); return one.outline; }));
  if (indexOf.has(sid)) refresh(indexOf.get(sid));
  progress();
  notices();
  draw();
}

// --- what the person must know until it is mended

function notices() {
  const here = [...unsaved].filter((sid) => unkept.has(sid)).length, count = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;
  const rows = [];
  if (here) rows.push([`This browser keeps nothing more for this page: its store is full or forbidden (a private window). ${count(here, "decision")} ${here === 1 ? "is" : "are"} in this tab only. Save before you close it.`, "Save", save]);
  else if (forbidden) rows.push(["This browser keeps nothing for this page: its store is full or forbidden (a private window). Save before you close this tab."]);
  if (elsewhere.length) rows.push([`This browser also keeps ${count(elsewhere.length, "decision")} for a region ${data.region} on other ground. They are not in this page's file.`, "Save them in a file of their own", saveElsewhere]);
  if (unreadable) rows.push([`${count(unreadable, "note")} in this browser's store cannot be read as decisions, and stay as they are. If a decision is missing, load the file that was saved.`]);
  $("notices").replaceChildren(...rows.map(([text, name, act]) => {
    const row = document.createElement("p");
    row.append(text);
    if (name) {
      const button = document.createElement("button");
      button.textContent = name;
      button.addEventListener("click", act);
      row.append(" ", button);
    }
    return row;
  }));
}

function saveElsewhere() {
  const name = `${data.region}_decisions_elsewhere.geojson`;
  download(elsewhere.map(({ one, first }) => feature({ ...one, outline: one.outline ?? first }, one.detection ?? null, first)), name);
  tell(`${elsewhere.length} decisions saved as ${name}.`);
}

window.addEventListener("beforeunload", (event) => { if (unsaved.size && touched) event.preventDefault(); });
