// The map: a view box over the picture and the outlines; mouse, touch and keys pan and zoom it.

const map = document.getElementById("view");
const about = document.getElementById("about");
const outlines = [...map.querySelectorAll(".landform")];
const whole = { x: 0, y: 0, w: Number(map.dataset.width), h: Number(map.dataset.height) };
const marks = [...map.querySelectorAll(".dot, .hole")];
const scale = document.getElementById("scale");
const MAX_ZOOM = 40;
const SMALL = 9; // pixels on the screen below which an outline is a marker
let view = { ...whole };

function show(next) {
  const w = Math.min(whole.w, Math.max(whole.w / MAX_ZOOM, next.w)), h = (w * whole.h) / whole.w;
  const x = Math.min(Math.max(next.x, -w / 2), whole.w - w / 2), y = Math.min(Math.max(next.y, -h / 2), whole.h - h / 2);
  view = { x, y, w, h };
  map.setAttribute("viewBox", `${x} ${y} ${w} ${h}`);
  mark();
  drawScale();
}

// Small outlines are markers: filled where a person has looked, hollow where nobody has.
function mark() {
  const onScreen = screenScale();
  marks.forEach((each) => each.classList.toggle("shown", each.dataset.size * onScreen < SMALL));
}

function drawScale() {
  const longest = 0.2 * view.w * Number(scale.dataset.pixel), power = 10 ** Math.floor(Math.log10(longest));
  const metres = [5, 2, 1].find((step) => step * power <= longest) * power;
  const unit = Math.max(view.w / 1000, 0.8 / screenScale()); // letters of 12 pixels or more on a phone, too
  const length = metres / Number(scale.dataset.pixel) / unit;
  scale.setAttribute("transform", `translate(${view.x + 20 * unit} ${view.y + view.h - 25 * unit}) scale(${unit})`);
  scale.querySelector("path").setAttribute("d", `M0 -4V4H${length}V-4`);
  scale.querySelector("rect").setAttribute("width", length + 16);
  scale.querySelector("text").textContent = metres >= 1000 ? `${metres / 1000} km` : `${Number(metres.toPrecision(1))} m`;
}

const screenScale = () => map.getScreenCTM().a;
const pan = (dx, dy) => show({ ...view, x: view.x + dx, y: view.y + dy });

function zoom(factor, at = { x: view.x + view.w / 2, y: view.y + view.h / 2 }) {
  const w = Math.min(whole.w, Math.max(whole.w / MAX_ZOOM, view.w * factor)), by = w / view.w;
  show({ x: at.x - (at.x - view.x) * by, y: at.y - (at.y - view.y) * by, w });
}

function mapPoint(event) {
  const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(map.getScreenCTM().inverse());
  return { x: point.x, y: point.y };
}

// Shows the attributes of an outline, as text and never as HTML.
function describe(outline) {
  outlines.forEach((path) => path.classList.toggle("over", path === outline));
  about.replaceChildren();
  if (!outline) return;
  const cells = [...byNumber.get(outline.dataset.row).cells].map((cell) => cell.textContent);
  const title = document.createElement("b");
  title.textContent = cells[0];
  about.append(title);
  cells.forEach((value, column) => {
    if (!column || value === "") return;
    const line = document.createElement("span");
    line.textContent = `${names[column]}: ${value}`;
    about.append(line);
  });
}

function selectRow(row) {
  const outline = outlines.find((path) => path.dataset.row === row.dataset.row);
  rows.forEach((each) => each.classList.toggle("chosen", each === row));
  const box = outline.getBBox(), side = Math.max(box.width, (box.height * whole.w) / whole.h, whole.w / 60);
  show({ x: box.x + box.width / 2 - 2 * side, y: box.y + box.height / 2 - (2 * side * whole.h) / whole.w, w: 4 * side });
  describe(outline);
  map.scrollIntoView({ block: "nearest" });
}

function hideOutlines() {
  const methods = new Map([...document.querySelectorAll("input.method")].map((box) => [box.value, box.checked]));
  for (const outline of [...outlines, ...marks]) {
    const row = byNumber.get(outline.dataset.row);
    outline.classList.toggle("gone", !methods.get(outline.parentNode.id) || row.classList.contains("gone"));
  }
}

const KEYS = {
  ArrowLeft: () => pan(-view.w / 8, 0), ArrowRight: () => pan(view.w / 8, 0), ArrowUp: () => pan(0, -view.h / 8),
  ArrowDown: () => pan(0, view.h / 8), "+": () => zoom(0.7), "=": () => zoom(0.7), "-": () => zoom(1 / 0.7),
  0: () => show(whole), Escape: () => describe(null),
};

map.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
  event.preventDefault();
  KEYS[event.key]();
});

let dragStart = null;
map.addEventListener("pointerdown", (event) => {
  dragStart = { x: event.clientX, y: event.clientY };
});
map.addEventListener("pointermove", (event) => {
  if (!dragStart || !event.buttons) return;
  if (!map.hasPointerCapture(event.pointerId)) map.setPointerCapture(event.pointerId);
  pan((dragStart.x - event.clientX) / screenScale(), (dragStart.y - event.clientY) / screenScale());
  dragStart = { x: event.clientX, y: event.clientY };
});
map.addEventListener("pointerup", () => { dragStart = null; });
map.addEventListener("pointerover", (event) => { if (!event.buttons && event.target.classList.contains("landform")) describe(event.target); });
map.addEventListener("pointerout", (event) => { if (!event.buttons && event.target.classList.contains("landform")) describe(null); });
map.addEventListener("wheel", (event) => {
  if (!event.ctrlKey) return; // without Ctrl the wheel scrolls the page
  event.preventDefault();
  zoom(event.deltaY < 0 ? 0.8 : 1.25, mapPoint(event));
}, { passive: false });

document.getElementById("zoom-in").addEventListener("click", () => zoom(0.7));
document.getElementById("zoom-out").addEventListener("click", () => zoom(1 / 0.7));
document.getElementById("show-all").addEventListener("click", () => show(whole));
const contours = document.getElementById("contours");
contours?.addEventListener("change", () => document.getElementById("contour-lines").classList.toggle("gone", !contours.checked));
addEventListener("resize", () => show(view));
document.querySelectorAll("input.method").forEach((box) => box.addEventListener("change", hideOutlines));
document.addEventListener("filtered", hideOutlines);
body.addEventListener("click", (event) => {
  const button = event.target.closest("th button");
  if (button) selectRow(button.closest("tr"));
});
filter();
show(whole);
