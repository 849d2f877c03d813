// What lies over the video: clicks and keys that set points, the points, and the object's outline.

import { element } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";
/** Steps of the cross in fractions of the picture; with Shift, ten at once. */
const STEP = 0.01;
/** A picture without an outline is taken to be shown for so many seconds. */
const HOLD = 0.02;

const clamp = (part) => Math.min(1, Math.max(0, part));

export class Picture {
  #outlines = [];
  #asked = 0;
  #cross = null;

  /**
   * `layer` lies over the `video`; `fetchOutlines(points)` gives the object in the pictures with points;
   * `attempt` shows its refusals.
   */
  constructor(layer, video, { player, points, fetchOutlines, attempt }) {
    Object.assign(this, { layer, video, player, points, fetchOutlines, attempt });
    layer.addEventListener("click", (event) => this.#click(event));
    layer.addEventListener("keydown", (event) => this.#key(event));
    layer.addEventListener("blur", () => this.#move(null));
    points.addEventListener("change", () => this.#changed());
    for (const name of ["seeked", "timeupdate", "loadedmetadata"]) video.addEventListener(name, () => this.draw());
    player.addEventListener("timeupdate", () => this.draw());
  }

  #click(event) {
    const box = this.layer.getBoundingClientRect();
    const place = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    this.#set(...place.map(clamp), event.altKey);
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey) return;
    const step = event.shiftKey ? 10 * STEP : STEP;
    const [x, y] = this.#cross ?? [0.5, 0.5];
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    if (event.key in moves) this.#move([clamp(x + moves[event.key][0]), clamp(y + moves[event.key][1])]);
    else if (event.key === "Enter") {
      if (this.#cross) this.#set(x, y, event.altKey);
      else this.#move([x, y]);
    } else return;
    event.preventDefault();
  }

  /** Move the cross, or hide it. */
  #move(place) {
    this.#cross = place;
    this.draw();
  }

  /** Set a point in the picture that is shown; what plays stops there, to show the outline. */
  #set(x, y, other) {
    const time = this.video.currentTime;
    if (!this.player.paused) {
      this.player.pause();
      this.player.currentTime = time;
    }
    const { sign } = this.points;
    this.points.add(time, x, y, other ? { "+": "-", "-": "+" }[sign] : sign);
  }

  #changed() {
    const { points } = this.points.toRequest();
    const number = ++this.#asked;
    if (!points.some(({ positive }) => positive)) {
      this.#take([]);
      return;
    }
    this.draw();
    this.layer.setAttribute("aria-busy", "true");
    this.attempt(async () => {
      let found = [];
      try {
        found = await this.fetchOutlines(points);
      } finally {
        if (number === this.#asked) this.#take(found);
      }
    });
  }

  #take(outlines) {
    this.#outlines = outlines;
    this.layer.setAttribute("aria-busy", "false");
    this.draw();
  }

  /** Draw what belongs to the picture that is shown. */
  draw() {
    const now = this.video.currentTime;
    // Times of the page have four decimals.
    const holds = ({ start, end }, time) => start <= time + 1e-3 && (end === null || time < end);
    const outline = this.#outlines.find((one) => holds(one, now));
    const shown = this.points.all.filter(({ time }) =>
      outline ? holds(outline, time) : Math.abs(time - now) < HOLD);
    const marks = shown.map((point) =>
      this.#mark(`point ${point.positive ? "heard" : "not-heard"}`, this.#fractions(point, outline)));
    if (this.#cross) marks.push(this.#mark("cross", this.#cross));
    this.layer.replaceChildren(...(outline ? [drawn(outline)] : []), ...marks);
  }

  #fractions({ x, y }, outline) {
    if (Math.max(x, y) <= 1) return [x, y];
    return [x / (outline?.width ?? this.video.videoWidth), y / (outline?.height ?? this.video.videoHeight)];
  }

  #mark(name, [x, y]) {
    const mark = element("span", { class: name, "aria-hidden": "true" });
    mark.style.left = `${100 * x}%`;
    mark.style.top = `${100 * y}%`;
    return mark;
  }
}

function drawn({ width, height, polygons }) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  for (const corners of polygons) {
    const polygon = document.createElementNS(SVG, "polygon");
    polygon.setAttribute("points", corners.map((corner) => corner.join(",")).join(" "));
    svg.append(polygon);
  }
  return svg;
}
