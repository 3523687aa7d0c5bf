"use strict";
// Decisions of a file, of another model's page, or of another tab find their place by their outlines. Nothing is overwritten:
// where two statements contradict each other, the person is asked.

const SAME_IOU = 0.95;

// Understands a feature of a decisions file.
function understood(raw) {
  const { type, coordinates } = raw.geometry, said = raw.properties ?? {}, outline = opened(type === "Polygon" ? [coordinates] : coordinates);
  if (!["Polygon", "MultiPolygon"].includes(type)) throw new Error(`a ${type} in it is no outline`);
  if (!outline.length || outline.flat().some((ring) => ring.length < 3)) throw new Error("an outline in it is empty");
  const { detection, status, reviewer, remark, seen, ...rest } = said, first = fromWkt(seen);
  const word = String(status ?? "pending").trim().toLowerCase();
  if (!STATUSES.includes(word)) throw new Error(`it has the status ${word}`);
  const one = { ...FRESH, status: word, outline, seen: first, detection: detection ?? null, reviewer: String(reviewer ?? ""), remark: String(remark ?? "") };
  const unknown = [];
  for (const [field, words] of Object.entries(data.vocabularies)) {
    if (words.includes(rest[field])) one[field] = rest[field];
    else if (rest[field]) unknown.push(`${field}: ${rest[field]}`);
    delete rest[field];
  }
  one.remark = [one.remark, ...unknown].filter(Boolean).join("; ");  // words of no vocabulary are not lost
  if (Object.keys(rest).length) one.extra = rest;
  return { sid: `file ${hash(JSON.stringify(raw))}`, one, outline, first, unknown: unknown.length };
}

// How well a statement fits the outline of a detection: its IoU, 2 where it was made about this very outline.
function fit({ outline, first, box }, shape, itsBox) {
  if (apart(box, itsBox)) return 0;
  if (first && same(first, shape)) return 2;
  return Math.max(iou(outline, shape), first && !same(first, outline) ? iou(first, shape) : 0);
}

// Finds the place of each statement: [statement, sid of a detection or of a carried statement, whether it is the first there].
function placed(incoming) {
  incoming.forEach((one) => { one.box = bounds(one.first ? [...one.outline, ...one.first] : one.outline); });
  const targets = [
    ...detections.map((_, i) => ({ sid: sids[i], shape: shown[i], box: boxes[i] })),
    ...[...carried].map(([sid, one]) => ({ sid, shape: standing(one), box: bounds(standing(one)) })),
  ];
  const fits = [];
  incoming.forEach((one, f) => targets.forEach((target, t) => {
    const share = fit(one, target.shape, target.box);
    if (share >= data.match_iou) fits.push([f, t, share]);
  }));
  fits.sort((a, b) => b[2] - a[2] || a[0] - b[0] || a[1] - b[1]);
  const taken = new Set(), best = new Map();
  for (const [f, t] of fits) if (!taken.has(t) && !best.has(f)) { taken.add(t); best.set(f, t); }
  const second = new Map();
  for (const [f, t] of fits) if (!best.has(f) && !second.has(f)) second.set(f, t);
  return incoming.map((one, f) => [one, targets[best.get(f) ?? second.get(f)]?.sid, best.has(f)]);
}

// A statement as one of a detection: its outlines are left out where they are the detection's own.
function about(i, { one, outline, first }) {
  const exact = (first && same(first, shown[i])) || one.status === "pending";  // a pending one has the outline of this page
  if (one.status === "pending") outline = shown[i];
  return { ...pick({ ...FRESH, ...one }, Object.keys(FRESH)), outline: exact && same(outline, shown[i]) ? null : outline, seen: exact ? null : first };
}

// Two statements about one place: what they are together, and the fields in which they contradict each other.
function combine(mine, theirs) {
  if (!says(mine)) return { after: { ...mine, ...theirs }, clash: [] };
  const after = { ...mine }, clash = [], both = stands(mine.status) && stands(theirs.status);
  if (theirs.status !== "pending" && mine.status !== theirs.status) {
    if (mine.status === "pending" || (both && theirs.status === "edited")) Object.assign(after, pick(theirs, ["status", "outline", "seen", "reviewer"]));
    else if (!both) clash.push("status");
  } else if (mine.status === "edited" && theirs.status === "edited" && mine.outline && theirs.outline && iou(mine.outline, theirs.outline) < SAME_IOU) clash.push("outline");
  for (const field of ATTRIBUTES) {
    if (mine[field] && theirs[field] && mine[field] !== theirs[field]) clash.push(field);
    else after[field] = mine[field] || theirs[field];
  }
  if (!mine.remark.includes(theirs.remark)) after.remark = [mine.remark, theirs.remark].filter(Boolean).join("; ");
  after.reviewer ||= theirs.reviewer;
  return { after, clash };
}

const taking = (theirs, clash) => pick(theirs, clash.flatMap((field) => (field === "status" || field === "outline" ? ["status", "outline", "seen", "reviewer"] : [field])));

