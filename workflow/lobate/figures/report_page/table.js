"use strict";
// The inventory's table: headings sort it, words or a comparison filter it. The rows of the page are the data.

const table = document.getElementById("landforms");
const body = table.tBodies[0];
const heads = [...table.tHead.rows[0].cells];
const names = heads.map((head) => head.dataset.name);
const rows = [...body.rows];
const text = (row, column) => row.cells[column].textContent;
const byNumber = new Map(rows.map((row) => [row.dataset.row, row]));

function sort(column) {
  const direction = heads[column].getAttribute("aria-sort") === "ascending" ? -1 : 1;
  const numeric = heads[column].classList.contains("number");
  const compare = (a, b) => {
    if (!a || !b) return !a - !b; // unknown values come last in both directions
    return direction * (numeric ? Number(a) - Number(b) : a.localeCompare(b, "en", { numeric: true }));
  };
  heads.forEach((head) => head.removeAttribute("aria-sort"));
  heads[column].setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
  body.append(...[...rows].sort((a, b) => compare(text(a, column), text(b, column))));
}

// Returns a test of rows for a comparison such as `area_km2 > 0.5`, or for words that must all stand in a row.
function matcher(query) {
  const comparison = /^\s*(\w+)\s*(<=|>=|<|>|=)\s*(\S.*?)\s*$/.exec(query);
  const column = comparison ? names.indexOf(comparison[1]) : -1;
  if (column >= 0) {
    const tests = { "<": (a, b) => a < b, ">": (a, b) => a > b, "<=": (a, b) => a <= b, ">=": (a, b) => a >= b };
    const limit = Number(comparison[3]);
    if (comparison[2] === "=") return (row) => text(row, column) === comparison[3];
    return (row) => text(row, column) !== "" && tests[comparison[2]](Number(text(row, column)), limit);
  }
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  return (row) => {
    const whole = [...row.cells].map((cell) => cell.textContent).join(" ").toLowerCase();
    return words.every((word) => whole.includes(word));
  };
}

function filter() {
  const matches = matcher(document.getElementById("filter").value);
  let count = 0;
  for (const row of rows) {
    const shown = matches(row);
    row.classList.toggle("gone", !shown);
    count += shown;
  }
  document.getElementById("matches").textContent = `${count} of ${rows.length}`;
  document.dispatchEvent(new Event("filtered"));
}

heads.forEach((head, column) => head.firstElementChild.addEventListener("click", () => sort(column)));
document.getElementById("filter").addEventListener("input", filter);
