// What marks the object in the video: clicks on it (+) or beside it (−), and boxes around it.

const rounded = (number) => Math.round(number * 1e4) / 1e4;
const byTime = (one, other) => one.time - other.time;

export class Points extends EventTarget {
  #points = [];
  #boxes = [];
  #next = 1;
  /** What new points say, unless Alt is held. */
  sign = "+";

  /** `[{ id, time, x, y, positive }]`, sorted by time; x and y as in the API. */
  get all() {
    return [...this.#points].sort(byTime);
  }

  /** `[{ id, time, x, y, width, height }]`, sorted by time. */
  get boxes() {
    return [...this.#boxes].sort(byTime);
  }

  /** Whether anything says where the object is. */
  get begin() {
    return this.#boxes.length > 0 || this.#points.some(({ positive }) => positive);
  }

  /** Replace everything by what a request has; boxes without a time, which only the API makes, are left out. */
  reset({ points = [], boxes = [] } = {}) {
    this.#points = points.map((point) => ({ ...point, id: this.#newId() }));
    this.#boxes = boxes.filter(({ time }) => Number.isFinite(time)).map((box) => ({ ...box, id: this.#newId() }));
    this.#changed();
  }

  /** Add a point; x and y are fractions of the picture. */
  add(time, x, y, sign) {
    this.#points.push({ id: this.#newId(), time: rounded(time), x: rounded(x), y: rounded(y), positive: sign === "+" });
    this.#changed();
  }

  /** Add a box between two corners, in place of those for which `isReplaced(time)`. */
  addBox(time, corner, opposite, isReplaced) {
    const [left, right] = [corner[0], opposite[0]].map(rounded).sort((one, other) => one - other);
    const [top, bottom] = [corner[1], opposite[1]].map(rounded).sort((one, other) => one - other);
    this.#boxes = this.#boxes.filter((box) => !isReplaced(box.time));
    this.#boxes.push({
      id: this.#newId(), time: rounded(time), x: left, y: top, width: rounded(right - left), height: rounded(bottom - top),
    });
    this.#changed();
  }

  flip(id) {
    const point = this.#points.find((one) => one.id === id);
    point.positive = !point.positive;
    this.#changed();
  }

  /** Remove a point or a box. */
  remove(id) {
    this.#points = this.#points.filter((point) => point.id !== id);
    this.#boxes = this.#boxes.filter((box) => box.id !== id);
    this.#changed();
  }

  #newId() {
    return `mark-${this.#next++}`;
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }

  /** The API's fields. */
  toRequest() {
    return {
      points: this.all.map(({ time, x, y, positive }) => ({ time, x, y, positive })),
      boxes: this.boxes.map(({ time, x, y, width, height }) => ({ time, x, y, width, height })),
    };
  }
}
