"use strict";
// Mending an outline: vertices are moved, inserted and deleted. An outline never crosses itself.

function mend(on) {
  state.mending = on && detections.length > 0;
  state.vertex = null;
  $("edit").setAttribute("aria-pressed", String(state.mending));
  $("mend-tools").hidden = !state.mending;
  $("canvas").classList.toggle("mending", state.mending);
  if (state.mending) $("canvas").focus();  // so that arrow keys reach the vertices
  draw();
}

// Takes a changed outline over, unless it crosses itself at one of these places.
function redraw(outline, at) {
  if (at.some((place) => crossesAt(outline, place))) {
    draw();
    return tell("The outline would cross itself there; it stays as it was.", true);
  }
  const i = state.current;
  change(i, { outline, status: "edited" });
  tell(`${detections[i].id} edited.`);
  draw();
}

function removeVertex(place) {
  const outline = outlineOf(state.current), left = ringAt(outline, place).length - 1;
  if (left < 3) return tell("A ring needs three vertices.", true);
  const v = place[2] % left;
  redraw(deleted(outline, place), [[place[0], place[1], v]]);
  state.vertex = [place[0], place[1], v];
  draw();
}

function insertBehind(place) {
  const outline = outlineOf(state.current), ring = ringAt(outline, place), v = place[2];
  const [a, b] = [ring[v], ring[(v + 1) % ring.length]], middle = toGround(toPixel(a).map((one, k) => (one + toPixel(b)[k]) / 2));
  state.vertex = [place[0], place[1], v + 1];
  redraw(inserted(outline, state.vertex, middle), []);
}

function chooseVertex(way) {
  const all = places(outlineOf(state.current)), at = state.vertex ? all.findIndex((one) => String(one) === String(state.vertex)) : way > 0 ? -1 : 0;
  state.vertex = all[(at + way + all.length) % all.length];
  tell(`Vertex ${state.vertex[2] + 1} of ${ringAt(outlineOf(state.current), state.vertex).length}: arrow keys move it.`);
  draw();
}

function nudge(x, y) {
  const outline = copied(outlineOf(state.current)), ring = ringAt(outline, state.vertex), at = toPixel(ring[state.vertex[2]]);
  ring[state.vertex[2]] = toGround([at[0] + x, at[1] + y]);
  redraw(outline, [state.vertex]);
}

// What the buttons of mending do, for fingers: on the chosen vertex.
function onVertex(act) {
  state.vertex ? act(state.vertex) : tell("Choose a vertex first: tap it, or press ].");
}
