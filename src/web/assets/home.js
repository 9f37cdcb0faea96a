// Tables filter by typing and sort by their heads; the place is kept. The overview is fetched anew now and then.

import { listen as listenForWords } from "./resolve.js";

const REFRESH = 5000;

document.addEventListener("click", (event) => {
  const head = event.target.closest("table.orders th");
  if (!head) return;
  const body = head.closest("table").tBodies[0];
  const column = head.cellIndex;
  const down = head.dataset.sorted !== "down";
  for (const other of head.parentElement.cells) delete other.dataset.sorted;
  head.dataset.sorted = down ? "down" : "up";
  const rows = [...body.rows].sort((one, other) =>
    one.cells[column].innerText.localeCompare(other.cells[column].innerText, undefined, { numeric: true }) * (down ? 1 : -1));
  body.append(...rows);
});

async function refresh() {
  if (document.hidden || document.querySelector("th[data-sorted]")) return;
  const page = await fetch(location.href, { cache: "no-store" }).then((answer) => answer.text()).catch(() => null);
  const fresh = page && new DOMParser().parseFromString(page, "text/html");
  for (const part of [".printing", ".stations", ".offers", "table.orders"]) {
    const old = document.querySelector(part);
    const now = fresh?.querySelector(part);
    if (old && now && !old.querySelector("details[open]") && old.innerHTML !== now.innerHTML) old.innerHTML = now.innerHTML;
  }
}
listenForWords(refresh);
if (location.pathname === "/") setInterval(refresh, REFRESH);
