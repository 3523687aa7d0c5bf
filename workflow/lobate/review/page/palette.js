// A short list to choose from: a digit, the arrow keys and Enter, or a click; afterwards the keys belong to the map again.
import { $, element } from "./state.js";

const box = $("palette"), list = $("palette-list");
let options = [], at = 0, chosen = () => {}, looked = () => {};

/** Offers `given` ({value, text}); calls `act` with the chosen value, and `look` with the one that is pointed at. */
export function choose(title, given, current, act, look = () => {}) {
  [options, chosen, looked] = [given, act, look];
  at = Math.max(0, given.findIndex((one) => one.value === current));
  $("palette-title").textContent = title;
  list.replaceChildren(...given.map((one, i) =>
    element("div", { role: "option", id: `option-${i}`, className: "option", onclick: () => take(i) }, element("kbd", {}, i < 9 ? String(i + 1) : i === 9 ? "0" : " "), element("span", {}, one.text))));
  point(at);
  box.showModal();
  list.focus();
}

function point(i) {
  at = (i + options.length) % options.length;
  [...list.children].forEach((one, k) => one.setAttribute("aria-selected", String(k === at)));
  list.setAttribute("aria-activedescendant", `option-${at}`);
  list.children[at]?.scrollIntoView({ block: "nearest" });
  looked(options[at]?.value);
}

function take(i) {
  if (!options[i]) return;
  box.close();
  chosen(options[i].value);
}

list.addEventListener("keydown", (event) => {
  if (event.repeat && !event.key.startsWith("Arrow")) return event.preventDefault();
  const act = { ArrowDown: () => point(at + 1), ArrowUp: () => point(at - 1), Home: () => point(0), End: () => point(options.length - 1), Enter: () => take(at), " ": () => take(at) }[event.key];
  const digit = "1234567890".indexOf(event.key);
  if (!act && digit < 0) return;
  event.preventDefault();
  event.stopPropagation();
  act ? act() : take(digit);
});
box.addEventListener("click", (event) => { if (event.target === box) box.close(); });
box.addEventListener("close", () => { looked(undefined); $("canvas").focus(); });
