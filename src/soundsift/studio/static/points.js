// The points of a prompt: clicks on the object in the video (+), or beside it (−).

const rounded = (number) => Math.round(number * 1e4) / 1e4;

export class Points extends EventTarget {
  #points = [];
  #next = 1;
  sign = "+";

  /** `[{ id, time, x, y, positive }]`, sorted by time; x and y as in the API. */
  get all() {
    return [...this.#points].sort((one, other) => one.time - other.time);
  }

  /** Replace all points. */
  reset(points = []) {
    this.#points = points.map((point) => ({ ...point, id: `point-${this.#next++}` }));
    this.#changed();
  }

  /** Add a point; x and y are fractions of the picture. */
  add(time, x, y, sign = this.sign) {
    const id = `point-${this.#next++}`;
    this.#points.push({ id, time: rounded(time), x: rounded(x), y: rounded(y), positive: sign === "+" });
    this.#changed();
  }

  flip(id) {
    const point = this.#points.find((one) => one.id === id);
    point.positive = !point.positive;
    this.#changed();
  }

  remove(id) {
    this.#points = this.#points.filter((point) => point.id !== id);
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }

  /** The API's field. */
  toRequest() {
    return { points: this.all.map(({ time, x, y, positive }) => ({ time, x, y, positive })) };
  }
}
