"use strict";
// Deciding, and going from one detection to the next.

// Says what happened, on the picture and to a screen reader.
function tell(text, wrong = false) {
  $("message").textContent = text;
  $("message").classList.toggle("wrong", wrong);
}

const visible = () => detections.map((_, i) => i).filter((i) => ["all", entries[i].status].includes($("filter").value));

// Whether the outline is another than the one that was shown when it was drawn.
const differs = (i) => !same(entries[i].outline, entries[i].seen ?? shown[i]);

const introduced = (i) => `${detections[i].id}, confidence ${detections[i].confidence.toFixed(2)}, ${entries[i].status}`;

function decide(status) {
  const i = state.current;
  if (!detections.length) return tell("There is no detection to decide.");
  if (status === "pending" && entries[i].status === "pending") return tell(`${detections[i].id} is pending already.`);
  change(i, status === "pending" ? { status, outline: null, seen: null } : { status: status === "accepted" && entries[i].outline && differs(i) ? "edited" : status });
  mend(false);
  if (status === "pending") { draw(); return tell(`${detections[i].id} is pending again.`); }
  const open = detections.map((_, k) => k).filter((k) => entries[k].status === "pending"), next = open.find((k) => k > i) ?? open[0];
  next === undefined ? draw() : go(next, true);
  tell(`${detections[i].id} ${entries[i].status}. ${next === undefined ? "All are decided: press s to save." : `Now ${introduced(next)}.`}`);
}

function step(way) {
  const list = visible(), beyond = list.filter((i) => (way > 0 ? i > state.current : i < state.current));
  if (!beyond.length) return tell(way > 0 ? "This is the last one." : "This is the first one.");
  mend(false);
  go(way > 0 ? beyond[0] : beyond.at(-1));
}

function go(i, silent = false) {
  if (!detections.length) return;
  $("list").children[state.current]?.setAttribute("aria-selected", "false");
  state.current = i;
  state.vertex = null;
  const row = $("list").children[i];
  row.setAttribute("aria-selected", "true");
  $("list").setAttribute("aria-activedescendant", row.id);
  reveal(row);
  if (!silent) tell(`${introduced(i)}.`);
  facts();
  look(i);
}

// Shows a row of the list without moving the page, which on a phone would move the picture away.
function reveal(row) {
  const list = $("list"), top = row.offsetTop - list.offsetTop;
  if (top < list.scrollTop) list.scrollTop = top;
  else if (top + row.offsetHeight > list.scrollTop + list.clientHeight) list.scrollTop = top + row.offsetHeight - list.clientHeight;
}
