// Notices and errors at the top of the page.

import { button, byId } from "./dom.js";

const NOTICE_MS = 6000;

let timer = null;

/** Show a sentence for a few seconds. */
export function notice(sentence) {
  clearTimeout(timer);
  byId("notice").textContent = sentence;
  byId("notice").hidden = false;
  timer = setTimeout(() => (byId("notice").hidden = true), NOTICE_MS);
}

/** Show an error until it is dismissed; null removes it. */
export function showError(sentence) {
  const box = byId("error");
  box.hidden = !sentence;
  box.replaceChildren();
  if (sentence) box.append(sentence, button("×", () => showError(null), { "aria-label": "Dismiss" }));
}

/** Run a button's action and show its error. */
export async function attempt(work) {
  try {
    showError(null);
    return await work();
  } catch (error) {
    showError(error.message);
    return null;
  }
}
