// Where two reviewers disagree: both statements side by side, one is taken.
import { $, state, on, element, words } from "./state.js";
import { get, post, Lost } from "./server.js";
import { go, openList, put } from "./items.js";
import { reviewer } from "./deciding.js";
import { glyph, statusStyle } from "./symbols.js";
import { say, warn } from "./speech.js";
import { forgetOutlines } from "./outlines.js";

const SHOWN = 50;
let items = [], count = 0;

async function load() {
  if (state.session.mode === "labels") return;
  try {
    const found = (await get("api/lists/conflicts")).items;
    items = await Promise.all(found.slice(0, SHOWN).map((one) => get(`api/item/conflicts/${encodeURIComponent(one.id)}`)));
    count = found.length;
    render();
  } catch (error) {
    if (!(error instanceof Lost)) warn(`The conflicts do not come: ${error.message}`);
  }
}

function render() {
  $("tab-conflicts").replaceChildren("Conflicts", ...(items.length ? [" ", element("b", { className: "badge" }, String(count))] : []));
  const intro = items.length ? "Two reviewers said different things of one place. It is pending until one statement is taken." : "No two reviewers disagree.";
  $("panel-conflicts").replaceChildren(element("h3", {}, "Conflicts"), element("p", { className: "hint" }, intro), ...items.map(card));
}

function card(conflict) {
  const { id } = conflict, show = () => (state.items.has(id) ? go(id) : openList("detections", id));
  const choices = conflict.statements.map((statement, number) => {
    const facts = Object.entries(statement.attributes ?? {}).filter(([, value]) => value).map(([, value]) => words(value));
    const text = [statement.reviewer || "somebody", ...facts, statement.remark || null].filter(Boolean).join(", ");
    return element("button", { className: "statement", onclick: () => resolve(conflict, number) }, glyph(statement.status), element("strong", {}, statusStyle(statement.status).words), element("span", {}, text));
  });
  return element("section", { className: "conflict", "aria-label": `Conflict about ${id}` }, element("button", { className: "plain", onclick: show }, id), ...choices);
}

async function resolve(conflict, choice) {
  const name = reviewer();
  if (!name) return;
  try {
    const answer = await post("api/resolve", { id: conflict.id, choice, reviewer: name });
    if (answer.item) put(answer.item);
    forgetOutlines("detections");
    say(`Resolved: ${conflict.id} is ${answer.item?.status ?? "decided"}.`);
    await load();
  } catch (error) {
    warn(`The conflict is not resolved: ${error.message}`);
  }
}

for (const what of ["session", "conflict", "panel-conflicts"]) on(what, load);
