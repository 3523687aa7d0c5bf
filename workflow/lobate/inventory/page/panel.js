"use strict";
// The panel beside the picture: facts, form, list and legend. All text from data is set as text.

function node(name, properties = {}, ...children) {
  const one = Object.assign(document.createElement(name), properties);
  one.append(...children);
  return one;
}

const SVG = document.querySelector("svg").namespaceURI;

function drawing(box, className, attributes) {
  const svg = document.createElementNS(SVG, "svg"), path = document.createElementNS(SVG, "path");
  Object.entries({ viewBox: box, class: className, "aria-hidden": "true" }).forEach(([name, value]) => svg.setAttribute(name, value));
  Object.entries(attributes).forEach(([name, value]) => path.setAttribute(name, value));
  svg.append(path);
  return svg;
}

const glyph = (status) => drawing("0 0 16 16", "glyph", { d: LOOK[status].shape });
const swatch = ({ colour, dash }) => drawing("0 0 40 10", "swatch", { d: "M1 5h38", stroke: colour, "stroke-dasharray": dash.join(" ") });

function facts() {
  const one = detections[state.current], entry = entries[state.current];
  if (!one) return void $("facts").replaceChildren("There is no detection to review.");
  const area = one.area_m2 === null ? "" : `, ${(one.area_m2 / 1e6).toFixed(3)} km²`, by = entry.reviewer ? `; by ${entry.reviewer}` : "";
  const told = same(entry, applied[state.current]) && says(entry) ? "; in the region's file" : "";
  $("facts").replaceChildren(node("strong", {}, glyph(entry.status), ` ${one.id}: ${entry.status}`), node("br"), `confidence ${one.confidence.toFixed(2)}${area}`, node("br"), `${one.note}${by}${told}`);
  form();
}

function form() {
  const entry = entries[state.current] ?? FRESH;
  FIELDS.forEach((field) => { if ($(field).value !== entry[field]) $(field).value = entry[field]; });
}

function refresh(i) {
  const row = $("list").children[i], { status } = entries[i];
  row.lastChild.replaceChildren(glyph(status), ` ${status}`);
  row.hidden = !["all", status].includes($("filter").value);
  if (i === state.current) facts();
}

function progress() {
  const decided = entries.filter((one) => one.status !== "pending").length;
  $("progress").max = Math.max(1, entries.length);
  $("progress").value = decided;
  $("progress-text").textContent = `${decided} of ${entries.length} decided${carried.size ? `, ${carried.size} fit none here` : ""}`;
  $("unsaved").textContent = unsaved.size ? `${unsaved.size} unsaved` : "";
  $("carried-row").hidden = !carried.size;
  $("carried-text").textContent = `${carried.size} decisions that fit no detection here: kept for the file`;
}

function options(select, words) {
  select.replaceChildren(...words.map(([value, text]) => new Option(text, value)));
}

function build() {
  for (const [field, words] of Object.entries(data.vocabularies)) options($(field), [["", "0 (not said)"], ...words.map((word, k) => [word, `${k + 1} ${word.replaceAll("_", " ")}`])]);
  options($("filter"), [["all", "0 all"], ...STATUSES.map((status, k) => [status, `${k + 1} ${status}`])]);
  $("list").append(...detections.map((one, i) => {
    const row = node("li", { id: `row-${i}`, role: "option" }, node("span", {}, `${one.id} (${one.confidence.toFixed(2)})`), node("span"));
    row.setAttribute("aria-selected", "false");
    row.addEventListener("click", () => { mend(false); go(i); });
    return row;
  }));
  const layers = Object.entries({ neighbours: "other detections, in the look of their state", ...data.layers }).filter(([name]) => !name.startsWith("contours") || data.context[name]?.length);
  $("legend").prepend(...layers.map(([name, words]) => node("label", {}, box(name), swatch(LOOK[name]), node("span", {}, words))));
  $("carried-row").prepend(box("carried"));
  $("states").append(...STATUSES.map((status) => node("span", {}, swatch(LOOK[status]), glyph(status), ` ${status}`)));
}

function box(name) {
  const one = node("input", { type: "checkbox", id: `layer-${name}`, checked: true });
  one.addEventListener("change", draw);
  return one;
}
