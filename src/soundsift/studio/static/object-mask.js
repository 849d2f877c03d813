// The marked object's mask: its outline in every picture, as the server finds it.

/** Outlines with a lower score are unsure. */
const UNSURE_BELOW = 0.7;
/** Times of the page have four decimals. */
const ROUNDING = 1e-3;

/** Whether an outline's picture is shown at a time. */
export const holds = ({ start, end }, time) => start <= time + ROUNDING && (end === null || time < end);

/** What is known of an outline: "sure", "unsure" or "lost". */
export const certainty = ({ score }) => (score === 0 ? "lost" : score < UNSURE_BELOW ? "unsure" : "sure");

/** Sends "change" when there is more to draw. */
export class ObjectMask extends EventTarget {
  /** `[{ start, end, score, state, polygons, stale }]` by time; stale ones belong to earlier marks. */
  pictures = [];
  /** The pictures in which it is followed: `{ width, height, pictures, start, end }`, or null. */
  film = null;
  /** "none", "clicked" (in the marked pictures), "following", "done" or "failed". */
  status = "none";
  #asked = null;
  #work = null;

  /**
   * `fetchOutlines(marks, signal)` gives the object in the pictures with points or a box, and
   * `follow(marks, onLines, signal)` in all pictures; `attempt` shows their refusals.
   */
  constructor({ fetchOutlines, follow, attempt }) {
    super();
    Object.assign(this, { fetchOutlines, follow, attempt });
  }

  /** Follow the object at these marks of a recording, `{ points, boxes }`, in place of earlier ones; null: no object. */
  show(recording, marks) {
    const asked = JSON.stringify([recording, marks]);
    if (asked === this.#asked) return;
    this.#asked = asked;
    this.#work?.abort();
    if (!marks) {
      Object.assign(this, { pictures: [], film: null });
      this.#become("none");
      return;
    }
    // Until there are new outlines, the old ones stay to be seen.
    for (const one of this.pictures) one.stale = true;
    this.#work = new AbortController();
    this.attempt(() => this.#find(marks, this.#work.signal));
  }

  async #find(marks, signal) {
    this.#become("clicked");
    try {
      const clicked = await this.fetchOutlines(marks, signal);
      const [{ width, height }] = clicked;
      this.film = { width, height, pictures: null, start: null, end: null };
      const sure = clicked.map(({ start, end, polygons }) => ({ start, end, polygons, score: 1, state: "clicked" }));
      this.#take(sure.filter(({ polygons }) => polygons.length > 0));
      this.#become("following");
      await this.follow(marks, (lines) => this.#receive(lines), signal);
      this.#end("done");
    } catch (error) {
      if (signal.aborted) return;
      this.#asked = null;
      this.#end("failed");
      throw error;
    }
  }

  #receive(lines) {
    for (const line of lines) {
      if (line.error) throw new Error(line.error);
      if (line.pictures) this.film = line;
    }
    this.#take(lines.filter(({ polygons }) => polygons));
    this.#become(this.status);
  }

  #take(outlines) {
    for (const outline of outlines) {
      const at = this.#indexAt(outline.start);
      const same = at >= 0 && Math.abs(this.pictures[at].start - outline.start) < ROUNDING;
      this.pictures.splice(same ? at : at + 1, same ? 1 : 0, outline);
    }
  }

  #end(status) {
    this.pictures = this.pictures.filter(({ stale }) => !stale);
    this.#become(status);
  }

  #become(status) {
    this.status = status;
    this.dispatchEvent(new Event("change"));
  }

  /** Number of the last outline that begins up to a time, or -1. */
  #indexAt(time) {
    let [low, high] = [0, this.pictures.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.pictures[middle].start <= time + ROUNDING) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** The outline in the picture that is shown at a time, or null. */
  at(time) {
    const found = this.pictures[this.#indexAt(time)];
    return found && holds(found, time) ? found : null;
  }

  /** The outline so many pictures after the one at a time, within the known ones; null without any. */
  beside(time, steps) {
    const at = this.#indexAt(time) + steps;
    return this.pictures[Math.min(this.pictures.length - 1, Math.max(0, at))] ?? null;
  }

  /** The fraction of the pictures that is done. */
  get progress() {
    const done = this.pictures.filter(({ stale }) => !stale).length;
    return this.film?.pictures ? Math.min(1, done / this.film.pictures) : 0;
  }

  /** Number of pictures in which it is "sure", "unsure" or "lost". */
  count(kind) {
    return this.pictures.filter((one) => certainty(one) === kind).length;
  }

  /** The stretches of one certainty: `[{ start, end, kind }]`; the last end may be null. */
  stretches() {
    const found = [];
    for (const one of this.pictures) {
      const [last, kind] = [found.at(-1), certainty(one)];
      if (last?.kind === kind && Math.abs(last.end - one.start) < ROUNDING) last.end = one.end;
      else found.push({ start: one.start, end: one.end, kind });
    }
    return found;
  }
}
