// The spans as an editable list of times.

import { element } from "./dom.js";
import { clock, parseClock } from "./spans.js";

function timeInput(label, value, onChange) {
  const input = element("input", {
    type: "text", inputmode: "decimal", value: clock(value, 3), "aria-label": label,
    title: "Minutes and seconds, or seconds",
  });
  input.addEventListener("change", () => {
    const seconds = parseClock(input.value);
    if (Number.isFinite(seconds)) onChange(seconds);
    else input.value = clock(value, 3);
  });
  return input;
}

export class SpanList {
  constructor(list, spans) {
    this.list = list;
    this.spans = spans;
    spans.addEventListener("change", () => this.draw());
    spans.addEventListener("select", () => this.mark());
    this.draw();
  }

  draw() {
    const focused = this.list.contains(document.activeElement) ? document.activeElement : null;
    const place = focused && [focused.closest("li")?.dataset.span, focused.dataset.part];
    this.list.replaceChildren(...this.spans.all.map((span, index) => this.row(span, index + 1)));
    this.list.hidden = this.spans.all.length === 0;
    this.mark();
    if (place) this.list.querySelector(`[data-span="${place[0]}"] [data-part="${place[1]}"]`)?.focus();
  }

  row(span, number) {
    const { id, start, end, sign } = span;
    const heard = sign === "+";
    const flip = element("button", {
      type: "button", class: "span-sign", "data-part": "sign", title: "Switch between heard and not heard",
      "aria-label": `Span ${number}: ${heard ? "heard" : "not heard"}; change the sign`,
    }, heard ? "+" : "−");
    flip.addEventListener("click", () => this.spans.change(id, { sign: heard ? "-" : "+" }));
    const from = timeInput(`Span ${number}: start`, start, (value) => this.spans.change(id, { start: value }));
    const to = timeInput(`Span ${number}: end`, end, (value) => this.spans.change(id, { end: value }));
    from.dataset.part = "from";
    to.dataset.part = "to";
    const remove = element("button", {
      type: "button", class: "span-remove", title: "Delete this span", "data-part": "remove",
      "aria-label": `Delete span ${number}`,
    }, "×");
    remove.addEventListener("click", () => this.spans.remove(id));
    const row = element("li", { class: heard ? "span heard" : "span not-heard", "data-span": id },
      flip, from, element("span", { class: "dash", "aria-hidden": "true" }, "–"), to, remove);
    row.addEventListener("focusin", () => this.spans.select(id));
    return row;
  }

  mark() {
    for (const row of this.list.children) {
      row.classList.toggle("selected", row.dataset.span === this.spans.selected);
    }
  }
}
