// The whole recording in a strip, with the visible part, which can be dragged.

import { atNextFrame, fitCanvas } from "./canvas.js";
import { colour } from "./dom.js";
import { drawWaveform } from "./waveform.js";

/** Shortest drawn mark in CSS pixels. */
const MARK_PIXELS = 2;

export class Overview {
  sound = null;
  peak = 1;
  found = [];
  /** Draw at the next frame. */
  draw = atNextFrame(() => this.#draw());

  constructor(root, viewport, spans, player) {
    this.root = root;
    this.canvas = root.querySelector("canvas");
    this.frame = root.querySelector(".overview-frame");
    this.viewport = viewport;
    this.spans = spans;
    this.player = player;
    viewport.addEventListener("change", () => this.#place());
    spans.addEventListener("change", () => this.draw());
    player.addEventListener("timeupdate", () => this.#place());
    root.addEventListener("pointerdown", (event) => this.#press(event));
    new ResizeObserver(() => this.draw()).observe(root);
  }

  /** Show a sound, with magnitudes up to `peak` and the found occurrences. */
  show(sound, peak, found) {
    Object.assign(this, { sound, peak, found });
    this.draw();
  }

  #press(event) {
    if (event.button !== 0 || !this.sound) return;
    event.preventDefault();
    const { left, width } = this.root.getBoundingClientRect();
    const { viewport } = this;
    const timeOf = ({ clientX }) => ((clientX - left) / width) * viewport.duration;
    const pressed = timeOf(event);
    // A press outside of the visible part moves it there.
    const inside = pressed >= viewport.start && pressed <= viewport.end;
    const offset = inside && !viewport.isWhole ? pressed - viewport.start : viewport.seconds / 2;
    const move = (at) => viewport.show(timeOf(at) - offset, timeOf(at) - offset + viewport.seconds);
    move(event);
    this.root.setPointerCapture(event.pointerId);
    this.root.onpointermove = move;
    this.root.onpointerup = this.root.onpointercancel = () => (this.root.onpointermove = null);
  }

  #place() {
    const { start, seconds, duration, isWhole } = this.viewport;
    this.root.classList.toggle("whole", isWhole);
    this.frame.style.left = `${(100 * start) / duration}%`;
    this.frame.style.width = `${(100 * seconds) / duration}%`;
    this.root.style.setProperty("--at", `${(100 * this.player.currentTime) / duration}%`);
  }

  #draw() {
    if (!this.sound || !fitCanvas(this.canvas)) return;
    const { canvas, sound, peak } = this;
    const context = canvas.getContext("2d");
    drawWaveform(canvas, sound, { start: 0, end: sound.seconds, peak, colour: colour("track-original") }, () => this.draw());
    const scale = canvas.width / sound.seconds;
    const least = MARK_PIXELS * (devicePixelRatio || 1);
    const bar = (name, { start, end }, y, height) => {
      context.fillStyle = colour(name);
      context.fillRect(start * scale, y * canvas.height, Math.max(least, (end - start) * scale), height * canvas.height);
    };
    for (const one of this.found) bar("found", one, 0.88, 0.12);
    for (const span of this.spans.all) bar(span.sign === "+" ? "heard" : "not-heard", span, 0, 0.12);
    this.#place();
  }
}
