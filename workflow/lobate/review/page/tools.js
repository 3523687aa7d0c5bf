// The toolbar of what is being done on the map: its words, live measures and buttons with their keys.
import { $, element } from "./state.js";

let shown = "";

/** Shows the bar ({text, key, act, off, main, pressed}); null takes it away. */
export function showTools(title, tools = []) {
  const bar = $("tools"), look = JSON.stringify([title === null, tools.map(({ text, off, pressed }) => [text, off, pressed])]);
  bar.hidden = title === null;
  document.body.classList.toggle("drawing", title !== null);
  if (title === null) return void (shown = "", bar.replaceChildren());
  if (look !== shown) build(bar, tools);
  shown = look;
  bar.firstChild.textContent = title;
}

// Built only when a button changes, so that the focus stays where it is while the measures run.
function build(bar, tools) {
  const focused = document.activeElement?.dataset?.tool;
  const buttons = tools.map(({ text, key, act, off = false, main = false, pressed }) => {
    const made = element("button", { disabled: off, className: main ? "main" : "", onclick: act }, element("kbd", {}, key), " ", text);
    made.dataset.tool = text;
    if (pressed !== undefined) made.setAttribute("aria-pressed", String(pressed));
    return made;
  });
  bar.replaceChildren(element("span", { className: "measure" }), element("div", { className: "tools" }, ...buttons));
  if (focused) [...bar.querySelectorAll("button")].find((one) => one.dataset.tool === focused)?.focus();
}
