// The list of recordings: open, rename, delete.

import * as api from "./api.js";
import { button, byId, element } from "./dom.js";
import { addressOf } from "./session.js";
import { clock } from "./spans.js";

/** A size in words: 12 MB. */
export function sizeWords(bytes) {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let size = bytes;
  let unit = 0;
  while (size >= 999.5 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${size < 9.95 && unit > 0 ? size.toFixed(1) : Math.round(size)} ${units[unit]}`;
}

const counted = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;
const date = (seconds) => new Date(1000 * seconds).toLocaleDateString(undefined, { dateStyle: "medium" });

export class Recordings {
  #toDelete = null;

  /** `onOpen(id)` opens a recording; `attempt(work)` runs an action and shows its error. */
  constructor(section, onOpen, attempt) {
    this.section = section;
    this.list = section.querySelector("ul");
    this.total = section.querySelector(".total");
    this.onOpen = onOpen;
    this.attempt = attempt;
    byId("delete-recording").addEventListener("close", ({ target }) => {
      if (target.returnValue === "delete") this.attempt(() => this.#delete());
    });
  }

  /** Ask the server for the list and show it. */
  async show() {
    const recordings = await api.recordings();
    this.section.hidden = recordings.length === 0;
    this.list.replaceChildren(...recordings.map((one) => this.#row(one)));
    const bytes = recordings.reduce((sum, { stored_bytes: size }) => sum + size, 0);
    this.total.textContent = `${counted(recordings.length, "recording")} with ${sizeWords(bytes)} on the server's disk`;
  }

  #row(recording) {
    const { id, name, seconds, results, stored_bytes: size, used, expires } = recording;
    const link = element("a", { href: addressOf(id), class: "recording-name" }, name);
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      this.onOpen(id);
    });
    const facts = [
      clock(seconds, 0), sizeWords(size), counted(results, "result"), `used ${date(used)}`, `kept until ${date(expires)}`,
    ];
    const row = element("li", { "data-recording": id },
      element("div", { class: "recording-words" }, link, element("p", { class: "fine" }, facts.join(" · "))),
      button("Rename…", () => this.#edit(row, recording), { "aria-label": `Rename ${name}` }),
      button("Delete…", () => this.#ask(recording), { "aria-label": `Delete ${name}` }));
    return row;
  }

  /** Replace a row by a form with its name. */
  #edit(row, { id, name }) {
    const input = element("input", { type: "text", value: name, maxlength: 255, required: true, "aria-label": "New name" });
    const form = element("form", { class: "rename" }, input,
      element("button", { class: "primary" }, "Rename"), button("Cancel", () => this.attempt(() => this.show())));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.attempt(async () => {
        await api.renameRecording(id, input.value);
        await this.show();
      });
    });
    row.replaceChildren(form);
    // Without the suffix, which people rarely change.
    input.focus();
    input.setSelectionRange(0, name.includes(".") ? name.lastIndexOf(".") : name.length);
  }

  #ask(recording) {
    this.#toDelete = recording;
    const { name, results, stored_bytes: size } = recording;
    const also = results ? ` and ${results === 1 ? "its result" : `its ${results} results`}` : "";
    byId("delete-words").textContent = `Delete “${name}”${also}? This frees ${sizeWords(size)} and cannot be undone.`;
    byId("delete-recording").returnValue = "";
    byId("delete-recording").showModal();
  }

  async #delete() {
    await api.deleteRecording(this.#toDelete.id);
    await this.show();
  }
}
