// Keeps a station's page up to date, sounds its verdicts, and sends scans.

import * as sound from "./sound.js";
import { listen as listenForWords } from "./resolve.js";
import { keep as keepTimes, say as sayTimes } from "./times.js";
import { listen } from "./wedge.js";

const view = document.querySelector("#view");
const lost = document.querySelector("#lost");
const station = view.dataset.station;
let shownKey = view.querySelector("#band")?.dataset.key;
let shownHtml = null;
let alarm = null;
let raised = "";
let heard = performance.now();
let connected = true;

/** Without a word from the service for this long the page no longer shows the truth, in milliseconds. The service
 *  speaks at least every five seconds. */
const SILENCE = 11000;

function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return "page-" + Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function setConnected(now) {
  if (connected === now) return;
  connected = now;
  lost.hidden = now;
  if (!now) sound.play("lost");
}

/** What became forbidden on the truck sounds when it does, whatever was scanned last. */
function announceRaised() {
  const now = view.querySelector("[data-alarm]")?.dataset.alarm ?? "";
  const isNew = now.split(" ").some((number) => number && !raised.split(" ").includes(number));
  raised = now;
  if (isNew) sound.play("stop");
}

function announce() {
  announceRaised();
  const band = view.querySelector("#band");
  if (!band) return;
  clearInterval(alarm);
  alarm = null;
  if (band.dataset.latched === "true") {
    alarm = setInterval(() => sound.play("stop"), 1600);
    view.querySelector(".acknowledge")?.focus();
  }
  if (band.dataset.key === shownKey) return;
  shownKey = band.dataset.key;
  const tune = sound.tuneOf(band.dataset.severity, band.dataset.code);
  if (tune) sound.play(tune);
  if (band.dataset.say && localStorage.getItem("voice") === "on" && window.speechSynthesis) {
    const words = new SpeechSynthesisUtterance(band.dataset.say);
    words.lang = view.dataset.language;
    speechSynthesis.speak(words);
  }
}

function show(html) {
  if (html === shownHtml) return;
  shownHtml = html;
  const kept = ["[data-typed]", "[data-pin] input"].find((name) => document.activeElement === view.querySelector(name));
  const typed = kept && document.activeElement.value;
  view.innerHTML = html;
  sayTimes(view);
  showChoices();
  const again = kept ? view.querySelector(kept) : null;
  if (again) {
    again.value = typed;
    again.focus();
  } else {
    view.querySelector("[data-pin] input")?.focus();
  }
  announce();
}

/** Sends a scan; if the answer is lost it is sent again under the same id, so that it counts once. */
async function send(data) {
  if (!connected) {
    sound.play("lost");
    return;
  }
  const body = JSON.stringify({ id: newId(), station, data, device: "page" });
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      const answer = await fetch("/api/v1/scans", { method: "POST", headers: { "content-type": "application/json" }, body });
      if (answer.status < 500 || answer.status === 503) return;
    } catch {
      setConnected(false);
    }
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

/** What was chosen here for the sounds. */
function showChoices() {
  const slider = view.querySelector("[data-volume]");
  const voice = view.querySelector("[data-voice]");
  if (slider && document.activeElement !== slider) slider.value = sound.volumeNow();
  if (voice) voice.checked = localStorage.getItem("voice") === "on";
}

/** A button that is pressed again within this time was pressed twice by one movement, in milliseconds. The second press
 *  would undo another count, confirm a note that nobody read, or send a truck off. */
const TWICE = 600;
let pressed = { code: "", at: -TWICE };

function press(code, clicks) {
  const now = performance.now();
  const again = clicks > 1 || (code === pressed.code && now - pressed.at < TWICE);
  pressed = { code, at: now };
  if (!again) send(code);
}

/** Sends a PIN; the answer is shown by the page's stream, like that of a scan. */
async function enterPin(field) {
  const pin = field.value;
  field.value = "";
  // a scanner typed into the field: what is no PIN is a scan
  if (!/^[0-9]{4,12}$/.test(pin)) {
    if (pin) send(pin);
    return;
  }
  const headers = { "content-type": "application/json" };
  const address = `/api/v1/stations/${encodeURIComponent(station)}/pin`;
  await fetch(address, { method: "POST", headers, body: JSON.stringify({ pin }) }).catch(() => setConnected(false));
}

function connect() {
  const events = new EventSource(`/station/${encodeURIComponent(station)}/live`);
  events.addEventListener("view", (event) => {
    heard = performance.now();
    setConnected(true);
    show(event.data);
  });
  events.addEventListener("open", () => {
    heard = performance.now();
  });
  events.addEventListener("error", () => {
    setConnected(false);
    if (events.readyState === EventSource.CLOSED) setTimeout(connect, 1000);
  });
}

document.addEventListener("click", (event) => {
  sound.unlock();
  const button = event.target.closest("[data-scan]");
  if (button) press(button.dataset.scan, event.detail);
  if (event.target.closest("[data-sound]")) sound.play("accepted");
});
document.addEventListener("keydown", () => sound.unlock(), { once: true });
document.addEventListener("keydown", (event) => {
  // Enter acknowledges wherever the focus is
  const band = view.querySelector("#band");
  if (event.key === "Enter" && band?.dataset.latched === "true" && !event.repeat && !event.defaultPrevented && !event.target.closest("button")) press("WB:C:ACK", 1);
});
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-volume]")) {
    sound.setVolume(Number(event.target.value));
    sound.play("accepted");
    event.target.blur();
  }
  if (event.target.matches("[data-voice]")) {
    localStorage.setItem("voice", event.target.checked ? "on" : "off");
    event.target.blur();
  }
});
document.addEventListener("submit", (event) => {
  if (event.target.matches("[data-pin]")) {
    event.preventDefault();
    enterPin(event.target.querySelector("input"));
    return;
  }
  const field = event.target.querySelector("[data-typed]");
  if (!field) return;
  event.preventDefault();
  if (field.value.trim()) send(field.value.trim());
  field.value = "";
});

listen(send);
// the page's stream shows what became of it
listenForWords(() => {});
connect();
showChoices();
keepTimes(view);
announce();
setInterval(async () => {
  // event streams don't show their keep-alive comments to scripts: after silence the service is asked
  if (performance.now() - heard < SILENCE / 2) return;
  try {
    const answer = await fetch("/healthz", { cache: "no-store", signal: AbortSignal.timeout(3000) });
    if (answer.ok) heard = performance.now();
  } catch {
    setConnected(performance.now() - heard < SILENCE);
  }
}, 2000);
