"use strict";
// The table: a click on a column's name sorts by it, another one reverses the order; the filter hides rows.
const table = document.getElementById("runs");
const body = table.tBodies[0];
const rows = Array.from(body.rows, (row) => ({ row, text: row.dataset.words, cells: Array.from(row.cells) }));
const key = (cell, numeric) => {
  if (!numeric) return cell.textContent.trim();
  const value = cell.dataset.v;
  return value ? Number(value) : null;
};
const collator = new Intl.Collator(undefined, { numeric: true });
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
    const sorted = rows.map(({ row, cells }) => [key(cells[column], numeric), row]);
    sorted.sort(([a], [b]) => {
      if (a === null || b === null) return (a === null) - (b === null); // unknown values come last
      const order = numeric ? a - b : collator.compare(a, b);
      return down ? -order : order;
    });
    body.append(...sorted.map(([, row]) => row));
  });
});
const filter = document.getElementById("filter");
const shown = document.getElementById("shown");
filter.closest("p").hidden = false;
filter.addEventListener("input", () => {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  let matches = 0;
  for (const { row, text } of rows) {
    row.hidden = !words.every((word) => text.includes(word));
    if (!row.hidden) matches += 1;
  }
  shown.textContent = words.length ? `${matches} of ${rows.length}` : "";
});
// Any two runs: the second menu offers those that were evaluated on the same pictures as the first.
const data = document.getElementById("pairs");
if (data) {
  const { names, pairs, pooled } = JSON.parse(data.textContent);
  const [first, second] = [document.getElementById("first"), document.getElementById("second")];
  const comparison = document.getElementById("comparison");
  const option = (run) => new Option(names[run], run);
  const partners = (run) => pairs.flatMap(([a, b]) => (a === run ? [b] : b === run ? [a] : [])).sort((a, b) => a - b);
  const points = (share) => (100 * share).toFixed(1).replace("-", "\u2212");
  const compare = () => {
    const [a, b] = [Number(first.value), Number(second.value)];
    const pair = pairs.find(([x, y]) => (x === a && y === b) || (x === b && y === a));
    let [, , difference, low, high, onlyFirst, onlySecond, p, pictures] = pair;
    if (pair[0] === b) [difference, low, high, onlyFirst, onlySecond] = [-difference, -high, -low, onlySecond, onlyFirst];
    const pText = p < 0.0001 ? "< 0.0001" : `= ${p.toPrecision(2)}`;
    const counted = pooled
      ? `the first got ${onlyFirst} right in more seeds, the second ${onlySecond}`
      : `only the first got ${onlyFirst} right, only the second ${onlySecond}`;
    comparison.textContent =
      `Of ${pictures.toLocaleString("en")} pictures, ${counted}: ` +
      `${points(difference)} points (${points(low)} to ${points(high)}), p ${pText} after Holm. ` +
      (onlyFirst + onlySecond === 0 ? "They got the same pictures right." : p < 0.05 ? `The difference is real: the ${difference > 0 ? "first" : "second"} is better.` : "It may be chance.");
  };
  const offer = () => {
    const before = Number(second.value);
    const offered = partners(Number(first.value));
    second.replaceChildren(...offered.map(option));
    if (offered.includes(before)) second.value = before;
    compare();
  };
  first.replaceChildren(...Object.keys(names).map(option));
  first.addEventListener("change", offer);
  second.addEventListener("change", compare);
  offer();
  document.getElementById("select-runs").hidden = false;
}
