// Scale bar, north and coordinates of the map.
import { $, state } from "./state.js";
import { view, toPlane } from "./view.js";

const BAR_PX = 120;
let shown = "";

/** The largest of 1, 2, 5 x 10^n metres that fits the bar. */
export function barLength(res) {
  const limit = BAR_PX * res, power = 10 ** Math.floor(Math.log10(limit));
  return [5, 2, 1].map((one) => one * power).find((one) => one <= limit);
}

const METRES_A_DEGREE = 111_320;

/** Metres on the ground of one unit of the plane, along a row. */
const unit = () => (state.plane.unit === "degree" ? METRES_A_DEGREE * Math.cos((view.y * Math.PI) / 180) : 1);

export function paintElements() {
  const metre = view.res * unit(), length = barLength(metre), text = length >= 1000 ? `${length / 1000} km` : `${length} m`;
  if (shown === `${text} ${view.res}`) return;
  shown = `${text} ${view.res}`;
  $("scale").firstElementChild.style.width = `${length / metre}px`;
  $("scale").lastElementChild.textContent = text;
}

const grouped = (value) => state.plane.unit === "degree" ? value.toFixed(5) : Math.round(value).toLocaleString("en").replaceAll(",", "\u202f");

/** Writes the plane's coordinates of a screen's place. */
export function showCoordinates(sx, sy) {
  if (!state.plane) return;
  const [x, y] = toPlane(sx, sy);
  $("coordinates").textContent = `${grouped(x)} E  ${grouped(y)} N  ${state.plane.crs}`;
}
