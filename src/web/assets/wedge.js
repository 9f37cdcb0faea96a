// Keyboard-wedge scanners and PDAs type into the page; no field needs the focus.

/** A pause after which what was typed before is no part of the code, in milliseconds: scanners type without pauses,
 *  people who type a code use the field for it. */
const PAUSE = 1500;

/** How scanners write the group separator (GS, U+001D) on a keyboard. */
function separator(event) {
  return (event.ctrlKey && event.key === "]") || event.key === "F8";
}

/** Whether what is typed there is meant for it: a slider or a tick takes no text. */
function takesText(target) {
  if (target instanceof HTMLInputElement) return !["range", "checkbox", "button", "submit"].includes(target.type);
  return target instanceof HTMLTextAreaElement;
}

export function listen(onScan) {
  let typed = "";
  let last = 0;
  document.addEventListener("keydown", (event) => {
    if (takesText(event.target) || event.altKey || event.metaKey) return;
    const now = performance.now();
    if (now - last > PAUSE) typed = "";
    last = now;
    if (separator(event)) {
      typed += "\u001d";
      event.preventDefault();
    } else if (event.key === "Enter" || event.key === "Tab") {
      if (!typed) return;
      event.preventDefault();
      event.stopPropagation();
      const code = typed;
      typed = "";
      onScan(code);
    } else if (event.key.length === 1 && !event.ctrlKey) {
      typed += event.key;
      // a space would press the button that has the focus
      if (event.key === " ") event.preventDefault();
    }
  }, true);
}
