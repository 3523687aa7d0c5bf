// The panel of the current one: its facts, buttons, attributes and remark; and the head with the progress.
import { state, on, $, element, words, hectares, currentItem, listOf, labelling, blindList } from "./state.js";
import { glyph, statusStyle } from "./symbols.js";
import { attribute, decide, undo, unsaved, reviewer } from "./deciding.js";
import { connection } from "./server.js";
import { step } from "./items.js";
import { choose } from "./palette.js";
import { warn } from "./speech.js";

const NAMES = { upslope_connection: "Upslope", activity: "Activity", kinematics: "Kinematics", outline_type: "Outline" };
const hand = new Map(); // acts that other modules give to the buttons

/** Lets the panel's buttons reach a tool without importing it. */
export const give = (name, act) => hand.set(name, act);

function button(name, key, title, act, properties = {}) {
  return element("button", { onclick: act, title: `${title} (${key})`, ...properties }, element("kbd", {}, key), " ", name);
}

function buttons() {
  const blind = blindList();
  $("this").classList.toggle("blind", Boolean(blind));
  if (blind) return $("buttons").replaceChildren(...answers(blind).map(([name, key, title, act, properties]) => button(name, key, title, act, properties)));
  const kind = listOf(state.list)?.kind ?? state.list, rescue = kind === "removed";
  const parts = [
    button(rescue ? "Take back" : "Accept", "a", rescue ? "Take this one back into the inventory" : "Accept", () => decide("accepted"), { className: "accept" }),
    button("Reject", "r", "Reject", () => decide("rejected"), { className: "reject" }),
    button("Mend", "e", "Mend the outline", () => hand.get("edit")()),
    button("Pending", "p", "Take the decision back, it is pending again", () => decide("pending")),
    button("Undo", "u", "Undo the last act", undo),
    button("New", "n", "Draw a new landform", () => hand.get("new")()),
    button("Previous", "↑", "Previous", () => step(-1)),
    button("Next", "↓", "Next", () => step(1)),
  ];
  $("buttons").replaceChildren(...parts);
}

// The buttons of a list of the sample.
function answers({ kind }) {
  const isPlace = kind === "places", main = isPlace ? "yes" : "done";
  return [
    [isPlace ? "Yes" : "Done", "a", isPlace ? "There is one at the cross" : "All of them are outlined", () => decide(main), { className: "accept" }],
    ...(isPlace ? [["No", "r", "There is none at the cross", () => decide("no"), { className: "reject" }]] : [["Outline", "n", "Outline a landform", () => hand.get("outline")()]]),
    ["Cannot say", "v", "The imagery does not show it", () => decide("cannot_say")],
    ["Not yet", "p", "Take the answer back", () => decide("pending")],
    ...(isPlace ? [] : [["Mend", "e", "Mend the chosen landform", () => hand.get("mend drawn")()], ["Delete", "Del", "Delete the chosen landform", () => hand.get("delete drawn")()]]),
    ["Undo", "u", "Undo the last act", undo],
    ["Previous", "↑", "Previous", () => step(-1)],
    ["Next", "↓", "Next", () => step(1)],
  ];
}

function question(item) {
  const landform = state.session.landform ?? "landform", blind = blindList(), [lon, lat] = item.lonlat ?? [0, 0];
  const asked = blind.kind === "places" ? `Is there a ${landform} at the cross?`
    : `Outline every ${landform} with its middle in this square, then answer done. ${item.landforms} outlined so far.`;
  const where = `${Math.abs(lat).toFixed(5)} ${lat < 0 ? "S" : "N"}, ${Math.abs(lon).toFixed(5)} ${lon < 0 ? "W" : "E"}`;
  return [asked, item.imagery ? `Answer on ${item.imagery}.` : null, where, item.reviewer && item.status !== "pending" ? `by ${item.reviewer}` : null, item.unsaved ? "not saved yet" : null].filter(Boolean).flatMap((one) => [element("br"), one]).slice(1);
}

