// The panel of the list: filters, rows or thumbnails. Only the rows in sight are built, so that ten thousand scroll well.
import { state, on, $, element, hectares, words, blindList } from "./state.js";
import { filters, filter, sort, openList, go, step, ORDERS } from "./items.js";
import { glyph, statusStyle, STATUS } from "./symbols.js";
import { address } from "./server.js";
import { say } from "./speech.js";

const list = $("list"), rows = $("rows"), LINE = matchMedia("(pointer: coarse)").matches ? 44 : 34, CELL = 104;
let grid = false;

const columns = () => (grid ? Math.max(1, Math.floor((list.clientWidth - 4) / CELL)) : 1);
const height = () => (grid ? CELL : LINE);

function render() {
  const across = columns(), tall = height(), count = Math.ceil(state.shown.length / across);
  rows.style.height = `${count * tall}px`;
  const first = Math.max(0, Math.floor(list.scrollTop / tall) - 2), last = Math.min(count, Math.ceil((list.scrollTop + list.clientHeight) / tall) + 2);
  const made = [];
  for (let i = first * across; i < Math.min(last * across, state.shown.length); i++) made.push(cell(i, across, tall));
  rows.replaceChildren(...made);
  const active = $(`row-${state.shown.indexOf(state.current)}`);
  active ? list.setAttribute("aria-activedescendant", active.id) : list.removeAttribute("aria-activedescendant");
}

function cell(i, across, tall) {
  const item = state.items.get(state.shown[i]), chosen = item.id === state.current;
  const properties = {
    role: "option", id: `row-${i}`, className: grid ? "cell" : "row", "aria-selected": String(chosen), "aria-posinset": String(i + 1), "aria-setsize": String(state.shown.length),
    title: [item.id, statusStyle(item.status).words, item.remark].filter(Boolean).join(", "), onclick: () => { go(item.id); $("canvas").focus(); },
  };
  const mark = glyph(item.status), name = element("span", { className: "name" }, item.id);
  const number = item.confidence ?? null;
  const tail = element("span", { className: "number" }, number === null ? "" : number.toFixed(2), element("span", { className: "hidden" }, `, ${words(item.status)}`));
  const parts = grid ? [thumbnail(item), mark, name] : [mark, name, element("span", { className: "area" }, item.area_m2 ? hectares(item.area_m2) : ""), tail];
  const made = element("div", properties, ...parts);
  made.style.transform = grid ? `translate(${(i % across) * CELL}px, ${Math.floor(i / across) * tall}px)` : `translateY(${i * tall}px)`;
  if (!grid) made.style.height = `${LINE}px`;
  if (item.unsaved) made.classList.add("unsaved");
  return made;
}

function thumbnail(item) {
  const source = address(`thumbnail/${encodeURIComponent(state.list)}/${encodeURIComponent(item.id)}.png`, { size: 96 * Math.ceil(window.devicePixelRatio || 1), v: item.version });
  return element("img", { src: source, alt: "", loading: "lazy", decoding: "async", width: 96, height: 96 });
}

function reveal() {
  const i = state.shown.indexOf(state.current);
  if (i < 0) return render();
  const top = Math.floor(i / columns()) * height();
  if (top < list.scrollTop) list.scrollTop = top;
  else if (top + height() > list.scrollTop + list.clientHeight) list.scrollTop = top + height() - list.clientHeight;
  render();
}

/** Rows or thumbnails. */
export function toggleGrid() {
  grid = !grid;
  $("grid").setAttribute("aria-pressed", String(grid));
  list.classList.toggle("grid", grid);
  document.body.classList.toggle("with-grid", grid);
  say(grid ? "Thumbnails." : "Rows.");
  requestAnimationFrame(reveal);
}

let frame = 0;
list.addEventListener("scroll", () => { cancelAnimationFrame(frame); frame = requestAnimationFrame(render); });
new ResizeObserver(render).observe(list);
list.addEventListener("keydown", (event) => {
  const across = columns(), way = { ArrowDown: across, ArrowUp: -across, ArrowRight: grid ? 1 : 0, ArrowLeft: grid ? -1 : 0, PageDown: 10 * across, PageUp: -10 * across }[event.key];
  const end = { Home: 0, End: state.shown.length - 1 }[event.key];
  if (!way && end === undefined) return;
  event.preventDefault();
  event.stopPropagation();
  const at = state.shown.indexOf(state.current), to = end ?? Math.min(state.shown.length - 1, Math.max(0, at + way));
  if (at < 0) return step(way > 0 ? 1 : -1);
  if (state.shown[to]) go(state.shown[to]);
});
$("grid").addEventListener("click", toggleGrid);

// --- filters

const options = (select, pairs, chosen) => select.replaceChildren(...pairs.map(([value, text]) => new Option(text, value, false, value === chosen)));

on("session", () => {
  const lists = state.session.lists.filter((one) => one.kind !== "conflicts" && one.id !== "conflicts");
  options($("which"), lists.map((one) => [one.id, one.count === undefined ? one.title : `${one.title} (${one.count})`]), state.list);
  statuses();
  options($("tile"), [["", "all"], ...state.session.tiles.map((one) => [one.name, one.name])], filters.tile);
  options($("sort"), Object.entries(ORDERS), filters.sort);
});
// The states of this list to choose from; a list of the sample is neither sorted nor filtered by anything else.
function statuses() {
  const blind = blindList(), names = blind ? ["pending", ...blind.answers] : Object.keys(STATUS);
  if (!names.includes(filters.status)) filters.status = "";
  options($("status"), [["", "all"], ...names.map((one) => [one, statusStyle(one).words])], filters.status);
  $("more").hidden = $("grid").hidden = Boolean(blind);
  if (blind && grid) toggleGrid();
}
on("fetched", statuses);

$("which").addEventListener("change", () => openList($("which").value));
for (const name of ["status", "tile", "search", "min_confidence", "max_confidence", "min_area", "max_area"]) {
  $(name).addEventListener("input", () => {
    filters[name] = $(name).value;
    filter();
    if (!state.shown.includes(state.current) && state.shown.length) go(state.shown[0]);
  });
}
$("search").addEventListener("keydown", (event) => { if (event.key === "Enter") $("canvas").focus(); });
$("sort").addEventListener("change", () => { filters.sort = $("sort").value; sort(); reveal(); });

on("items", () => {
  $("found").textContent = state.shown.length === state.order.length ? `${state.order.length}` : `${state.shown.length} of ${state.order.length}`;
  render();
});
on("list", () => { $("which").value = state.list; list.scrollTop = 0; });
on("current", reveal);
on("current-item", render);
