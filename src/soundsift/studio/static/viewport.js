// The visible part of the recording, the same for all tracks.

/** Shortest visible part in samples. */
const FEWEST_SAMPLES = 40;

export class Viewport extends EventTarget {
  duration = 0;
  start = 0;
  seconds = 0;
  #shortest = 0.001;

  get end() {
    return this.start + this.seconds;
  }
  get isWhole() {
    return this.seconds >= this.duration;
  }

  /** Set the recording's duration; a view of another one shows the whole. */
  setDuration(duration, sampleRate) {
    this.#shortest = Math.min(duration, FEWEST_SAMPLES / sampleRate);
    if (Math.abs(duration - this.duration) < 1e-9) return;
    this.duration = duration;
    this.whole();
  }

  /** Show a part, moved inside of the recording. */
  show(start, end) {
    const seconds = Math.min(this.duration, Math.max(this.#shortest, end - start));
    const middle = (start + end) / 2;
    this.seconds = seconds;
    this.start = Math.min(this.duration - seconds, Math.max(0, middle - seconds / 2));
    this.dispatchEvent(new Event("change"));
  }

  whole() {
    this.show(0, this.duration);
  }

  /** Divide the visible seconds by `factor`; the time `at` keeps its place. */
  zoom(factor, at = this.start + this.seconds / 2) {
    const seconds = Math.min(this.duration, Math.max(this.#shortest, this.seconds / factor));
    const part = this.seconds > 0 ? (at - this.start) / this.seconds : 0.5;
    const start = at - part * seconds;
    this.show(start, start + seconds);
  }

  scroll(seconds) {
    this.show(this.start + seconds, this.end + seconds);
  }

  /** Turn the page when a time leaves the visible part. */
  follow(time) {
    if (this.isWhole || (time >= this.start && time <= this.end)) return;
    this.show(time, time + this.seconds);
  }

  /** The time at a fraction of the width, and the reverse. */
  timeAt(part) {
    return Math.min(this.duration, Math.max(0, this.start + part * this.seconds));
  }
  partAt(time) {
    return (time - this.start) / this.seconds;
  }
}