// Statements that this browser keeps of other models' pages: they become those of the detections here. Returns contradictions.
function adopt(others) {
  const clashes = [];
  for (const [item, sid, first] of placed(others)) {
    if (item.fresh) unsaved.add(item.sid);
    const i = indexOf.get(sid);
    if (sid === undefined) { carried.set(item.sid, { ...item.one, outline: item.outline, seen: item.first }); continue; }
    const theirs = i === undefined ? { ...item.one, outline: item.outline, seen: item.first } : about(i, item);
    if (i !== undefined && first && sids[i] === detections[i].key && same(entries[i], applied[i])) {
      const newer = !says(applied[i]) || item.base === digest(applied[i]), { after, clash } = newer ? { after: theirs, clash: [] } : combine(theirs, applied[i]);
      Object.assign(entries[i], after);
      indexOf.set(item.sid, i);
      sids[i] = item.sid;
      if (clash.length) clashes.push({ sid: item.sid, theirs: applied[i], clash });
      continue;
    }
    const { after, clash } = combine(now(sid), theirs);
    put(sid, after);
    if (clash.length) clashes.push({ sid, theirs, clash, left: item.sid });
  }
  return clashes;
}

// --- loading a file: a merge that can be undone

async function load(text) {
  let incoming;
  try { incoming = JSON.parse(text).features.map(understood); } catch (error) {
    return tell(`This is no decisions file: ${error.message}. Load a GeoJSON that this page has saved.`, true);
  }
  const news = new Map(), clashes = [];
  for (const item of incoming) item.away = !onGround(bounds(item.outline));
  for (const [item, found] of placed(incoming)) {
    const sid = found ?? item.sid, i = indexOf.get(sid);
    const theirs = i === undefined ? item.one : about(i, item);
    const mine = news.get(sid) ?? now(sid);
    if (!mine) { news.set(sid, theirs); continue; }
    const { after, clash } = combine(mine, theirs);
    if (clash.length) clashes.push({ sid, theirs, clash });
    news.set(sid, after);
  }
  const answers = clashes.length ? await ask(clashes.map((one) => ({ ...one, mine: news.get(one.sid) })), "the file") : [];
  if (!answers) return tell("Nothing was loaded.");
  clashes.forEach(({ sid, theirs, clash }, k) => { if (answers[k]) news.set(sid, { ...news.get(sid), ...taking(theirs, clash) }); });
  const changes = [...news].map(([sid, after]) => ({ sid, before: now(sid) && { ...now(sid) }, after })).filter(({ before, after }) => !same(before, after));
  if (changes.length) act(changes);
  facts();
  draw();
  const kept = incoming.filter((one) => carried.has(one.sid)).length, unknown = incoming.reduce((sum, one) => sum + one.unknown, 0), away = incoming.filter((one) => one.away).length;
  tell([
    `${incoming.length} decisions loaded, ${changes.length} of them new or changed.`,
    kept ? `${kept} fit no detection here; they are kept for the next file${away ? ` (${away} of them lie off this page's images)` : ""}.` : "",
    unknown ? `${unknown} unknown words stand in the remarks.` : "",
    changes.length ? "z undoes it." : "",
  ].filter(Boolean).join(" "));
}

// --- asking

const WORDS = { status: "decision", outline: "outline" };

function saying(one, clash) {
  return clash.map((field) => `${WORDS[field] ?? field.replaceAll("_", " ")}: ${field === "outline" ? "as drawn" : one[field].replaceAll("_", " ")}`).join(", ") + (one.reviewer ? ` (by ${one.reviewer})` : "");
}

// Asks about contradictions {sid, mine, theirs, clash}; resolves to whether theirs stands for each, or to null.
function ask(clashes, other) {
  $("clash-title").textContent = `${clashes.length} contradiction${clashes.length === 1 ? "" : "s"} with ${other}`;
  $("clash-rows").replaceChildren(...clashes.map(({ sid, mine, theirs, clash }, k) => {
    const row = document.createElement("fieldset"), name = document.createElement("legend"), i = indexOf.get(sid);
    name.textContent = i === undefined ? `A place without a detection (${now(sid)?.detection ?? mine.detection ?? "drawn"})` : detections[i].id;
    row.append(name);
    [["this page", mine], [other, theirs]].forEach(([who, one], side) => {
      const label = document.createElement("label"), choice = Object.assign(document.createElement("input"), { type: "radio", name: `clash-${k}`, value: String(side), checked: !side });
      label.append(choice, `${who} says ${saying(one, clash)}`);
      row.append(label);
    });
    return row;
  }));
  const dialog = $("clashes"), choose = (side) => dialog.querySelectorAll(`input[value="${side}"]`).forEach((one) => { one.checked = true; });
  $("clash-mine").onclick = () => choose(0);
  $("clash-theirs").onclick = () => choose(1);
  $("clash-theirs").textContent = `All as ${other} says`;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => {
    resolve(dialog.returnValue === "yes" ? clashes.map((_, k) => dialog.querySelector(`input[name="clash-${k}"]:checked`).value === "1") : null);
  }, { once: true }));
}

// Contradictions found when the page was opened: between what this browser keeps and the region's files, or another model's page.
async function settleEarlier(clashes) {
  if (!clashes.length) return;
  const answers = await ask(clashes.map((one) => ({ ...one, mine: now(one.sid) })), "the region's file or an earlier page");
  if (!answers) return tell("This browser's decisions stand; it asks again when the page is opened.");
  const changes = clashes.flatMap(({ sid, theirs, clash, left }, k) => {
    const after = answers[k] ? taking(theirs, clash) : pick(now(sid), ["status"]);
    return [{ sid, before: pick(now(sid), Object.keys(after)), after }, ...(left ? [{ sid: left, before: known.has(left) ? parsed(known.get(left)).one : null, after: null }] : [])];
  });
  act(changes);
  facts();
  draw();
}
