// What lies over the video: clicks, drags and keys that set points and boxes, these, and the object's outline.

import { element } from "./dom.js";
import { certainty, holds } from "./object-mask.js";

const SVG = "http://www.w3.org/2000/svg";
/** Steps of the cross in fractions of the picture; with Shift, ten at once. */
const STEP = 0.01;
/** A picture without an outline is taken to be shown for so many seconds. */
const HOLD = 0.02;
/** Pixels that a pointer may move in a click; a box has at least as many on each side. */
const SLACK = 8;

const NO_BOX_BESIDE = "A box goes around the object. Click where the object is not.";
const TOO_SMALL = "Too small for a box. Draw it around the whole object.";
const BEGUN = "Go to the opposite corner, then Enter.";

const clamp = (part) => Math.min(1, Math.max(0, part));

export class Picture {
  #cross = null;
  #presented = null;
  #drawn = null;
  /** Where the pointer was pressed: `{ x, y }` in pixels, a `corner`, and whether `beside` the object; null while it is up. */
  #pressed = null;
  /** The box that is being drawn: `{ time, corners: [[x, y], [x, y]], byKeys }`; or null. */
  #box = null;
  #dragged = false;
  #hint = "";

  /** `layer` lies over the `video`; `mask` is the `ObjectMask` of the `points`; `said` is read out. */
  constructor(layer, video, { player, points, mask, said }) {
    Object.assign(this, { layer, video, player, points, mask, said });
    this.svg = svgElement("svg", { preserveAspectRatio: "none", "aria-hidden": "true" });
    // Two lines, dark and light: one of them is seen on any picture.
    this.paths = ["outline-edge", "outline"].map((name) => svgElement("path", { class: name }));
    this.svg.append(...this.paths);
    this.marks = element("div", { "aria-hidden": "true" });
    this.state = element("p", { class: "picture-state", "aria-hidden": "true", hidden: true });
    layer.append(this.svg, this.marks, this.state);
    layer.addEventListener("pointerdown", (event) => this.#press(event));
    layer.addEventListener("pointermove", (event) => this.#drag(event));
    layer.addEventListener("pointerup", (event) => this.#release(event));
    layer.addEventListener("pointercancel", () => this.#drop());
    layer.addEventListener("click", (event) => this.#click(event));
    layer.addEventListener("keydown", (event) => this.#key(event));
    layer.addEventListener("blur", () => {
      if (this.#box?.byKeys) this.#drop();
      this.#move(null);
    });
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

  #place({ clientX, clientY }) {
    const { left, top, width, height } = this.layer.getBoundingClientRect();
    return [(clientX - left) / width, (clientY - top) / height].map(clamp);
  }

  /** Whether what is set now says where the object is not. */
  #isBeside({ altKey }) {
    return altKey !== (this.points.sign === "-");
  }

  #press(event) {
    if (event.button !== 0 || !event.isPrimary) return;
    this.#drop();
    this.#dragged = false;
    const { clientX: x, clientY: y } = event;
    this.#pressed = { x, y, corner: this.#place(event), beside: this.#isBeside(event) };
    this.layer.setPointerCapture(event.pointerId);
  }

  #drag(event) {
    const pressed = this.#pressed;
    if (!pressed || !event.isPrimary) return;
    if (!this.#dragged && Math.hypot(event.clientX - pressed.x, event.clientY - pressed.y) <= SLACK) return;
    this.#dragged = true;
    if (pressed.beside) this.#hint = NO_BOX_BESIDE;
    else {
      this.#box ??= { time: this.#stop(), corners: [pressed.corner, pressed.corner], byKeys: false };
      this.#box.corners[1] = this.#place(event);
    }
    this.draw();
  }

  #release(event) {
    if (!this.#pressed || !event.isPrimary) return;
    this.#drag(event);
    this.#pressed = null;
    if (this.#box && !this.#box.byKeys) this.#setBox();
  }

  #click(event) {
    // A drag ends with a click, too.
    if (!this.#dragged) this.#set(...this.#place(event), this.#isBeside(event));
    this.#dragged = false;
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey) return;
    const step = event.shiftKey ? 10 * STEP : STEP;
    const [x, y] = this.#cross ?? [0.5, 0.5];
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    if (event.key in moves) this.#move([clamp(x + moves[event.key][0]), clamp(y + moves[event.key][1])]);
    else if (event.key === "Escape" && (this.#box || this.#pressed)) {
      // The rest of a drag, and the click at its end, set nothing.
      this.#dragged = this.#pressed !== null;
      this.#drop();
    } else if (event.key === "Enter") {
      if (this.#box) this.#setBox();
      else if (event.shiftKey) this.#beginBox([x, y], this.#isBeside(event));
      else if (this.#cross) this.#set(x, y, this.#isBeside(event));
      else this.#move([x, y]);
    } else return;
    event.preventDefault();
  }

  /** Move the cross, and the corner of a box that is drawn with it, or hide it. */
  #move(place) {
    this.#cross = place;
    if (place && this.#box?.byKeys) {
      this.#box.corners[1] = place;
      this.#hint = BEGUN;
    }
    this.draw();
  }

  /** Begin a box by keyboard. */
  #beginBox(corner, beside) {
    if (beside) {
      this.#hint = this.said.textContent = NO_BOX_BESIDE;
      this.draw();
      return;
    }
    this.#box = { time: this.#stop(), corners: [corner, corner], byKeys: true };
    this.said.textContent = `${BEGUN} Escape drops the box.`;
    this.#move(corner);
  }

  /** Forget a box that is being drawn. */
  #drop() {
    this.#box = this.#pressed = null;
    this.#hint = this.said.textContent = "";
    this.draw();
  }

  /** Set the box that is being drawn, in place of another in the picture that is shown. */
  #setBox() {
    const { corners: [one, other], byKeys } = this.#box;
    const { width, height } = this.layer.getBoundingClientRect();
    const small = Math.min(Math.abs(one[0] - other[0]) * width, Math.abs(one[1] - other[1]) * height) < SLACK;
    if (small) {
      if (!byKeys) this.#drop();
      this.#hint = this.said.textContent = TOO_SMALL;
      this.draw();
      return;
    }
    // Between two keys, another picture may have come.
    const time = byKeys ? this.#stop() : this.#box.time;
    this.#drop();
    const outline = this.mask.at(time);
    this.points.addBox(time, one, other, (before) => isShown(before, time, outline));
  }

  /** Stop what plays, at the picture that is seen; its time. */
  #stop() {
    const time = this.#now;
    if (!this.player.paused) {
      this.player.pause();
      this.player.currentTime = time;
    }
    return time;
  }

  /** Set a point in the picture that is shown; what plays stops there, to show the outline. */
  #set(x, y, beside) {
    this.#hint = this.said.textContent = "";
    this.points.add(this.#stop(), x, y, beside ? "-" : "+");
  }

  /** Draw what belongs to the picture that is shown. */
  draw() {
    const now = this.#now;
    const outline = this.mask.at(now);
    this.layer.setAttribute("aria-busy", String(this.mask.status === "clicked"));
    this.#drawOutline(outline);
    this.#say(this.#words(outline));
    const shown = (marks) => marks.filter(({ time }) => isShown(time, now, outline));
    const marks = shown(this.points.boxes).map((box) => rectangle("box", this.#cornersOf(box)));
    for (const point of shown(this.points.all)) {
      marks.push(mark(`point ${point.positive ? "heard" : "not-heard"}`, this.#fractions(point)));
    }
    if (this.#box) marks.push(rectangle("box drawn", this.#box.corners));
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
    if (this.#hint) return this.#hint;
    if (this.#box) return "";
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
    return Math.max(x, y) <= 1 ? [x, y] : this.#ofPixels([x, y]);
  }

  #cornersOf({ x, y, width, height }) {
    const corners = [[x, y], [x + width, y + height]];
    return Math.max(x, y, width, height) <= 1 ? corners : corners.map((corner) => this.#ofPixels(corner));
  }

  #ofPixels([x, y]) {
    const { width, height } = this.mask.film ?? { width: this.video.videoWidth, height: this.video.videoHeight };
    return [x / width, y / height];
  }
}

/** Whether the picture that is shown now, with its outline if there is one, is also shown at a time. */
const isShown = (time, now, outline) => (outline ? holds(outline, time) : Math.abs(time - now) < HOLD);

function mark(name, [x, y]) {
  const made = element("span", { class: name });
  made.style.left = `${100 * x}%`;
  made.style.top = `${100 * y}%`;
  return made;
}

function rectangle(name, [one, other]) {
  const made = element("span", { class: name });
  for (const [at, side, length] of [[0, "left", "width"], [1, "top", "height"]]) {
    made.style[side] = `${100 * Math.min(one[at], other[at])}%`;
    made.style[length] = `${100 * Math.abs(one[at] - other[at])}%`;
  }
  return made;
}

function svgElement(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
