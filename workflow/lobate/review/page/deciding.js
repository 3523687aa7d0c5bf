// Deciding: each decision goes to the server at once, in order; what is not saved yet is shown, kept and sent again.
import { state, emit, on, $, currentItem, labelling, blindList } from "./state.js";
import { get, post, Lost, Refused, connection } from "./server.js";
import { go, put, nextPending, forgetWhole, openList } from "./items.js";
import { say, warn } from "./speech.js";
import { sortOutlines, forgetOutlines } from "./outlines.js";
import { statusStyle } from "./symbols.js";

const RETRY_MS = 1500;
const recent = new Map(); // id -> when the server last answered about it, to pass over one's own events
const OWN_MS = 4000;
const queue = []; // {list, id, plane, base, status, attributes, remark, reviewer, outlines, merged, before}
let busy = false, timer = null;

const store = () => `lobate review ${state.session.region} ${location.pathname}`;

function keep() {
  try {
    queue.length ? localStorage.setItem(store(), JSON.stringify(queue)) : localStorage.removeItem(store());
  } catch { /* the queue stays on the page, which asks before it is closed */ }
  emit("queue");
}

/** Sends what an earlier page could not save before its server ended. */
export function recall() {
  let kept = [];
  try { kept = JSON.parse(localStorage.getItem(store())) ?? []; } catch { /* nothing usable is kept */ }
  if (!kept.length) return;
  queue.push(...kept);
  say(`${kept.length} decisions of before are being saved.`);
  keep();
  send();
}

export const unsaved = () => queue.length;

/** The reviewer's name, or null: then the field is shown and said. */
export function reviewer() {
  const name = $("reviewer").value.trim();
  if (name) return name;
  $("reviewer").focus();
  warn("Write your name first, each decision carries it. Then press Enter and decide.");
  return null;
}

/** Decides the current one and goes on to the next that is pending. */
export function decide(status) {
  const item = currentItem();
  if (!item) return say("There is nothing to decide.");
  if (state.mode !== "look") return say("Save or leave the outline first: Enter saves, Escape leaves.");
  if (state.painted !== item.id && !connection.lost) return say("This one is not on the screen yet. Look, then decide.");
  if (!save(item, { status })) return;
  const next = status === "pending" ? null : nextPending();
  const left = next === null && status !== "pending" ? ` All of these are ${blindList() ? "answered" : "decided"}.` : "";
  say(`${item.id}${blindList() ? ":" : " is"} ${words(status)}.${left}`);
  if (next) go(next);
}

const words = (status) => (status === null ? "pending again" : statusStyle(status).words);

/** Puts a person's act in the queue; the page shows it at once, marked as not saved. */
export function save(item, patch) {
  const name = reviewer();
  if (!name) return false;
  const said = { attributes: item.attributes ?? {}, remark: item.remark ?? "" };
  const act = { list: state.list, id: item.id, plane: item.plane, base: item.version, status: item.status, ...said, ...patch, reviewer: name, before: item };
  if (act.status === "pending" && patch.status === "pending") act.status = null;
  queue.push(act);
  state.touched = null;
  if (item.id !== null) put(shown(item, act));
  sortOutlines();
  emit("current-item");
  keep();
  send();
  return true;
}

const shown = (item, act) => ({ ...item, status: act.status ?? "pending", attributes: act.attributes, remark: act.remark, reviewer: act.reviewer, unsaved: true });

// A list has come from the server: what is not saved yet is laid over it.
on("fetched", () => {
  for (const act of queue) {
    const item = act.list === state.list && state.items.get(act.id);
    if (item) state.items.set(item.id, shown(item, act));
  }
});

async function send() {
  if (busy || !queue.length) return;
  busy = true;
  clearTimeout(timer);
  try {
    while (queue.length) await sendFirst();
  } catch (error) {
    if (!(error instanceof Lost)) throw error;
    timer = setTimeout(send, RETRY_MS);
  } finally {
    busy = false;
    keep();
  }
}

async function sendFirst() {
  const [act] = queue, { before, ...body } = act;
  let answer;
  try {
    answer = await post("api/decide", body);
  } catch (error) {
    if (!(error instanceof Refused) || error.status === 403) throw error instanceof Refused ? new Lost() : error;
    queue.shift();
    refuse(act, error);
    return;
  }
  queue.shift();
  for (const later of queue) if (later.id === act.id && later.list === act.list) later.base = answer.item.version;
  take(act, answer);
  keep();
}

