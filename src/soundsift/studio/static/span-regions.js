// The spans on a track: drawn by dragging, moved, resized, and changed by keys.

import { CLICK_PIXELS } from "./track.js";
import { clock } from "./spans.js";
import { element } from "./dom.js";

const NUDGE_PIXELS = 5;
/** Edges snap to others that are so near; not while Alt is pressed. */
const SNAP_PIXELS = 6;
/** The view scrolls by this part of its width for each movement beyond its side. */
const SCROLL_PART = 0.05;

export class SpanRegions {
  /** Edges of found occurrences, to snap to. */
  found = [];
  #boxes = new Map();
  #drawn = null;
  #listening = new AbortController();

  constructor(view, spans, viewport, player) {
    Object.assign(this, { view, spans, viewport, player });
    this.layer = element("div", { class: "regions" });
    view.append(this.layer);
    const { signal } = this.#listening;
    spans.addEventListener("change", () => this.sync(), { signal });
    spans.addEventListener("select", () => this.#mark(), { signal });
    viewport.addEventListener("change", () => this.#place(), { signal });
    this.layer.addEventListener("pointerdown", (event) => this.#press(event));
    this.sync();
  }

  // Mouse

  #timeOf({ clientX }) {
    const { left, width } = this.layer.getBoundingClientRect();
    return this.viewport.timeAt((clientX - left) / width);
  }

  /** A time, moved to a near edge. `own` is the id of the span whose edge it is. */
  #snapped(event, time, own = null) {
    if (event.altKey) return time;
    const others = this.spans.all.filter(({ id }) => id !== own);
    const edges = [...others, ...this.found].flatMap(({ start, end }) => [start, end]);
    edges.push(this.player.currentTime, 0, this.viewport.duration);
    const reach = (SNAP_PIXELS * this.viewport.seconds) / this.layer.clientWidth;
    const nearest = edges.reduce((one, other) => (Math.abs(other - time) < Math.abs(one - time) ? other : one));
    return Math.abs(nearest - time) <= reach ? nearest : time;
  }

  #press(event) {
    if (event.button !== 0) return;
    const box = event.target.closest("[data-span]");
    const id = box?.dataset.span ?? null;
    const edge = event.target.dataset.edge;
    const pressed = this.#timeOf(event);
    const span = id && { ...this.spans.get(id) };
    event.preventDefault();
    if (id) {
      this.spans.select(id);
      box.focus({ preventScroll: true });
    } else document.activeElement?.blur?.();
    let moved = false;
    const move = (now) => {
      moved ||= Math.abs(now.clientX - event.clientX) > CLICK_PIXELS;
      if (!moved) return;
      this.#scroll(now);
      const time = this.#timeOf(now);
      if (edge) this.#resize(now, span, edge, time);
      else if (span) this.#shift(now, span, time - pressed);
      else this.#draw(now, this.#snapped(event, pressed), this.#snapped(now, time));
    };
    const end = (last) => {
      this.layer.onpointermove = this.layer.onpointerup = this.layer.onpointercancel = null;
      const drawn = this.#drawn;
      this.#erase();
      if (last.type === "pointercancel") return;
      if (drawn) this.spans.add(drawn.start, drawn.end);
      else if (!moved) this.player.currentTime = pressed;
    };
    this.layer.setPointerCapture(event.pointerId);
    this.layer.onpointermove = move;
    this.layer.onpointerup = this.layer.onpointercancel = end;
  }

  #scroll({ clientX }) {
    const { left, right } = this.layer.getBoundingClientRect();
    const step = SCROLL_PART * this.viewport.seconds;
    if (clientX < left) this.viewport.scroll(-step);
    else if (clientX > right) this.viewport.scroll(step);
  }

  #resize(event, { id }, edge, time) {
    this.spans.change(id, { [edge]: this.#snapped(event, time, id) });
  }

  #shift(event, { id, start, end }, by) {
    const moved = this.#snapped(event, start + by, id);
    const from = Math.min(Math.max(0, moved), this.viewport.duration - (end - start));
    this.spans.change(id, { start: from, end: from + end - start });
  }

  #draw(event, one, other) {
    this.#drawn ??= { box: element("div", { class: `region drawn ${this.#tone(this.spans.sign)}` }) };
    Object.assign(this.#drawn, { start: Math.min(one, other), end: Math.max(one, other) });
    this.layer.append(this.#drawn.box);
    this.#put(this.#drawn.box, this.#drawn);
  }

  #erase() {
    this.#drawn?.box.remove();
    this.#drawn = null;
  }

  // Boxes

  #tone(sign) {
    return sign === "+" ? "heard" : "not-heard";
  }

  #put(box, { start, end }) {
    const from = Math.max(0, this.viewport.partAt(start));
    const to = Math.min(1, this.viewport.partAt(end));
    box.hidden = to < 0 || from > 1;
    box.style.left = `${100 * from}%`;
    box.style.width = `${100 * Math.max(0, to - from)}%`;
  }

  #place() {
    for (const [id, box] of this.#boxes) this.#put(box, this.spans.get(id));
    if (this.#drawn) this.#put(this.#drawn.box, this.#drawn);
  }

  /** Make the boxes those of the spans; existing ones are kept, with their focus. */
  sync() {
    const there = new Set();
    this.spans.all.forEach((span, index) => {
      there.add(span.id);
      if (!this.#boxes.has(span.id)) this.#boxes.set(span.id, this.#box(span.id));
      const box = this.#boxes.get(span.id);
      box.className = `region ${this.#tone(span.sign)}`;
      box.setAttribute(
        "aria-label",
        `Span ${index + 1}, ${span.sign === "+" ? "heard" : "not heard"}, ${clock(span.start)} to ` +
          `${clock(span.end)}. Arrows move it, Shift with arrows moves its end, Delete removes it.`,
      );
    });
    for (const [id, box] of this.#boxes) {
      if (there.has(id)) continue;
      box.remove();
      this.#boxes.delete(id);
    }
    this.#place();
    this.#mark();
  }

  #box(id) {
    const edge = (name) => element("div", { class: `region-edge ${name}`, "data-edge": name });
    const box = element("div", { "data-span": id, role: "group", tabindex: "0" }, edge("start"), edge("end"));
    box.addEventListener("focus", () => this.spans.select(id));
    box.addEventListener("keydown", (event) => this.#key(event, id));
    this.layer.append(box);
    return box;
  }

  #key(event, id) {
    const span = this.spans.get(id);
    const nudge = (NUDGE_PIXELS * this.viewport.seconds) / this.layer.clientWidth;
    const step = { ArrowLeft: -nudge, ArrowRight: nudge }[event.key];
    if (event.key === "Delete" || event.key === "Backspace") this.spans.remove(id);
    else if (step && event.shiftKey) this.spans.change(id, { end: span.end + step });
    else if (step) this.spans.change(id, { start: span.start + step, end: span.end + step });
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #mark() {
    for (const [id, box] of this.#boxes) box.classList.toggle("selected", id === this.spans.selected);
  }

  destroy() {
    this.#listening.abort();
    this.layer.remove();
  }
}
