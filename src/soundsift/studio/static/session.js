// The session: the recording, its jobs, and the view. Each view is an entry of the browser's history,
// so the browser's Back undoes a turn, and every recording and result has an address.
//
// A view is a state of the tracks: `{ source, job, compare, group }`. `source` is the input of the next
// turn: the recording's id, or `{ job, stem }`. `job` is the shown result, or null. `compare` is
// `{ a, b, stem }`, two jobs side by side, or null. `group` are the jobs of a request with several
// prompts, or null.

import { clock } from "./spans.js";

export const sameSource = (one, other) => sourceKey(one) === sourceKey(other);
export const sourceKey = (source) =>
  typeof source === "string" ? source : `${source.job}/${source.stem}`;

export const STEM_NAMES = { target: "Isolated", residual: "Without" };

/** A job's prompt in words: “cow”, the clicked object, the object in the box, span 0:41–0:43, 2 spans. */
export function subject({ text, spans = [], not_spans: notSpans = [], points = [], boxes = [] }) {
  if (text) return `“${text}”`;
  if (points.length > 0) return "the clicked object";
  if (boxes.length > 0) return "the object in the box";
  const count = spans.length + notSpans.length;
  if (count !== 1) return `${count} spans`;
  const [start, end] = spans[0] ?? notSpans[0];
  return `span ${clock(start, 1)}–${clock(end, 1)}`;
}

/** The address of a recording, or of a result. */
export function addressOf(recording, job = null) {
  const words = new URLSearchParams({ recording });
  if (job) words.set("result", job);
  return `/?${words}`;
}

const whole = (recording) => ({ source: recording.id, job: null, compare: null, group: null });

export class Session extends EventTarget {
  recording = null;
  jobs = new Map();
  view = null;
  /** Number of turns in this tab that can be undone. */
  depth = 0;

  get canUndo() {
    return this.depth > 0;
  }
  /** The job whose result is shown, if known. */
  get shown() {
    return this.jobs.get(this.view?.job) ?? null;
  }

  /** Start with a recording. `replace`: in place of the browser's present entry. */
  open(recording, { replace = false } = {}) {
    this.recording = recording;
    this.depth = 0;
    this.#enter(whole(recording), replace);
  }

  /** Show a view; `form` is the content of the prompt, for when the browser comes back to it. */
  go(view, form) {
    history.replaceState({ ...history.state, form }, "");
    this.depth += 1;
    this.#enter({ ...whole(this.recording), ...view }, false);
  }

  #enter(view, replace) {
    this.view = view;
    const state = { recording: this.recording.id, view, depth: this.depth };
    const address = addressOf(this.recording.id, view.job);
    if (replace) history.replaceState(state, "", address);
    else history.pushState(state, "", address);
    this.dispatchEvent(new Event("view"));
  }

  /** Show what an entry of the browser's history says, as far as its jobs are still there. */
  restore(recording, { view, depth = 0 }) {
    this.recording = recording;
    this.depth = depth;
    this.view = view && this.#isKnown(view) ? { ...whole(recording), ...view } : whole(recording);
    this.dispatchEvent(new Event("view"));
  }

  close() {
    this.recording = this.view = null;
    this.depth = 0;
  }

  #isKnown({ source, job, compare, group }) {
    const needed = [source.job, job, compare?.a, compare?.b, ...(group ?? [])];
    return needed.every((id) => !id || this.jobs.get(id)?.status === "done");
  }

  take(job) {
    this.jobs.set(job.id, job);
    this.dispatchEvent(new Event("jobs"));
  }
  /** Remove a job; a view that needs it becomes that of the recording. */
  drop(id) {
    this.jobs.delete(id);
    if (this.recording && !this.#isKnown(this.view)) this.#enter(whole(this.recording), true);
    this.dispatchEvent(new Event("jobs"));
  }

  /** Jobs of this recording, of all turns, newest first. */
  get own() {
    return [...this.jobs.values()]
      .filter((job) => job.recording === this.recording?.id)
      .sort((one, other) => other.created - one.created);
  }

  /** The sources from the recording to this one: `[source, ...]`. */
  path(source) {
    const path = [source];
    while (typeof path[0] !== "string") {
      const before = this.jobs.get(path[0].job)?.request.recording;
      if (before === undefined) break;
      path.unshift(before);
    }
    return path;
  }

  /** A source in words. */
  describe(source) {
    if (typeof source === "string") return this.recording.name;
    const job = this.jobs.get(source.job);
    if (!job) return STEM_NAMES[source.stem];
    return source.stem === "target" ? subject(job.request) : `without ${subject(job.request)}`;
  }
}
