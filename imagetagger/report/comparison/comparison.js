"use strict";
// The table: a click on a column's name sorts by it, another one turns the order round; words typed filter the rows.
const table = document.getElementById("runs");
const body = table.tBodies[0];
const rows = Array.from(body.rows, (row) => ({ row, text: row.dataset.words, cells: Array.from(row.cells) }));
const key = (cell, numeric) => {
  if (!numeric) return cell.textContent.trim();
  const value = cell.dataset.v;
  return value ? Number(value) : null;
};
const words = new Intl.Collator(undefined, { numeric: true });
Array.from(table.tHead.rows[0].cells).forEach((head, column) => {
  const numeric = "n" in head.dataset;
  const button = document.createElement("button");
  button.type = "button";
  button.append(...head.childNodes);
  head.append(button);
  button.addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") === "ascending" || (!head.hasAttribute("aria-sort") && "d" in head.dataset);
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const sorted = rows.map((one) => [key(one.cells[column], numeric), one.row]);
    sorted.sort(([a], [b]) => {
      if (a === null || b === null) return (a === null) - (b === null); // what is unknown comes last
      const order = numeric ? a - b : words.compare(a, b);
      return down ? -order : order;
    });
    body.append(...sorted.map(([, row]) => row));
  });
});
const filter = document.getElementById("filter");
const shown = document.getElementById("shown");
filter.closest("p").hidden = false;
filter.addEventListener("input", () => {
  const wanted = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  let kept = 0;
  for (const { row, text } of rows) {
    row.hidden = !wanted.every((word) => text.includes(word));
    if (!row.hidden) kept += 1;
  }
  shown.textContent = wanted.length ? `${kept} of ${rows.length}` : "";
});
// Any two runs: the second menu offers those that were tried on the same pictures as the first.
const told = document.getElementById("pairs");
if (told) {
  const { names, pairs } = JSON.parse(told.textContent);
  const [first, second] = [document.getElementById("first"), document.getElementById("second")];
  const said = document.getElementById("said");
  const option = (run) => new Option(names[run], run);
  const partners = (run) => pairs.flatMap(([a, b]) => (a === run ? [b] : b === run ? [a] : [])).sort((a, b) => a - b);
  const points = (share) => (100 * share).toFixed(1).replace("-", "\u2212");
  const tell = () => {
    const [a, b] = [Number(first.value), Number(second.value)];
    const pair = pairs.find((one) => (one[0] === a && one[1] === b) || (one[0] === b && one[1] === a));
    let [, , difference, low, high, onlyFirst, onlySecond, p, pictures] = pair;
    if (pair[0] === b) [difference, low, high, onlyFirst, onlySecond] = [-difference, -high, -low, onlySecond, onlyFirst];
    const chance = p < 0.0001 ? "< 0.0001" : `= ${p.toPrecision(2)}`;
    said.textContent =
      `Of ${pictures.toLocaleString("en")} pictures, only the first told ${onlyFirst} right, only the second ${onlySecond}: ` +
      `${points(difference)} points (${points(low)} to ${points(high)}), p ${chance} after Holm. ` +
      (onlyFirst + onlySecond === 0 ? "They told the same pictures right." : p < 0.05 ? `The difference is real: the ${difference > 0 ? "first" : "second"} is better.` : "It may be chance.");
  };
  const offer = () => {
    const before = Number(second.value);
    const offered = partners(Number(first.value));
    second.replaceChildren(...offered.map(option));
    if (offered.includes(before)) second.value = before;
    tell();
  };
  first.replaceChildren(...Object.keys(names).map(option));
  first.addEventListener("change", offer);
  second.addEventListener("change", tell);
  offer();
  document.getElementById("choose").hidden = false;
}
