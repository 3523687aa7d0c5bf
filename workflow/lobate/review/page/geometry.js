// Outlines as nested coordinates of a MultiPolygon in the plane's metres, with open rings; a list of them is what is mended.
// A place is [outline, part, ring, vertex].

/** The outline with open rings, copied. */
export const opened = (outline) => outline.map((part) => part.map((ring) => {
  const copy = ring.map(([x, y]) => [x, y]), [first, end] = [copy[0], copy.at(-1)];
  return copy.length > 1 && first[0] === end[0] && first[1] === end[1] ? copy.slice(0, -1) : copy;
}));

/** The outline with closed rings, rounded to a centimetre. */
export const closed = (outline) => outline.map((part) => part.map((ring) => [...ring, ring[0]].map(([x, y]) => [Math.round(x * 100) / 100, Math.round(y * 100) / 100])));

export const ringAt = (outlines, [o, p, r]) => outlines[o]?.[p]?.[r];

/** All places, outline by outline. */
export function* places(outlines) {
  for (let o = 0; o < outlines.length; o++) for (let p = 0; p < outlines[o].length; p++) for (let r = 0; r < outlines[o][p].length; r++) {
    for (let v = 0; v < outlines[o][p][r].length; v++) yield [o, p, r, v];
  }
}

/** The vertex nearest to a point and its distance. */
export function nearestVertex(outlines, [x, y]) {
  let best = { place: null, distance: Infinity };
  for (const place of places(outlines)) {
    const [vx, vy] = ringAt(outlines, place)[place[3]], distance = Math.hypot(vx - x, vy - y);
    if (distance < best.distance) best = { place, distance };
  }
  return best;
}

/** The edge nearest to a point: the place at which a vertex would be inserted, and the distance. */
export function nearestEdge(outlines, [x, y]) {
  let best = { place: null, distance: Infinity };
  for (const [o, p, r, v] of places(outlines)) {
    const ring = outlines[o][p][r], distance = toSegment([x, y], ring[v], ring[(v + 1) % ring.length]);
    if (distance < best.distance) best = { place: [o, p, r, v + 1], distance };
  }
  return best;
}

function toSegment([x, y], [x1, y1], [x2, y2]) {
  const dx = x2 - x1, dy = y2 - y1, length = dx * dx + dy * dy;
  const t = length ? Math.min(1, Math.max(0, ((x - x1) * dx + (y - y1) * dy) / length)) : 0;
  return Math.hypot(x1 + t * dx - x, y1 + t * dy - y);
}

/** Whether the edges at a vertex cross another edge of their ring. */
export function crossesAt(outlines, place) {
  const ring = ringAt(outlines, place), n = ring.length, v = place[3];
  if (n < 4) return false;
  return [(v - 1 + n) % n, v % n].some((edge) => {
    for (let other = 0; other < n; other++) {
      if (other === edge || (other + 1) % n === edge || (edge + 1) % n === other) continue;
      if (cross(ring[edge], ring[(edge + 1) % n], ring[other], ring[(other + 1) % n])) return true;
    }
    return false;
  });
}

const side = ([ax, ay], [bx, by], [px, py]) => Math.sign((bx - ax) * (py - ay) - (by - ay) * (px - ax));
function cross(a, b, c, d) {
  return side(a, b, c) * side(a, b, d) < 0 && side(c, d, a) * side(c, d, b) < 0;
}

const ringArea = (ring) => ring.reduce((sum, [x, y], i) => {
  const [x2, y2] = ring[(i + 1) % ring.length], [x0, y0] = ring[0];
  return sum + (x - x0) * (y2 - y0) - (x2 - x0) * (y - y0);
}, 0) / 2;

/** Area of an outline on the plane, in square metres. */
export const areaOf = (outline) => outline.reduce((sum, part) => sum + part.reduce((rest, ring, r) => rest + (r ? -1 : 1) * Math.abs(ringArea(ring)), 0), 0);

/** Length of the outline's lines, in metres. */
export const lengthOf = (outline) => outline.flat().reduce((sum, ring) => sum + lineLength([...ring, ring[0]]), 0);

export const lineLength = (points) => points.slice(1).reduce((sum, [x, y], i) => sum + Math.hypot(x - points[i][0], y - points[i][1]), 0);

/** Whether a point lies in an outline, outside its holes. */
export function inside(outline, [x, y]) {
  let odd = false;
  for (const ring of outline.flat()) ring.forEach(([x1, y1], i) => {
    const [x2, y2] = ring[(i + 1) % ring.length];
    if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) odd = !odd;
  });
  return odd;
}

/** West, south, east, north of an outline. */
export function boundsOf(outline) {
  const points = outline.flat(2), xs = points.map(([x]) => x), ys = points.map(([, y]) => y);
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}
