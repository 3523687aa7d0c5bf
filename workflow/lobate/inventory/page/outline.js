"use strict";
// Outlines are [polygon][ring][vertex] of [x, y]; rings are open: the first vertex is not repeated at the end.
// A place is [polygon, ring, vertex].

const mapped = (outline, change) => outline.map((polygon) => polygon.map((ring) => ring.map(change)));
const copied = (outline) => mapped(outline, (vertex) => [...vertex]);
const ringAt = (outline, place) => outline[place[0]][place[1]];
const places = (outline) => outline.flatMap((polygon, p) => polygon.flatMap((ring, r) => ring.map((_, v) => [p, r, v])));

function bounds(outline) {
  const box = [Infinity, Infinity, -Infinity, -Infinity];
  mapped(outline, ([x, y]) => {
    box[0] = Math.min(box[0], x); box[1] = Math.min(box[1], y);
    box[2] = Math.max(box[2], x); box[3] = Math.max(box[3], y);
  });
  return box;
}

const apart = (a, b) => a[0] > b[2] || b[0] > a[2] || a[1] > b[3] || b[1] > a[3];

const inside = (outline, x, y) => insideRings(outline.flat(), x, y);

function insideRings(rings, x, y) {
  let odd = false;
  for (const ring of rings) {
    for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
      const [a, b] = ring[i], [c, d] = ring[j];
      if (b > y !== d > y && x < ((c - a) * (y - b)) / (d - b) + a) odd = !odd;
    }
  }
  return odd;
}

// Intersection over union on a raster of 48 x 48 points: good enough to find which outlines are one landform.
function iou(one, other) {
  const a = bounds(one), b = bounds(other), n = 48;
  if (apart(a, b)) return 0;
  const [left, low] = [Math.min(a[0], b[0]), Math.min(a[1], b[1])];
  const [width, height] = [Math.max(a[2], b[2]) - left, Math.max(a[3], b[3]) - low];
  const rings = one.flat(), others = other.flat();
  let both = 0, either = 0;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      const x = left + ((i + 0.5) / n) * width, y = low + ((j + 0.5) / n) * height;
      const here = insideRings(rings, x, y), there = insideRings(others, x, y);
      both += here && there; either += here || there;
    }
  }
  return either ? both / either : 0;
}

const turn = (a, b, c) => Math.sign((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]));
const within = (a, b, c) => Math.min(a[0], b[0]) <= c[0] && c[0] <= Math.max(a[0], b[0]) && Math.min(a[1], b[1]) <= c[1] && c[1] <= Math.max(a[1], b[1]);

function meet(a, b, c, d) {
  const s = turn(a, b, c), t = turn(a, b, d), u = turn(c, d, a), v = turn(c, d, b);
  if (s !== t && u !== v) return true;
  return (!s && within(a, b, c)) || (!t && within(a, b, d)) || (!u && within(c, d, a)) || (!v && within(c, d, b));
}

const foldsBack = (a, b, c) => !turn(a, b, c) && (a[0] - b[0]) * (c[0] - b[0]) + (a[1] - b[1]) * (c[1] - b[1]) >= 0;

// Whether one of the two edges at a place meets any edge but its neighbours, or folds back on one of these.
function crossesAt(outline, place) {
  const ring = ringAt(outline, place), n = ring.length, at = (i) => ring[(i + n) % n], v = place[2];
  if (n < 3) return true;
  if ([v - 1, v, v + 1].some((i) => foldsBack(at(i - 1), at(i), at(i + 1)))) return true;
  return [v - 1, v].some((edge) => outline.some((polygon, p) => polygon.some((other, r) => other.some((start, i) => {
    const step = (i - edge + 2 * n) % n;
    if (p === place[0] && r === place[1] && (step === 0 || step === 1 || step === n - 1)) return false;
    return meet(at(edge), at(edge + 1), start, other[(i + 1) % other.length]);
  }))));
}

function nearestVertex(outline, [x, y]) {
  let best = { distance: Infinity, place: null };
  for (const place of places(outline)) {
    const [a, b] = ringAt(outline, place)[place[2]], distance = Math.hypot(a - x, b - y);
    if (distance < best.distance) best = { distance, place };
  }
  return best;
}

// The edge nearest to a point, as the place where a vertex inserted on it would stand.
function nearestEdge(outline, [x, y]) {
  let best = { distance: Infinity, place: null };
  for (const [p, r, v] of places(outline)) {
    const ring = outline[p][r], [a, b] = ring[v], [c, d] = ring[(v + 1) % ring.length];
    const length = (c - a) ** 2 + (d - b) ** 2 || 1;
    const t = Math.min(1, Math.max(0, ((x - a) * (c - a) + (y - b) * (d - b)) / length));
    const distance = Math.hypot(a + t * (c - a) - x, b + t * (d - b) - y);
    if (distance < best.distance) best = { distance, place: [p, r, v + 1] };
  }
  return best;
}

function inserted(outline, place, vertex) {
  const changed = copied(outline);
  ringAt(changed, place).splice(place[2], 0, vertex);
  return changed;
}

function deleted(outline, place) {
  const changed = copied(outline);
  ringAt(changed, place).splice(place[2], 1);
  return changed;
}

const opened = (coordinates) => coordinates.map((polygon) => polygon.map((ring) => ring.slice(0, -1).map(([x, y]) => [x, y])));
const closed = (outline) => outline.map((polygon) => polygon.map((ring) => [...ring, ring[0]]));
const wkt = (outline) => `MULTIPOLYGON (${closed(outline).map((polygon) => `(${polygon.map((ring) => `(${ring.map((vertex) => vertex.join(" ")).join(", ")})`).join(", ")})`).join(", ")})`;

function fromWkt(text) {
  const found = /^\s*(MULTI)?POLYGON\s*(\(.*\))\s*$/is.exec(text || "");
  if (!found) return null;
  const lists = found[2].replace(/([-\d.eE+]+)\s+([-\d.eE+]+)/g, "[$1,$2]").replace(/\(/g, "[").replace(/\)/g, "]");
  try {
    const coordinates = JSON.parse(lists);
    return opened(found[1] ? coordinates : [coordinates]);
  } catch {
    return null;
  }
}

// What takes [x, y] by a polynomial of second order, as the page's Python fitted it.
function polynomial({ origin, scale, x, y }) {
  return ([a, b]) => {
    const u = (a - origin[0]) / scale, v = (b - origin[1]) / scale, terms = [1, u, v, u * u, u * v, v * v];
    const sum = (weights) => weights.reduce((total, weight, i) => total + weight * terms[i], 0);
    return [sum(x), sum(y)];
  };
}
