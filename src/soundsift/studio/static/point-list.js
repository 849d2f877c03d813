// The points as a list: their times, to go to, with their signs.

import { button, element } from "./dom.js";
import { clock } from "./spans.js";

export class PointList {
  /** `onGo(time)` shows a point's picture; `onEmpty()` takes the focus of a list that is gone. */
  constructor(list, points, { onGo, onEmpty }) {
    this.list = list;
    this.points = points;
    this.actions = { onGo, onEmpty };
    points.addEventListener("change", () => this.draw());
    this.draw();
  }

  draw() {
    const focused = this.list.contains(document.activeElement) ? document.activeElement : null;
    const place = focused && [[...this.list.children].indexOf(focused.closest("li")), focused.dataset.part];
    this.list.replaceChildren(...this.points.all.map((point, index) => this.#row(point, index + 1)));
    this.list.hidden = this.list.children.length === 0;
    if (!place) return;
    const row = this.list.children[Math.min(place[0], this.list.children.length - 1)];
    if (row) row.querySelector(`[data-part="${place[1]}"]`).focus();
    else this.actions.onEmpty();
  }

  #row({ id, time, positive }, number) {
    const row = element("li", { class: positive ? "span heard" : "span not-heard" },
      button(positive ? "+" : "−", () => this.points.flip(id), {
        class: "span-sign", "data-part": "sign", title: "Switch between on the object and beside it",
        "aria-label": `Point ${number}: ${positive ? "on the object" : "beside it"}; change the sign`,
      }),
      button(clock(time), () => this.actions.onGo(time), {
        class: "point-time", "data-part": "time", title: "Show its picture", "aria-label": `Point ${number}: show ${clock(time)}`,
      }),
      button("×", () => this.points.remove(id), {
        class: "span-remove", "data-part": "remove", title: "Delete this point (Delete)", "aria-label": `Delete point ${number}`,
      }));
    row.addEventListener("keydown", (event) => {
      if (event.key !== "Delete" && event.key !== "Backspace") return;
      event.preventDefault();
      this.points.remove(id);
    });
    return row;
  }
}
