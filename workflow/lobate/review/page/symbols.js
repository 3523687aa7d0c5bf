// How each state and layer looks: a colour, a dash and a shape, so that no meaning hangs on the colour alone.

export const STATUS = {
  pending: { colour: "#ffb000", dash: [9, 5], words: "pending", path: "M8 3a5 5 0 1 0 .01 0z", fill: false },
  accepted: { colour: "#35e0a1", dash: [], words: "accepted", path: "M2.5 8.5l3.5 4 7.5-9", fill: false },
  edited: { colour: "#6cc4ff", dash: [16, 3, 2, 3], words: "edited", path: "M3 13l1-3.5 7-7 2.5 2.5-7 7z", fill: false },
  rejected: { colour: "#ff7a6b", dash: [2, 4], words: "rejected", path: "M3.5 3.5l9 9M12.5 3.5l-9 9", fill: false },
};
export const ANSWERS = {
  yes: { ...STATUS.accepted, words: "yes" },
  no: { ...STATUS.rejected, words: "no" },
  done: { ...STATUS.accepted, words: "done" },
  cannot_say: { colour: "#d9c7ff", dash: [6, 3, 2, 3, 2, 3], words: "cannot say", path: "M5.5 6a2.5 2.5 0 1 1 3.6 2.2c-.8.4-1.1.9-1.1 2.1M8 13.2v.01" },
};
const LAYERS = {
  removed: { colour: "#d5d5d5", dash: [10, 3, 2, 3, 2, 3] },
  hand: { colour: "#ff9df3", dash: [14, 4] },
  uncertain: { colour: "#ffe9a8", dash: [3, 5] },
  candidates: { colour: "#c7a6ff", dash: [6, 2, 6, 6] },
  complete: { colour: "#9fd8ff", dash: [12, 6] },
  drawn_positives: { colour: "#35e0a1", dash: [] },
  drawn_negatives: { colour: "#ff7a6b", dash: [2, 4] },
  drawn_complete: { colour: "#6cc4ff", dash: [12, 6] },
  sample_landforms: { colour: "#6cc4ff", dash: [] },
  second_look_landforms: { colour: "#6cc4ff", dash: [] },
};
const SPARE = [
  { colour: "#b8f05a", dash: [4, 4] },
  { colour: "#c7a6ff", dash: [12, 3, 3, 3] },
  { colour: "#7fe9ff", dash: [3, 3, 9, 3] },
  { colour: "#ffd2a1", dash: [18, 6] },
];
const given = new Map();

export const statusStyle = (status) => STATUS[status] ?? ANSWERS[status] ?? STATUS.pending;

/** The look of a layer of outlines. */
export function layerStyle(id) {
  if (LAYERS[id]) return LAYERS[id];
  if (!given.has(id)) given.set(id, SPARE[given.size % SPARE.length]);
  return given.get(id);
}

const SVG = "http://www.w3.org/2000/svg";

function drawing(viewBox, className, paths) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", viewBox);
  svg.setAttribute("class", className);
  svg.setAttribute("aria-hidden", "true");
  for (const attributes of paths) {
    const path = document.createElementNS(SVG, "path");
    for (const [name, value] of Object.entries(attributes)) path.setAttribute(name, value);
    svg.append(path);
  }
  return svg;
}

/** The state's shape, as a picture to stand beside its word. */
export const glyph = (status) => drawing("0 0 16 16", `glyph ${status}`, [{ d: statusStyle(status).path }]);

/** A piece of the layer's line. */
export function swatch({ colour, dash }) {
  const line = { d: "M1 6h38", "stroke-dasharray": dash.join(" ") };
  return drawing("0 0 40 12", "swatch", [{ d: "M0 6h40", class: "casing" }, { ...line, stroke: colour }]);
}

const shapes = new Map();

/** Draws the state's shape on the canvas at a screen's place. */
export function stamp(pen, status, x, y, size = 12) {
  if (!shapes.has(status)) shapes.set(status, new Path2D(statusStyle(status).path));
  const scale = size / 16;
  pen.save();
  pen.translate(x - size / 2, y - size / 2);
  pen.scale(scale, scale);
  pen.lineCap = pen.lineJoin = "round";
  pen.setLineDash([]);
  for (const [colour, width] of [["#000c", 5], [statusStyle(status).colour, 2.4]]) {
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    pen.stroke(shapes.get(status));
  }
  pen.restore();
}
