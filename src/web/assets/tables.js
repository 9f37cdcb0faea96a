// Tables sort by their heads, by touch or by key, and filter by typing. What was chosen stays when a table is drawn anew.

/** By table, as named by the section that it stands in. */
const sorted = new Map();
let wanted = "";

const nameOf = (table) => table.closest("section")?.className ?? "";

function sort(table) {
  if (!sorted.has(nameOf(table))) return;
  const { column, down } = sorted.get(nameOf(table));
  const rows = [...table.tBodies[0].rows];
  const text = (row) => row.cells[column]?.innerText ?? "";
  rows.sort((one, other) => text(one).localeCompare(text(other), undefined, { numeric: true }) * (down ? 1 : -1));
  table.tBodies[0].append(...rows);
  for (const head of table.tHead.rows[0].cells) head.removeAttribute("aria-sort");
  table.tHead.rows[0].cells[column]?.setAttribute("aria-sort", down ? "ascending" : "descending");
}

function filter(table) {
  for (const row of table.tBodies[0].rows) row.hidden = !row.innerText.toLowerCase().includes(wanted);
}

/** Makes the heads of a part's tables reachable, and shows what was chosen before. */
export function keep(part) {
  for (const table of part.querySelectorAll("table.orders")) {
    for (const head of table.tHead?.rows[0].cells ?? []) head.tabIndex = 0;
    if (!table.tHead || !table.tBodies[0]) continue;
    sort(table);
    filter(table);
  }
}

function choose(head) {
  const table = head.closest("table");
  const before = sorted.get(nameOf(table));
  const again = before?.column === head.cellIndex;
  sorted.set(nameOf(table), { column: head.cellIndex, down: again ? !before.down : true });
  sort(table);
}

document.addEventListener("click", (event) => {
  const head = event.target.closest("table.orders th");
  if (head) choose(head);
});
document.addEventListener("keydown", (event) => {
  const head = event.target.closest("table.orders th");
  if (!head || (event.key !== "Enter" && event.key !== " ")) return;
  event.preventDefault();
  choose(head);
});
document.addEventListener("input", (event) => {
  if (!event.target.matches("[data-filter]")) return;
  wanted = event.target.value.trim().toLowerCase();
  for (const table of document.querySelectorAll("table.orders")) if (table.tBodies[0]) filter(table);
});
