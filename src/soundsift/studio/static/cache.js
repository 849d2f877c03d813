// Values that are fetched when they are first asked for; the last used ones are kept.

/** Most fetches at once: browsers open six connections to a host. */
const AT_ONCE = 3;
/** Waiting fetches; of more, the oldest are dropped, and asked for again if they are still seen. */
const WAITING = 48;

export class Cache {
  #values = new Map();
  // By name: the key, and the functions to call on arrival.
  #waiting = new Map();
  #running = new Map();

  /** `fetchValue(...key)` returns a promise of the value; `kept` is the number of kept values. */
  constructor(fetchValue, kept) {
    this.fetchValue = fetchValue;
    this.kept = kept;
  }

  /** The value, or undefined: then it is fetched, and `onArrival` is called once it is there. */
  peek(key, onArrival) {
    const name = key.join("/");
    if (this.#values.has(name)) return this.#use(name);
    if (!onArrival) return undefined;
    const wanted = this.#running.get(name) ?? this.#waiting.get(name) ?? { key, callbacks: new Set() };
    wanted.callbacks.add(onArrival);
    if (!this.#running.has(name)) {
      this.#waiting.delete(name);
      this.#waiting.set(name, wanted);
      if (this.#waiting.size > WAITING) this.#waiting.delete(this.#waiting.keys().next().value);
      this.#next();
    }
    return undefined;
  }

  #use(name) {
    const value = this.#values.get(name);
    this.#values.delete(name);
    this.#values.set(name, value);
    return value;
  }

  #next() {
    // The last one asked for first: it is what is seen now.
    for (const [name, wanted] of [...this.#waiting].reverse()) {
      if (this.#running.size >= AT_ONCE) return;
      this.#waiting.delete(name);
      this.#running.set(name, wanted);
      this.#fetch(name, wanted);
    }
  }

  async #fetch(name, { key, callbacks }) {
    try {
      this.#values.set(name, await this.fetchValue(...key));
      if (this.#values.size > this.kept) this.#values.delete(this.#values.keys().next().value);
      for (const callback of callbacks) callback();
    } catch {
      // Asked for again by the next drawing.
    } finally {
      this.#running.delete(name);
      this.#next();
    }
  }
}
