// The session: the recording, its jobs, and the turns, which can be undone.
//
// A view is a state of the tracks: `{ source, job, compare, form }`. `source` is the input of the next
// turn: the recording's id, or `{ job, stem }`. `job` is the shown result, or null. `compare` is
// `{ a, b, stem }`, two jobs side by side, or null. `form` is the content of the prompt.

const STORE = "soundsift-session";

export const sameSource = (one, other) => sourceKey(one) === sourceKey(other);
export const sourceKey = (source) =>
  typeof source === "string" ? source : `${source.job}/${source.stem}`;

export const STEM_NAMES = { target: "Isolated", residual: "Without" };

/** A job's prompt in words: “cow”, 2 spans. */
export function subject({ text, spans = [], not_spans: notSpans = [] }) {
  if (text) return `“${text}”`;
  const count = spans.length + notSpans.length;
  return count === 1 ? "1 span" : `${count} spans`;
}

export class Session extends EventTarget {
  recording = null;
  jobs = new Map();
  #views = [];

  get view() {
    return this.#views.at(-1) ?? null;
  }
  get canUndo() {
    return this.#views.length > 1;
  }
  /** The job whose result is shown, if known. */
  get shown() {
    return this.jobs.get(this.view?.job) ?? null;
  }

  /** Start with a recording, or resume it with the views that `restore` found. */
  open(recording, views = null) {
    this.recording = recording;
    this.#views = views ?? [{ source: recording.id, job: null, compare: null }];
    this.#moved();
  }

  go(view, form) {
    if (this.view) this.view.form = form;
    this.#views.push({ job: null, compare: null, ...view });
    this.#moved();
  }

  /** Go back one view; returns its prompt. */
  undo() {
    if (!this.canUndo) return null;
    this.#views.pop();
    this.#moved();
    return this.view.form ?? null;
  }

  #moved() {
    this.#keep();
    this.dispatchEvent(new Event("view"));
  }

  take(job) {
    this.jobs.set(job.id, job);
    this.dispatchEvent(new Event("jobs"));
  }
  /** Remove a job and the views that need it. */
  drop(id) {
    this.jobs.delete(id);
    const needs = ({ source, job, compare }) =>
      job === id || source.job === id || compare?.a === id || compare?.b === id;
    const kept = this.#views.filter((view) => !needs(view));
    if (kept.length < this.#views.length) {
      this.open(this.recording, kept.length ? kept : null);
    }
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

  #keep() {
    const kept = JSON.stringify({ recording: this.recording.id, views: this.#views });
    // This tab's own first, else the last of any tab.
    sessionStorage.setItem(STORE, kept);
    localStorage.setItem(STORE, kept);
  }

  /** The stored `{ recording, views }`, or null. */
  static restore() {
    try {
      return JSON.parse(sessionStorage.getItem(STORE) ?? localStorage.getItem(STORE));
    } catch {
      return null;
    }
  }
}
