// Unfinished jobs: progress, remaining time, and cancel.

import { button, element } from "./dom.js";
import { subject } from "./session.js";

export function timeLeft(seconds) {
  if (seconds === null || seconds === undefined) return "";
  if (seconds < 1) return "about a second left";
  if (seconds < 90) return `${Math.round(seconds)} s left`;
  return `${Math.round(seconds / 60)} min left`;
}

export class Progress {
  #rows = new Map();

  constructor(list, onCancel) {
    this.list = list;
    this.onCancel = onCancel;
  }

  draw(jobs) {
    const open = new Map(
      jobs.filter(({ status }) => status === "queued" || status === "running").map((job) => [job.id, job]),
    );
    for (const [id, row] of this.#rows) {
      if (!open.has(id)) {
        row.root.remove();
        this.#rows.delete(id);
      }
    }
    for (const job of open.values()) {
      if (!this.#rows.has(job.id)) this.#add(job);
      this.#update(this.#rows.get(job.id), job);
    }
    this.list.hidden = open.size === 0;
  }

  #add(job) {
    const doing = job.request.mode === "remove" ? "Removing" : "Isolating";
    const words = `${doing} ${subject(job.request)}`;
    const bar = element("progress", { max: 1, "aria-label": words });
    const state = element("span", { class: "progress-state", role: "status" });
    const cancel = button("Cancel", () => {
      cancel.disabled = true;
      this.onCancel(job.id);
    });
    const root = element("li", { "data-job": job.id },
      element("span", { class: "progress-words" }, words), bar, state, cancel);
    this.list.append(root);
    this.#rows.set(job.id, { root, bar, state });
  }

  #update({ bar, state }, { status, progress, eta }) {
    if (status === "queued") {
      bar.removeAttribute("value");
      state.textContent = "waiting for its turn";
    } else {
      bar.value = progress ?? 0;
      const left = timeLeft(eta);
      state.textContent = `${Math.round(100 * (progress ?? 0))} %${left ? `, ${left}` : ""}`;
    }
  }
}
