// Starts the page: the session, the first list, the events; then everything answers to the person.
import { state, emit, $, labelling } from "./state.js";
import { get, listen, connection } from "./server.js";
import { fit } from "./view.js";
import { openList } from "./items.js";
import { recall } from "./deciding.js";
import { recallReviewer } from "./panel.js";
import { retryFailed } from "./tiles.js";
import { forgetOutlines } from "./outlines.js";
import { draw } from "./map.js";
import { warn } from "./speech.js";
import { on } from "./state.js";
import "./layers.js";
import "./list.js";
import "./drawer.js";
import "./conflicts.js";
import "./running.js";
import "./labelling.js";
import "./sample.js";
import "./pointer.js";
import "./keys.js";

async function begin() {
  try {
    state.session = await get("api/session");
  } catch (error) {
    return warn(`The review does not open: ${error.message}`, ["Try again", begin]);
  }
  state.plane = state.session.planes[0] ?? null;
  state.waiting = state.session.waiting;
  if (!state.plane) return warn("The region has no image yet. Run the workflow until its composite is there, then open the review again.");
  recallReviewer();
  (state.session.notes ?? []).forEach((words) => warn(words));
  emit("session");
  draw();
  recall();
  state.ready = labelling();
  if (labelling()) fit(state.plane.bounds, 0.95);
  else await openList(state.session.lists[0]?.id ?? "detections");
  listen();
  $("canvas").focus();
}

// A run has ended: its files are read anew, and what was looked at stays.
on("reload", async () => {
  try {
    state.session = await get("api/session");
    state.plane = state.session.planes.find((one) => one.id === state.plane?.id) ?? state.session.planes[0];
    emit("session");
    forgetOutlines();
    if (!labelling()) await openList(state.list, state.current);
  } catch (error) {
    warn(`What the run made does not come: ${error.message}`);
  }
});
on("picture-failed", (words) => warn(`A picture does not come: ${words}`, ["Try again", () => { retryFailed(); draw(); }]));
on("connection", (back) => { if (back && !connection.locked) { retryFailed(); draw(); } });
begin();
