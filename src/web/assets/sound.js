// Synthesised sounds: each class differs in pitch and in rhythm, so that it is known without looking.

let context = null;
let volume = Number(localStorage.getItem("volume") ?? 0.6);

// [start in seconds, frequency in hertz, length in seconds, shape of the wave]
const tunes = {
  accepted: [[0, 1320, 0.08, "sine"]],
  line_complete: [[0, 988, 0.09, "sine"], [0.11, 1319, 0.12, "sine"]],
  complete: [[0, 784, 0.25, "sine"], [0.02, 988, 0.25, "sine"], [0.04, 1319, 0.35, "sine"]],
  more: [[0, 587, 0.18, "sine"]],
  warn: [[0, 294, 0.16, "triangle"], [0.24, 294, 0.16, "triangle"]],
  stop: [[0, 740, 0.18, "square"], [0.2, 494, 0.18, "square"], [0.4, 740, 0.18, "square"], [0.6, 494, 0.18, "square"]],
  lost: [[0, 440, 0.5, "sine"], [0.55, 294, 0.7, "sine"]],
};

/** Browsers let a page sound only after a touch or key; this is called on the first. */
export function unlock() {
  context ??= new AudioContext();
  if (context.state === "suspended") context.resume();
}

export function isUnlocked() {
  return context !== null && context.state === "running";
}

export function volumeNow() {
  return volume;
}

export function setVolume(value) {
  volume = value;
  localStorage.setItem("volume", String(value));
}

export function play(name) {
  if (!context || !tunes[name]) return;
  for (const [start, frequency, length, shape] of tunes[name]) {
    const at = context.currentTime + start;
    const tone = context.createOscillator();
    const gain = context.createGain();
    tone.type = shape;
    tone.frequency.value = frequency;
    gain.gain.setValueAtTime(0, at);
    gain.gain.linearRampToValueAtTime(volume, at + 0.01);
    gain.gain.setValueAtTime(volume, at + length - 0.02);
    gain.gain.linearRampToValueAtTime(0, at + length);
    tone.connect(gain).connect(context.destination);
    tone.start(at);
    tone.stop(at + length);
  }
}

/** The tune of a verdict, by its severity and code. */
export function tuneOf(severity, code) {
  if (severity === "ok") {
    if (code === "order_complete" || code === "list_complete" || code === "waybill_loaded") return "complete";
    return code === "line_complete" || code === "waybill_bound" ? "line_complete" : "accepted";
  }
  return { more: "more", warn: "warn", stop: "stop" }[severity] ?? null;
}
