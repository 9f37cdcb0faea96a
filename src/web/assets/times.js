// Times as people say them; the exact one is shown on hover.

const units = [["second", 60], ["minute", 60], ["hour", 24], ["day", 7], ["week", Infinity]];
const words = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "auto" });

function said(at) {
  let span = (at - Date.now()) / 1000;
  for (const [unit, length] of units) {
    if (Math.abs(span) < length) return words.format(Math.round(span), unit);
    span /= length;
  }
  return "";
}

/** Says every time of a part of the page; called again, it says them anew. */
export function say(part) {
  for (const time of part.querySelectorAll("time[datetime]")) {
    const at = Date.parse(time.dateTime);
    if (Number.isNaN(at)) continue;
    if (!time.title) time.title = time.textContent;
    const text = said(at);
    if (time.textContent !== text) time.textContent = text;
  }
}

/** Keeps the times of a page true. */
export function keep(part) {
  say(part);
  setInterval(() => say(part), 20000);
}
