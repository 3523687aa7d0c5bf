// The workflow: what stands, what runs, and the button that starts it.
import { $, state, on, emit, element } from "./state.js";
import { get, post, address, Lost } from "./server.js";
import { say, warn } from "./speech.js";
import { unsaved, reviewer } from "./deciding.js";

let status = null, lines = [];
const LINES = 12;

let asking = false;

async function load() {
  if (asking) return;
  asking = true;
  try {
    status = await get("api/status");
    render();
  } catch (error) {
    if (!(error instanceof Lost)) warn(`The status does not come: ${error.message}`);
  } finally {
    asking = false;
  }
}

async function start() {
  if (unsaved()) return warn(`${unsaved()} decisions are not saved yet; the run would not have them.`);
  try {
    lines = [];
    await post("api/run", {});
    say("The workflow has started. You can go on deciding.");
    await load();
  } catch (error) {
    warn(`The workflow does not start: ${error.message}`);
  }
}

// The jobs of the run that is under way, or of the last one: one that has just begun has no log yet.
const known = () => (status.started_here && !status.running ? null : status.jobs);

function facts() {
  const { round, iou, images_per_s: speed, left, next } = status;
  const jobs = known();
  return [
    ["Jobs", jobs ? `${jobs.done} of ${jobs.all}` : null],
    ["Round", round], ["IoU", Array.isArray(iou) ? iou.map((one) => Number(one).toFixed(3)).join(" → ") : iou],
    ["Speed", speed ? `${speed} images/s` : null], ["Time left", left], ["Next for you", next],
  ].filter(([, value]) => value !== null && value !== undefined && value !== "");
}

function render() {
  const jobs = known(), running = status.running || status.started_here, list = facts().flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, String(value))]);
  const bar = jobs?.all ? element("progress", { max: jobs.all, value: jobs.done, "aria-label": "Jobs done" }) : null;
  const button = element("button", { id: "run", className: "main", disabled: Boolean(running), onclick: start }, running ? "The workflow is running" : "Run the workflow");
  $("panel-run").replaceChildren(
    element("h3", {}, "Workflow"), button,
    element("p", { className: "hint" }, "It applies the decisions, compiles the inventory, and makes what has changed. The review stays open meanwhile."),
    ...(bar ? [bar] : []), element("dl", {}, ...list),
    ...file(),
    ...(lines.length ? [element("pre", { tabIndex: 0, "aria-label": "Last lines of the run" }, lines.join("\n"))] : []),
  );
  $("tab-run").replaceChildren("Run", ...(running ? [" ", element("b", { className: "badge" }, "…")] : []));
}

function file() {
  const input = element("input", { type: "file", accept: ".geojson,.json", id: "import", className: "hidden", onchange: () => take(input.files[0]) });
  return [
    element("h3", {}, "Decisions as a file"),
    element("div", { className: "line" }, element("a", { href: "api/export.geojson", download: `${state.session.region}_decisions.geojson`, className: "button" }, "Save a copy"),
      element("label", { className: "button" }, "Take over a file", input)),
    element("p", { className: "hint" }, "For a colleague, or from the mailed page. Taking over is one act: u undoes it; contradictions go to the list of conflicts."),
  ];
}

async function take(chosen) {
  const name = chosen && reviewer();
  if (!name) return;
  try {
    const answer = await post(address("api/import", { reviewer: name }), await chosen.text());
    say(answer.words ?? "The decisions are taken over.");
    emit("reload");
    emit("conflict");
  } catch (error) {
    warn(`${chosen.name} is not taken over: ${error.message}`);
  }
}

on("session", () => load().catch(() => {}));
on("panel-run", load);
let later = null;
on("event", ({ run }) => {
  if (!run) return;
  if (run.line) lines = [...lines, run.line].slice(-LINES);
  if (run.ended) {
    run.ok === false ? warn(`The run ended with an error: ${run.words ?? "see its last lines"}`) : say(run.words ?? "The run is done.");
  }
  clearTimeout(later);
  later = setTimeout(load, run.ended ? 0 : 300);
});
setInterval(() => { if (status?.running || status?.started_here || !$("panel-run").hidden) load(); }, 5000);
