// Unfinished jobs: what is being done, how much of it, the remaining time, and cancel.

import { button, element } from "./dom.js";
import { subject } from "./session.js";
import { clock } from "./spans.js";

export function timeLeft(seconds) {
  if (seconds === null || seconds === undefined) return "";
  if (seconds < 1) return "about a second left";
  if (seconds < 90) return `${Math.round(seconds)} s left`;
  return `${Math.round(seconds / 60)} min left`;
}

/** What is done for a job now. `seconds` is the duration of its recording. */
export function stateWords({ step, status, progress, eta, waiting }, seconds) {
  if (status === "queued") {
    return waiting ? `waiting for its turn, after ${waiting} other${waiting === 1 ? "" : "s"}` : "waiting for its turn";
  }
  if (step === "starting") return "starting; the first job loads the model";
  if (step === "saving") return "saving the result";
  const done = progress ?? 0;
  const where = seconds ? ` (about ${clock(done * seconds, 0)} of ${clock(seconds, 0)})` : "";
  return [`separating, ${Math.round(100 * done)} %${where}`, timeLeft(eta)].filter(Boolean).join(", ");
}

export class Progress {
  #rows = new Map();

  constructor(list, onCancel) {
    this.list = list;
    this.onCancel = onCancel;
  }

  /** Show the unfinished ones of a recording's jobs; `seconds` is its duration. */
  draw(jobs, seconds) {
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
      this.#update(this.#rows.get(job.id), job, seconds);
    }
    this.list.hidden = open.size === 0;
  }

  #add(job) {
    const doing = job.request.mode === "remove" ? "Removing" : "Isolating";
    const words = `${doing} ${subject(job.request)}`;
    const bar = element("progress", { max: 1, "aria-label": words });
    const state = element("span", { class: "progress-state" });
    const cancel = button("Cancel", () => {
      cancel.disabled = true;
      this.onCancel(job.id);
    }, { "aria-label": `Cancel: ${words}` });
    const root = element("li", { "data-job": job.id },
      element("span", { class: "progress-words" }, words), bar, state, cancel);
    this.list.append(root);
    this.#rows.set(job.id, { root, bar, state });
  }

  #update({ bar, state }, job, seconds) {
    if (job.status === "running" && job.step !== "starting") bar.value = job.progress ?? 0;
    else bar.removeAttribute("value");
    state.textContent = stateWords(job, seconds);
  }
}
