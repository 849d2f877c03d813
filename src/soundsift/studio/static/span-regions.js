// The spans as regions on a track: created and resized by dragging, moved by keys.

import { clock, SHORTEST } from "./spans.js";
import { colour } from "./dom.js";
import Regions from "./vendor/wavesurfer/regions.esm.js";

const NUDGE_SECONDS = 0.05;

export class SpanRegions {
  #spans;
  #plugin;
  #syncing = false;
  #onChange = () => this.sync();
  #onSelect = () => this.mark();

  constructor(spans) {
    this.#spans = spans;
    this.#plugin = Regions.create();
    spans.addEventListener("change", this.#onChange);
    spans.addEventListener("select", this.#onSelect);
    // A new region starts five pixels wide, which would extend it beyond the pointer.
    this.#plugin.on("region-initialized", (region) => {
      if (!this.#syncing) region.setOptions({ end: region.start });
    });
    this.#plugin.on("region-created", (region) => this.#drawn(region));
    this.#plugin.on("region-updated", (region) => {
      if (!this.#syncing) spans.change(region.id, { start: region.start, end: region.end });
    });
    this.#plugin.on("region-clicked", (region, event) => {
      event.stopPropagation();
      this.#spans.select(region.id);
      region.element.focus();
    });
  }

  get plugin() {
    return this.#plugin;
  }

  /** Called when the waveform is ready. */
  start() {
    // While dragging, a region has the colour of the selected sign.
    const colourNow = () => this.#colour(this.#spans.sign);
    this.#plugin.enableDragSelection({
      minLength: SHORTEST,
      get color() {
        return colourNow();
      },
    });
    this.sync();
  }

  #colour(sign) {
    return colour(sign === "+" ? "heard-wash" : "not-heard-wash");
  }

  #drawn(region) {
    if (this.#syncing || this.#spans.get(region.id)) return;
    const { start, end } = region;
    this.#syncing = true;
    region.remove();
    this.#syncing = false;
    this.#spans.add(start, end);
  }

  /** Update the regions from the model. */
  sync() {
    this.#syncing = true;
    const there = new Map(this.#plugin.getRegions().map((region) => [region.id, region]));
    this.#spans.all.forEach((span, index) => {
      const { id, start, end } = span;
      const color = this.#colour(span.sign);
      let region = there.get(id);
      there.delete(id);
      // Existing regions are kept, with their focus.
      if (region) region.setOptions({ start, end, color });
      else {
        region = this.#plugin.addRegion({ id, start, end, color, minLength: SHORTEST });
        this.#listen(region.element, id);
      }
      this.#label(region.element, span, index + 1);
    });
    for (const region of there.values()) region.remove();
    this.#syncing = false;
    this.mark();
  }

  #listen(box, id) {
    box.tabIndex = 0;
    box.dataset.span = id;
    box.setAttribute("role", "group");
    box.addEventListener("focus", () => this.#spans.select(id));
    box.addEventListener("keydown", (event) => this.#key(event, id));
  }

  #label(box, { start, end, sign }, number) {
    const words = sign === "+" ? "heard" : "not heard";
    box.setAttribute(
      "aria-label",
      `Span ${number}, ${words}, ${clock(start)} to ${clock(end)}. ` +
        "Arrows move it, Shift with arrows moves its end, Delete removes it.",
    );
    box.setAttribute("part", `region ${sign === "+" ? "heard" : "not-heard"}`);
  }

  #key(event, id) {
    const span = this.#spans.get(id);
    const step = { ArrowLeft: -NUDGE_SECONDS, ArrowRight: NUDGE_SECONDS }[event.key];
    if (event.key === "Delete" || event.key === "Backspace") this.#spans.remove(id);
    else if (step && event.shiftKey) this.#spans.change(id, { end: span.end + step });
    else if (step) this.#spans.change(id, { start: span.start + step, end: span.end + step });
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  mark() {
    for (const region of this.#plugin.getRegions()) {
      const parts = region.element?.part;
      if (parts) parts.toggle("selected", region.id === this.#spans.selected);
    }
  }

  destroy() {
    this.#spans.removeEventListener("change", this.#onChange);
    this.#spans.removeEventListener("select", this.#onSelect);
  }
}
