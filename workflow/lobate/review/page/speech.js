// What is said to the person: politely in a live region, and loudly where something was refused.
import { $, element } from "./state.js";

let timer = null;

/** Says what happened; a screen reader reads it too. The same words twice are read twice. */
export function say(text) {
  const box = $("message");
  clearTimeout(timer);
  box.replaceChildren(element("span", {}, text));
  box.classList.remove("faded");
  timer = setTimeout(() => box.classList.add("faded"), 6000);
}

/** Says loudly what does not work, until the person has read it. Each `act` is a pair of words and function. */
export function warn(text, ...acts) {
  const close = () => row.remove();
  const buttons = acts.map(([name, act]) => element("button", { onclick: () => { close(); act(); } }, name));
  const row = element("div", { className: "warning" }, element("span", {}, text), ...buttons, element("button", { onclick: close, "aria-label": "Close this message" }, "Close"));
  for (const old of [...$("alert").children]) if (old.firstChild.textContent === text) old.remove();
  $("alert").append(row);
  while ($("alert").children.length > 3) $("alert").firstChild.remove();
}

export const calm = () => $("alert").replaceChildren();
