// Points and boxes as a list: their times, to go to, and the points' signs.

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
    const rows = [
      ...this.points.boxes.map((box, index) => ({ time: box.time, row: this.#boxRow(box, index + 1) })),
      ...this.points.all.map((point, index) => ({ time: point.time, row: this.#pointRow(point, index + 1) })),
    ];
    this.list.replaceChildren(...rows.sort((one, other) => one.time - other.time).map(({ row }) => row));
    this.list.hidden = this.list.children.length === 0;
    if (!place) return;
    const row = this.list.children[Math.min(place[0], this.list.children.length - 1)];
    if (row) (row.querySelector(`[data-part="${place[1]}"]`) ?? row.querySelector("[data-part=time]")).focus();
    else this.actions.onEmpty();
  }

  #pointRow({ id, time, positive }, number) {
    return this.#row(id, time, `point ${number}`, positive,
      button(positive ? "+" : "−", () => this.points.flip(id), {
        class: "span-sign", "data-part": "sign", title: "Switch between on the object and beside it",
        "aria-label": `Point ${number}: ${positive ? "on the object" : "beside it"}; change the sign`,
      }));
  }

  #boxRow({ id, time }, number) {
    return this.#row(id, time, `box ${number}`, true, element("span", { class: "box-sign", "aria-hidden": "true" }));
  }

  #row(id, time, name, positive, sign) {
    const row = element("li", { class: positive ? "span heard" : "span not-heard" }, sign,
      button(clock(time), () => this.actions.onGo(time), {
        class: "point-time", "data-part": "time", title: "Show its picture", "aria-label": `${name[0].toUpperCase()}${name.slice(1)}: show ${clock(time)}`,
      }),
      button("×", () => this.points.remove(id), {
        class: "span-remove", "data-part": "remove", title: `Delete this ${name.split(" ")[0]} (Delete)`, "aria-label": `Delete ${name}`,
      }));
    row.addEventListener("keydown", (event) => {
      if (event.key !== "Delete" && event.key !== "Backspace") return;
      event.preventDefault();
      this.points.remove(id);
    });
    return row;
  }
}
