// The map: a window onto the ground's picture and the outlines, moved by mouse, touch or keys.

const map = document.getElementById("view");
const about = document.getElementById("about");
const outlines = [...map.querySelectorAll(".landform")];
const whole = { x: 0, y: 0, w: Number(map.dataset.width), h: Number(map.dataset.height) };
const MOST = 40;
let view = { ...whole };

function show(next) {
  const w = Math.min(whole.w, Math.max(whole.w / MOST, next.w)), h = (w * whole.h) / whole.w;
  const x = Math.min(Math.max(next.x, -w / 2), whole.w - w / 2), y = Math.min(Math.max(next.y, -h / 2), whole.h - h / 2);
  view = { x, y, w, h };
  map.setAttribute("viewBox", `${x} ${y} ${w} ${h}`);
}

const toPage = () => { const m = map.getScreenCTM(); return m.a; };
const pan = (dx, dy) => show({ ...view, x: view.x + dx, y: view.y + dy });

function zoom(factor, at = { x: view.x + view.w / 2, y: view.y + view.h / 2 }) {
  const w = Math.min(whole.w, Math.max(whole.w / MOST, view.w * factor)), by = w / view.w;
  show({ x: at.x - (at.x - view.x) * by, y: at.y - (at.y - view.y) * by, w });
}

function place(event) {
  const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(map.getScreenCTM().inverse());
  return { x: point.x, y: point.y };
}

// Shows the attributes of an outline, as text and never as HTML.
function describe(outline) {
  outlines.forEach((other) => other.classList.toggle("over", other === outline));
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

function choose(row) {
  const outline = outlines.find((path) => path.dataset.row === row.dataset.row);
  rows.forEach((other) => other.classList.toggle("chosen", other === row));
  const box = outline.getBBox(), side = Math.max(box.width, (box.height * whole.w) / whole.h, whole.w / 60);
  show({ x: box.x + box.width / 2 - 2 * side, y: box.y + box.height / 2 - (2 * side * whole.h) / whole.w, w: 4 * side });
  describe(outline);
  map.scrollIntoView({ block: "nearest" });
}

function hide() {
  const methods = new Map([...document.querySelectorAll("input.method")].map((box) => [box.value, box.checked]));
  for (const outline of outlines) {
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

let grip = null;
map.addEventListener("pointerdown", (event) => {
  grip = { x: event.clientX, y: event.clientY };
});
map.addEventListener("pointermove", (event) => {
  if (!grip || !event.buttons) return;
  if (!map.hasPointerCapture(event.pointerId)) map.setPointerCapture(event.pointerId);
  pan((grip.x - event.clientX) / toPage(), (grip.y - event.clientY) / toPage());
  grip = { x: event.clientX, y: event.clientY };
});
map.addEventListener("pointerup", () => { grip = null; });
map.addEventListener("pointerover", (event) => { if (!event.buttons && event.target.classList.contains("landform")) describe(event.target); });
map.addEventListener("pointerout", (event) => { if (!event.buttons && event.target.classList.contains("landform")) describe(null); });
map.addEventListener("wheel", (event) => {
  if (!event.ctrlKey) return; // the wheel alone goes on through the page
  event.preventDefault();
  zoom(event.deltaY < 0 ? 0.8 : 1.25, place(event));
}, { passive: false });

document.getElementById("closer").addEventListener("click", () => zoom(0.7));
document.getElementById("farther").addEventListener("click", () => zoom(1 / 0.7));
document.getElementById("all").addEventListener("click", () => show(whole));
document.querySelectorAll("input.method").forEach((box) => box.addEventListener("change", hide));
document.addEventListener("filtered", hide);
body.addEventListener("click", (event) => {
  const button = event.target.closest("th button");
  if (button) choose(button.closest("tr"));
});
filter();