function facts() {
  const item = currentItem(), detail = state.detail?.id === item?.id ? state.detail : null;
  $("this").classList.toggle("empty", !item);
  if (!item) {
    $("headline").replaceChildren(state.order.length ? "Nothing fits these filters" : "This list is empty");
    $("facts").replaceChildren();
    $("others").replaceChildren();
    return;
  }
  $("headline").replaceChildren(glyph(item.status), element("span", {}, item.id), element("span", { className: `state ${item.status}` }, statusStyle(item.status).words));
  if (blindList()) {
    $("others").replaceChildren();
    return $("facts").replaceChildren(...question(item));
  }
  const line = [
    item.confidence === null || item.confidence === undefined ? null : `confidence ${item.confidence.toFixed(2)}`,
    item.area_m2 ? hectares(item.area_m2) : null,
    item.tile ? `tile ${item.tile}` : null,
  ].filter(Boolean).join(", ");
  const said = [item.reason ? `removed: ${words(item.reason)}` : null, item.reviewer && item.status !== "pending" ? `by ${item.reviewer}` : null, item.in_inventory ? "in the inventory" : null, item.unsaved ? "not saved yet" : null].filter(Boolean).join(", ");
  $("facts").replaceChildren(line, ...(said ? [element("br"), said] : []));
  const others = (detail?.others ?? []).map((one) => (typeof one === "string" ? one : one.words));
  $("others").replaceChildren(...others.map((text) => element("li", {}, text)));
}

function attributes() {
  const item = currentItem(), names = Object.keys(state.session?.vocabularies ?? {}).filter((name) => name !== "status");
  $("attributes").replaceChildren(...names.map((name, number) => {
    const value = item?.attributes?.[name], label = NAMES[name] ?? words(name), key = String(number + 1);
    const text = element("span", { className: value ? "" : "unset" }, value ? words(value) : "not said");
    return element("button", { className: "attribute", id: `attribute-${name}`, disabled: !item, title: `${label} (${key})`, "aria-haspopup": "listbox", onclick: () => chooseAttribute(number) },
      element("kbd", {}, key), element("span", {}, label), text);
  }));
  const remark = $("remark");
  remark.disabled = !item;
  if (document.activeElement !== remark) remark.value = item?.remark ?? "";
}

/** Opens the words of the attribute with this number; a digit chooses. */
export function chooseAttribute(number) {
  const [name, list] = Object.entries(state.session.vocabularies).filter(([one]) => one !== "status")[number] ?? [];
  const item = currentItem();
  if (!name || !item) return;
  const options = [...list.map((word) => ({ value: word, text: words(word) })), { value: null, text: "not said" }];
  choose(`${NAMES[name] ?? words(name)} of ${item.id}`, options, item.attributes?.[name] ?? null, (value) => attribute({ [name]: value }));
}

function head() {
  if (!state.session) return;
  const total = state.items.size, done = [...state.items.values()].filter((one) => one.status !== "pending").length;
  $("progress").max = Math.max(1, total);
  $("progress").value = done;
  $("progress-text").textContent = total ? `${done} of ${total} ${blindList() ? "answered" : "decided"}` : "";
  const waiting = unsaved(), box = $("saving");
  box.className = connection.lost || connection.locked ? "plain lost" : waiting ? "plain busy" : "plain";
  const lost = connection.locked ? "Start anew" : "No connection";
  box.textContent = connection.lost || connection.locked ? (waiting ? `${lost}: ${waiting} not saved` : lost) : waiting ? `Saving ${waiting}` : "All saved";
  document.body.classList.toggle("lost", connection.lost);
}

$("saving").addEventListener("click", () => {
  const waiting = unsaved();
  if (connection.lost) warn(`The server does not answer. ${waiting ? `${waiting} decisions are kept on this page and saved when it does.` : "Nothing is lost: all decisions are saved."} If it has ended, start lobate review again.`);
  else if (!waiting) warn("Every decision is on the disk. You may close this page at any time.");
});

function keepRemark() {
  const item = currentItem();
  if (item && $("remark").value.trim() !== (item.remark ?? "")) attribute({ remark: $("remark").value.trim() });
}
$("remark").addEventListener("change", keepRemark);
$("reviewer").addEventListener("change", () => {
  try { localStorage.setItem("lobate reviewer", $("reviewer").value.trim()); } catch { /* the name is asked again */ }
});

/** Puts the name that is known: of the command line, else of the last time. */
export function recallReviewer() {
  let kept = "";
  try { kept = localStorage.getItem("lobate reviewer") ?? ""; } catch { /* not kept */ }
  $("reviewer").value = kept || state.session.reviewer || "";
}

on("session", () => {
  $("region").textContent = state.session.region;
  document.title = `${state.session.region}: review`;
  $("labelling").hidden = !labelling();
  $("this").hidden = labelling();
  buttons();
  head();
});
on("list", buttons);
for (const what of ["current", "detail", "items", "current-item", "list"]) on(what, () => { facts(); attributes(); head(); });
for (const what of ["queue", "connection"]) on(what, () => { head(); facts(); });
export { reviewer };
