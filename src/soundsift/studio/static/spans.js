// The spans of a prompt: where the sound is heard (+) and where it is not (−).

/** Shortest span in seconds. */
export const SHORTEST = 0.005;

/** Minutes and seconds: 61:02.50. */
export const clock = (seconds, decimals = 2) => {
  const rounded = Number(seconds.toFixed(decimals));
  const minutes = Math.floor(rounded / 60 + 1e-9);
  const rest = Math.max(0, rounded - 60 * minutes).toFixed(decimals);
  return `${minutes}:${rest.padStart(decimals ? decimals + 3 : 2, "0")}`;
};

/** Seconds of "61:02.5", "1:01:02.5" or "3662.5"; NaN for anything else. */
export function parseClock(words) {
  const parts = words.trim().replace(",", ".").split(":");
  if (parts.length > 3 || parts.some((part) => !/^\d+(\.\d*)?$/.test(part))) return Number.NaN;
  return parts.reduce((total, part) => 60 * total + Number(part), 0);
}

const rounded = (seconds) => Math.round(seconds * 1000) / 1000;

export class Spans extends EventTarget {
  #spans = [];
  #limit = Infinity;
  #next = 1;
  sign = "+";
  selected = null;

  /** `[{ id, start, end, sign }]`, sorted by start. */
  get all() {
    return [...this.#spans].sort((one, other) => one.start - other.start);
  }
  get(id) {
    return this.#spans.find((span) => span.id === id);
  }

  /** Remove all spans; new ones end before `limit` seconds. */
  reset(limit = this.#limit, spans = []) {
    this.#limit = limit;
    this.#spans = [];
    this.selected = null;
    for (const { start, end, sign } of spans) this.#push(start, end, sign);
    this.#changed();
  }

  /** Add a span with the current sign, or with `sign`; null if it is too short. */
  add(start, end, sign = this.sign) {
    const span = this.#push(start, end, sign);
    this.#changed();
    return span;
  }

  #push(start, end, sign) {
    const [from, to] = this.#inside(start, end);
    if (to - from < SHORTEST) return null;
    const span = { id: `span-${this.#next++}`, start: from, end: to, sign };
    this.#spans.push(span);
    this.selected = span.id;
    return span;
  }

  #inside(start, end) {
    const clamp = (seconds) => Math.min(this.#limit, Math.max(0, rounded(seconds)));
    return [clamp(Math.min(start, end)), clamp(Math.max(start, end))];
  }

  change(id, { start, end, sign }) {
    const span = this.get(id);
    if (!span) return;
    const [from, to] = this.#inside(start ?? span.start, end ?? span.end);
    if (to - from >= SHORTEST) Object.assign(span, { start: from, end: to });
    if (sign) span.sign = sign;
    this.#changed();
  }

  remove(id) {
    const at = this.#spans.findIndex((span) => span.id === id);
    if (at < 0) return;
    this.#spans.splice(at, 1);
    if (this.selected === id) this.selected = this.#spans[Math.min(at, this.#spans.length - 1)]?.id ?? null;
    this.#changed();
  }

  select(id) {
    if (this.selected === id) return;
    this.selected = id;
    this.dispatchEvent(new Event("select"));
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }

  /** The API's fields: `{ spans, not_spans }`, pairs of seconds. */
  toRequest() {
    const pairs = (sign) =>
      this.all.filter((span) => span.sign === sign).map(({ start, end }) => [start, end]);
    return { spans: pairs("+"), not_spans: pairs("-") };
  }
}

/** The spans of a job's request, for `Spans.reset`. */
export function fromRequest({ spans = [], not_spans: notSpans = [] }) {
  return [
    ...spans.map(([start, end]) => ({ start, end, sign: "+" })),
    ...notSpans.map(([start, end]) => ({ start, end, sign: "-" })),
  ];
}
