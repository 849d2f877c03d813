// Where the clicked object is found along the time line: to see, to seek, and in words.

import { atNextFrame, fitCanvas } from "./canvas.js";
import { button, colour, element } from "./dom.js";
import { certainty } from "./object-mask.js";
import { clock } from "./spans.js";

/** Most times in the list of places where it is lost. */
const MOST_TIMES = 6;
/** Pixels of a stripe of what is unsure, and height of the line where it is lost. */
const STRIPE = 2;
const LOST_PIXELS = 4;
/** Pixels of the score's line, and opacity of what is below it. */
const EDGE = 2;
const FILL = 0.35;

/** In the middle of a picture, so that rounding does not show the one before. */
const middleOf = ({ start, end }) => (end === null ? start + 0.01 : (start + end) / 2);

export class MaskLine {
  /** Draw at the next frame. */
  draw = atNextFrame(() => this.#draw());

  /** `row` holds the words, a list of times, and the line, a slider. */
  constructor(row, { mask, points, player, viewport }) {
    Object.assign(this, { row, mask, points, player, viewport });
    this.words = row.querySelector(".mask-words");
    this.bar = row.querySelector("progress");
    this.lost = row.querySelector(".mask-lost");
    this.line = row.querySelector(".mask-line");
    this.canvas = row.querySelector("canvas");
    this.cursor = row.querySelector(".cursor");
    this.line.addEventListener("pointerdown", (event) => this.#press(event));
    this.line.addEventListener("keydown", (event) => this.#key(event));
    mask.addEventListener("change", () => this.#changed());
    points.addEventListener("change", () => this.draw());
    viewport.addEventListener("change", () => this.draw());
    player.addEventListener("timeupdate", () => this.#place());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    new ResizeObserver(() => this.draw()).observe(this.line);
  }

  #changed() {
    const { mask } = this;
    this.row.hidden = mask.status === "none";
    const busy = mask.status === "clicked" || mask.status === "following";
    this.bar.hidden = !busy;
    this.bar.value = mask.progress;
    const words = this.#sentence(busy);
    // Unchanged words are not read out again.
    if (this.words.textContent !== words) this.words.textContent = words;
    const lost = busy ? [] : mask.stretches().filter(({ kind }) => kind === "lost");
    this.lost.hidden = lost.length === 0;
    this.lost.replaceChildren(...lost.slice(0, MOST_TIMES).map((one) => element("li", {},
      button(clock(one.start, 1), () => (this.player.currentTime = one.start + 0.01), {
        class: "quiet", "aria-label": `Go to ${clock(one.start, 1)}, where it is lost`,
      }))));
    this.draw();
  }

  #sentence(busy) {
    const { mask } = this;
    if (busy) return "Following the object…";
    if (mask.status !== "done") return "The object can't be followed.";
    const [all, lost, unsure] = [mask.pictures.length, mask.count("lost"), mask.count("unsure")];
    const parts = [lost ? `Found in ${all - lost} of ${all} pictures` : `Found in all ${all} pictures`];
    if (unsure) parts.push(`unsure in ${unsure}`);
    const { start, end } = mask.film;
    const whole = start < 1 && end === null;
    const part = whole ? "" : ` From ${clock(start, 0)} to ${clock(end ?? this.player.duration, 0)}; a separation follows it everywhere.`;
    return `${parts.join(", ")}.${part}${lost ? " Lost at" : ""}`;
  }

  #press(event) {
    if (event.button !== 0) return;
    const { left, width } = this.line.getBoundingClientRect();
    const seek = ({ clientX }) => (this.player.currentTime = this.viewport.timeAt((clientX - left) / width));
    seek(event);
    this.line.setPointerCapture(event.pointerId);
    this.line.onpointermove = seek;
    this.line.onpointerup = this.line.onpointercancel = () => (this.line.onpointermove = null);
  }

  /** Arrows go from picture to picture, with Shift from stretch to stretch. */
  #key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const now = this.player.currentTime;
    const target = event.shiftKey ? this.#stretch(now, step) : this.mask.beside(now, step);
    if (target) {
      this.player.currentTime = middleOf(target);
      this.viewport.follow(this.player.currentTime);
    }
  }

  /** The first picture of the next stretch, or of the one before. */
  #stretch(now, step) {
    const starts = this.mask.stretches().map(({ start }) => start);
    const next = step > 0 ? starts.find((start) => start > now) : starts.findLast((start) => start < now - 0.1);
    return next === undefined ? null : this.mask.at(next);
  }

  #place() {
    if (this.row.hidden) return;
    const { currentTime, duration } = this.player;
    const part = this.viewport.partAt(currentTime);
    this.cursor.hidden = !(part >= 0 && part <= 1);
    this.cursor.style.left = `${100 * part}%`;
    const outline = this.mask.at(currentTime);
    const state = outline ? { sure: "found", unsure: "unsure", lost: "lost" }[certainty(outline)] : "not followed";
    for (const [name, value] of Object.entries({ max: duration.toFixed(2), now: currentTime.toFixed(2), text: `${clock(currentTime)}, ${state}` })) {
      this.line.setAttribute(`aria-value${name}`, value);
    }
  }

  #draw() {
    if (this.row.hidden || !fitCanvas(this.canvas)) return;
    const { canvas, viewport, mask } = this;
    const context = canvas.getContext("2d");
    const { width, height } = canvas;
    const ratio = devicePixelRatio || 1;
    const scale = width / viewport.seconds;
    const [found, lost, point] = [colour("heard"), colour("bad"), colour("ink")];
    context.clearRect(0, 0, width, height);
    for (const one of mask.pictures) {
      const end = one.end ?? viewport.duration;
      if (end <= viewport.start || one.start >= viewport.end) continue;
      const left = Math.round((one.start - viewport.start) * scale);
      const right = Math.max(left + 1, Math.round((end - viewport.start) * scale));
      const kind = certainty(one);
      const opacity = one.stale ? 0.35 : 1;
      context.globalAlpha = opacity;
      context.fillStyle = kind === "lost" ? lost : found;
      const tall = kind === "lost" ? LOST_PIXELS * ratio : one.score * 0.85 * height;
      if (kind === "unsure") {
        for (let x = left; x < right; x++) {
          if (Math.floor(x / (STRIPE * ratio)) % 2 === 0) context.fillRect(x, height - tall, 1, tall);
        }
      } else {
        const edge = kind === "sure" ? EDGE * ratio : tall;
        context.fillRect(left, height - tall, right - left, edge);
        context.globalAlpha = opacity * FILL;
        context.fillRect(left, height - tall + edge, right - left, tall - edge);
      }
    }
    context.globalAlpha = 1;
    context.fillStyle = point;
    for (const { time } of [...this.points.all, ...this.points.boxes]) {
      const x = (time - viewport.start) * scale;
      context.beginPath();
      context.moveTo(x - 5 * ratio, 0);
      context.lineTo(x + 5 * ratio, 0);
      context.lineTo(x, 7 * ratio);
      context.fill();
    }
    this.#place();
  }
}
