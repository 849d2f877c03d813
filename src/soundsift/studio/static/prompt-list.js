// Further sounds of a request: prompts that were set aside with "Add another sound".

import { button, element } from "./dom.js";
import { subject } from "./session.js";

export class PromptList {
  #prompts = [];

  /** `onChange` is called when a prompt is added or removed. */
  constructor(list, onChange) {
    this.list = list;
    this.onChange = onChange;
  }

  /** `[{ text, spans, not_spans, points, boxes }]`. */
  get all() {
    return this.#prompts;
  }

  add(prompt) {
    this.#set([...this.#prompts, prompt]);
  }
  clear() {
    this.#set([]);
  }

  #set(prompts) {
    this.#prompts = prompts;
    this.list.hidden = prompts.length === 0;
    this.list.replaceChildren(
      ...prompts.map((prompt) => {
        const marks = prompt.spans.length + prompt.not_spans.length;
        const words = subject(prompt) + (prompt.text && marks ? `, ${marks === 1 ? "1 span" : `${marks} spans`}` : "");
        return element("li", {}, words,
          button("×", () => this.#set(this.#prompts.filter((one) => one !== prompt)), {
            class: "span-remove", "aria-label": `Leave out ${words}`,
          }));
      }));
    this.onChange();
  }
}
