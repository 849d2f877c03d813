// Where the target was found: occurrences to go to, or to leave out of a new turn.

import { button, element } from "./dom.js";
import { clock } from "./spans.js";

/** Most times in the sentence; the list has them all. */
const MOST_TIMES = 12;

/** From this length in seconds on, an occurrence is told with its end. */
const LONG = 2;

/** An occurrence in words: 0:41, 2:10–2:14. */
function time({ start, end }) {
  const first = clock(Math.floor(start), 0);
  return end - start >= LONG ? `${first}–${clock(Math.floor(end), 0)}` : first;
}

/** The occurrences in a sentence: "Found at 0:41, 2:10 (sure), 3:02 (unsure)". */
export function foundWords(found) {
  const shown = found.slice(0, MOST_TIMES);
  const sure = [...new Set(shown.filter((one) => one.sure).map(time))];
  const unsure = [...new Set(shown.filter((one) => !one.sure).map(time))];
  const parts = [[sure, "sure"], [unsure, "unsure"]]
    .filter(([times]) => times.length)
    .map(([times, word]) => `${times.join(", ")} (${word})`);
  const more = found.length - shown.length;
  return `Found at ${parts.join(", ")}${more ? ` and ${more} more` : ""}.`;
}

export class Found {
  #unticked = new Set();
  #job = null;

  /** `actions`: `go(occurrence)`, and `again(job, spans)` to separate anew without these. */
  constructor(section, actions) {
    this.section = section;
    this.words = section.querySelector(".found-words");
    this.list = section.querySelector(".found-list");
    this.again = section.querySelector("#found-again");
    this.actions = actions;
    this.again.addEventListener("click", () => {
      const left = [...this.#unticked].map((at) => this.#job.found[at]);
      actions.again(this.#job, left.map(({ start, end }) => [start, end]));
    });
  }

  /** Show a finished job's occurrences and what was seen of a clicked object; nothing for null, or if
   *  the model found out nothing. */
  show(job) {
    this.#job = job;
    this.#unticked.clear();
    const found = job?.found ?? [];
    const seen = job?.seen ?? [];
    const unlikely = job?.presence === "absent";
    this.section.hidden = job === null || (found.length === 0 && seen.length === 0 && !unlikely);
    if (this.section.hidden) return;
    this.section.classList.toggle("unlikely", unlikely);
    const sentences = [...seen, unlikely ? "Probably not in this recording." : "", found.length ? foundWords(found) : ""];
    this.words.textContent = sentences.filter(Boolean).join(" ");
    this.list.replaceChildren(...found.map((one, at) => this.#row(one, at)));
    this.#drawAgain();
  }

  #row(one, at) {
    const tick = element("input", { type: "checkbox", checked: true, "aria-label": `Keep ${time(one)}` });
    tick.addEventListener("change", () => {
      if (tick.checked) this.#unticked.delete(at);
      else this.#unticked.add(at);
      this.#drawAgain();
    });
    const { sure } = one;
    const percent = Math.round(100 * one.probability);
    return element("li", { class: sure ? "sure" : "unsure" }, tick,
      button(time(one), () => this.actions.go(one), {
        class: "quiet", title: `${clock(one.start, 1)}–${clock(one.end, 1)}, ${percent} % sure`,
        "aria-label": `Go to ${time(one)}, ${sure ? "sure" : "unsure"}`,
      }));
  }

  #drawAgain() {
    const count = this.#unticked.size;
    this.again.hidden = count === 0;
    const verb = this.#job.request.mode === "remove" ? "Remove" : "Isolate";
    this.again.textContent = `${verb} again without ${count === 1 ? "this one" : `these ${count}`}`;
  }

  /** The first occurrence after a time, or the last one before it. */
  next(seconds, backwards = false) {
    const found = this.#job?.found ?? [];
    return backwards
      ? found.findLast(({ start }) => start < seconds - 0.05)
      : found.find(({ start }) => start > seconds + 0.05);
  }
}
