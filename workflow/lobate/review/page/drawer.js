// The drawer beside the map: list, layers, conflicts or run; on a narrow window it lies over the map.
import { $, emit, on, state, labelling } from "./state.js";

const PANELS = ["list", "layers", "conflicts", "run"];
const NARROW = matchMedia("(max-width: 62rem)");
let open = null;

/** Opens a panel; with `toggle`, an open one is closed. */
export function openPanel(name, toggle = false) {
  if (toggle && open === name) return closePanel(), undefined;
  open = name;
  render();
  emit(`panel-${name}`);
  if (toggle && name !== "list") $(`panel-${name}`).focus(); // not its first list: the next key must not choose from it
  if (toggle && name === "list") $("list").focus();
}

/** Closes the drawer; `over`: only where it lies over the map. Returns whether it was closed. */
export function closePanel(over = false) {
  if (open === null || (over && !NARROW.matches)) return false;
  open = null;
  render();
  $("canvas").focus();
  return true;
}

function render() {
  document.body.classList.toggle("drawer-open", open !== null);
  $("drawer").hidden = open === null;
  for (const name of PANELS) {
    $(`panel-${name}`).hidden = name !== open;
    const tab = $(`tab-${name}`);
    tab.setAttribute("aria-selected", String(name === open));
    tab.tabIndex = name === (open ?? "list") ? 0 : -1;
  }
}

for (const name of PANELS) $(`panel-${name}`).tabIndex = -1;
for (const name of PANELS) $(`tab-${name}`).addEventListener("click", () => openPanel(name, open === name));
$("tabs").addEventListener("keydown", (event) => {
  const way = { ArrowRight: 1, ArrowLeft: -1 }[event.key], at = PANELS.findIndex((name) => event.target.id === `tab-${name}`);
  if (!way || at < 0) return;
  event.preventDefault();
  event.stopPropagation();
  $(`tab-${PANELS[(at + way + PANELS.length) % PANELS.length]}`).focus();
});
$("drawer-close").addEventListener("click", () => closePanel());
on("session", () => {
  $("tab-conflicts").hidden = labelling();
  if (open === null && !state.begun && !NARROW.matches) openPanel(labelling() ? "layers" : "list");
  $("tab-list").hidden = labelling();
  state.begun = true;
});
render();
