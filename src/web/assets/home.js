// The overview is fetched anew now and then; what was sorted, filtered or unfolded stays.

import "./page.js";
import { listen as listenForWords } from "./resolve.js";
import { keep as keepTables } from "./tables.js";
import { say as sayTimes } from "./times.js";

const REFRESH = 5000;

/** What the page was drawn from: scripts change what stands there. */
let drawn = null;

/** Draws a part anew; what was unfolded, typed or had the focus stays. */
function draw(old, now) {
  const unfolded = new Set([...old.querySelectorAll("details[open] > summary")].map((summary) => summary.textContent));
  const field = old.querySelector("[data-filter]");
  const typed = { text: field?.value ?? "", has: field === document.activeElement };
  const column = document.activeElement?.closest("th")?.cellIndex;
  old.innerHTML = now;
  for (const summary of old.querySelectorAll("details > summary")) {
    if (unfolded.has(summary.textContent)) summary.parentElement.open = true;
  }
  const again = old.querySelector("[data-filter]");
  if (again) {
    again.value = typed.text;
    if (typed.has) again.focus();
  }
  keepTables(old);
  sayTimes(old);
  if (column !== undefined) old.querySelector(".newest thead")?.rows[0].cells[column]?.focus();
}

async function refresh() {
  if (document.hidden) return;
  const page = await fetch(location.href, { cache: "no-store" }).then((answer) => answer.text()).catch(() => null);
  const fresh = page && new DOMParser().parseFromString(page, "text/html");
  const old = document.querySelector("#live");
  const now = fresh?.querySelector("#live");
  if (!old || !now || drawn === now.innerHTML) return;
  // what somebody types into a form is not taken away
  if (document.activeElement?.closest("#live form")) return;
  drawn = now.innerHTML;
  draw(old, now.innerHTML);
}
listenForWords(refresh);
if (location.pathname === "/") setInterval(refresh, REFRESH);
