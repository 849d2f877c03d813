// What lies over the video: clicks and keys that set points, the points, and the object's outline.

import { element } from "./dom.js";
import { certainty, holds } from "./object-mask.js";

const SVG = "http://www.w3.org/2000/svg";
/** Steps of the cross in fractions of the picture; with Shift, ten at once. */
const STEP = 0.01;
/** A picture without an outline is taken to be shown for so many seconds. */
const HOLD = 0.02;
/** Pixels that the mouse may move between press and release of a click. */
const SLACK = 8;

const clamp = (part) => Math.min(1, Math.max(0, part));

export class Picture {
  #cross = null;
  #presented = null;
  #drawn = null;
  #pressed = null;
  #dragged = false;

  /** `layer` lies over the `video`; `mask` is the `ObjectMask` of the `points`. */
  constructor(layer, video, { player, points, mask }) {
    Object.assign(this, { layer, video, player, points, mask });
    this.svg = svgElement("svg", { preserveAspectRatio: "none", "aria-hidden": "true" });
    // Two lines, dark and light: one of them is seen on any picture.
    this.paths = ["outline-edge", "outline"].map((name) => svgElement("path", { class: name }));
    this.svg.append(...this.paths);
    this.marks = element("div", { "aria-hidden": "true" });
    this.state = element("p", { class: "picture-state", "aria-hidden": "true", hidden: true });
    layer.append(this.svg, this.marks, this.state);
    layer.addEventListener("pointerdown", (event) => this.#press(event));
    layer.addEventListener("click", (event) => this.#click(event));
    layer.addEventListener("keydown", (event) => this.#key(event));
    layer.addEventListener("blur", () => this.#move(null));
    for (const source of [points, mask]) source.addEventListener("change", () => this.draw());
    for (const name of ["seeked", "timeupdate", "loadedmetadata"]) video.addEventListener(name, () => this.draw());
    player.addEventListener("timeupdate", () => this.draw());
    this.#watch();
  }

  /** Draw with each picture that the browser presents, at that picture's own time. */
  #watch() {
    this.video.requestVideoFrameCallback?.((_, { mediaTime }) => {
      this.#presented = mediaTime;
      this.draw();
      this.#watch();
    });
  }

  /** The time of what is seen. The position of a playing video is ahead of its picture. */
  get #now() {
    const { currentTime, paused } = this.video;
    return paused || this.#presented === null ? currentTime : this.#presented;
  }

  #press({ clientX, clientY }) {
    this.#pressed = [clientX, clientY];
    this.#dragged = false;
  }

  #click(event) {
    // A drag ends at a corner of what is meant, where the object is not.
    const [x, y] = this.#pressed ?? [event.clientX, event.clientY];
    this.#pressed = null;
    this.#dragged = Math.hypot(event.clientX - x, event.clientY - y) > SLACK;
    if (this.#dragged) {
      this.draw();
      return;
    }
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
    const time = this.#now;
    if (!this.player.paused) {
      this.player.pause();
      this.player.currentTime = time;
    }
    const { sign } = this.points;
    this.points.add(time, x, y, other ? { "+": "-", "-": "+" }[sign] : sign);
  }

  /** Draw what belongs to the picture that is shown. */
  draw() {
    const now = this.#now;
    const outline = this.mask.at(now);
    this.layer.setAttribute("aria-busy", String(this.mask.status === "clicked"));
    this.#drawOutline(outline);
    this.#say(this.#words(outline));
    const shown = this.points.all.filter(({ time }) =>
      outline ? holds(outline, time) : Math.abs(time - now) < HOLD);
    const marks = shown.map((point) =>
      mark(`point ${point.positive ? "heard" : "not-heard"}`, this.#fractions(point)));
    if (this.#cross) marks.push(mark("cross", this.#cross));
    if (marks.length + this.marks.children.length > 0) this.marks.replaceChildren(...marks);
  }

  #drawOutline(outline) {
    const { width, height } = this.mask.film ?? {};
    const kind = outline ? `${certainty(outline)}${outline.stale ? " stale" : ""}` : "";
    this.svg.setAttribute("class", kind);
    if (outline === this.#drawn) return;
    this.#drawn = outline;
    if (outline) this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const way = (outline?.polygons ?? []).map((corners) => `M${corners.map((one) => one.join(" ")).join("L")}Z`).join("");
    for (const path of this.paths) path.setAttribute("d", way);
  }

  /** What to know of the object in this picture, if it is not surely found. */
  #words(outline) {
    const { status } = this.mask;
    if (this.#dragged) return "Dragging sets no point. Click on the object.";
    if (status === "none") return this.points.all.length > 0 ? "Click on the object, too." : "";
    if (outline?.stale || (!outline && (status === "clicked" || status === "following"))) return "Being followed…";
    if (!outline) return status === "done" ? "Not followed here" : "";
    return { lost: "Lost here. Click on it where it is seen again.", unsure: "Unsure here", sure: "" }[certainty(outline)];
  }

  #say(words) {
    this.state.hidden = words === "";
    if (this.state.textContent !== words) this.state.textContent = words;
  }

  #fractions({ x, y }) {
    if (Math.max(x, y) <= 1) return [x, y];
    const { width, height } = this.mask.film ?? { width: this.video.videoWidth, height: this.video.videoHeight };
    return [x / width, y / height];
  }
}

function mark(name, [x, y]) {
  const made = element("span", { class: name });
  made.style.left = `${100 * x}%`;
  made.style.top = `${100 * y}%`;
  return made;
}

function svgElement(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