function take(act, { item, items = [], conflict, waiting }) {
  [item, ...items].forEach((one) => recent.set(one.id, Date.now()));
  if (waiting !== undefined) state.waiting = waiting;
  const still = queue.some((later) => later.id === item.id);
  if (act.list === state.list && !still) put(item);
  items.filter((one) => one.id !== item.id).forEach(put);
  if (act.outlines || act.merged || act.id === null) {
    forgetWhole(item.id);
    forgetOutlines("detections");
    if (act.id === null || state.current === item.id) go(item.id);
  }
  sortOutlines();
  emit("current-item");
  if (conflict) {
    emit("conflict");
    warn(conflict.words || `${item.id}: another reviewer has decided otherwise meanwhile. It waits in the list of conflicts.`);
  }
}

function refuse(act, error) {
  if (act.list === state.list && act.id !== null && !queue.some((later) => later.id === act.id)) put(act.before);
  sortOutlines();
  emit("current-item");
  const back = act.id !== null && act.list === state.list ? [["Go there", () => go(act.id)]] : [];
  warn(`${act.id ?? "The new outline"} is not saved: ${error.message}`, ...back);
}

/** Takes back the last act: one that is not saved yet, or the server's last of this reviewer. */
export async function undo() {
  if (queue.length && !busy) {
    const act = queue.pop();
    if (act.id !== null) put(act.before);
    keep();
    sortOutlines();
    if (act.id !== null) go(act.id);
    return say(`Undone: ${act.id ?? "the new outline"} was not saved yet.`);
  }
  const name = reviewer();
  if (!name) return;
  try {
    taken(await post("api/undo", { reviewer: name, list: state.touched ?? state.list }));
  } catch (error) {
    error instanceof Lost ? warn("The server does not answer, nothing is undone.") : say(error.message);
  }
}

function taken({ item, items = [], words: said, waiting, counts }) {
  if (waiting !== undefined) state.waiting = waiting;
  if (counts) {
    Object.keys(counts).forEach((layer) => forgetOutlines(`drawn_${layer}`));
    return say(said || "Undone.");
  }
  forgetOutlines(blindList()?.draws ?? "detections");
  const here = [item, ...items].filter((one) => one && (state.items.has(one.id) || one.plane));
  here.forEach((one) => { forgetWhole(one.id); put(one); });
  sortOutlines();
  const [first] = here;
  if (first) go(first.id);
  else openList(state.list, state.current);
  say(said || (first ? `Undone: ${first.id} is ${statusStyle(first.status).words}${first.landforms === undefined ? "" : `, with ${first.landforms} outlined`}.` : "Undone."));
}

/** Sets an attribute or the remark of the current one. */
export function attribute(patch) {
  const item = currentItem();
  if (!item) return false;
  return save(item, "remark" in patch ? patch : { attributes: { ...item.attributes, ...patch } });
}

// --- what others do

on("event", async ({ changed, by, waiting, reload }) => {
  if (reload) return emit("reload");
  if (labelling()) return;
  if (waiting !== undefined) state.waiting = waiting;
  if (!changed?.length) return emit("queue");
  const layers = new Set(state.session.layers.map((one) => one.id));
  changed.filter((id) => layers.has(id)).forEach((id) => forgetOutlines(id));
  const mine = new Set(queue.map((act) => act.id));
  const own = by === $("reviewer").value.trim(), foreign = changed.filter((id) => !layers.has(id) && !mine.has(id) && !(own && Date.now() - (recent.get(id) ?? 0) < OWN_MS));
  if (!foreign.length) return;
  if (foreign.length > 20) return openList(state.list, state.current);
  for (const id of foreign) await refresh(id);
  emit("conflict");
});

async function refresh(id) {
  try {
    const item = await get(`api/item/${encodeURIComponent(state.list)}/${encodeURIComponent(id)}`);
    if (queue.some((act) => act.id === id)) return;
    const { outline, others, seen, ...short } = item, known = state.items.get(id);
    if (known?.version === short.version) return;
    forgetWhole(id);
    put({ ...known, ...short });
    if (!known || String(known.bounds) !== String(short.bounds) || known.area_m2 !== short.area_m2) forgetOutlines("detections");
    if (state.current === id) { state.detail = item; emit("detail"); }
    sortOutlines();
    emit("current-item");
  } catch { /* it belongs to another list */ }
}

on("connection", (back) => {
  if (connection.locked) return warn("This page's permission has ended: the server was started anew. Open the address that it printed; what is not saved yet is sent there.");
  if (back) {
    say("The server answers again.");
    send();
    openList(state.list, state.current);
  }
});

window.addEventListener("beforeunload", (event) => { if (queue.length) event.preventDefault(); });
