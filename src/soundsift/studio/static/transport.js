// Play, position, A/B, loop and zoom: the buttons above the tracks.

import { byId } from "./dom.js";
import { clock, parseClock } from "./spans.js";

const ZOOM_STEP = 2;
const SCROLL_PART = 0.8;
/** Part of the view that a shown span takes. */
const SPAN_PART = 0.7;

/** A length in words: 0.104 s, 12.5 s, 61:02. */
const lengthWords = (seconds) =>
  seconds < 100 ? `${Number(seconds.toPrecision(3))} s` : clock(seconds, 0);

export class Transport {
  #follows = true;

  constructor({ player, viewport, tracks, spans }) {
    Object.assign(this, { player, viewport, tracks, spans });
    const click = (id, action) => byId(id).addEventListener("click", action);
    click("play", () => player.toggle());
    click("ab", () => tracks.switchAB());
    click("loop", () => this.toggleLoop());
    click("zoom-in", () => this.zoomIn());
    click("zoom-out", () => this.zoomOut());
    click("zoom-span", () => this.showSpan());
    click("zoom-whole", () => viewport.whole());
    byId("go-to").addEventListener("change", () => this.#goTo());
    byId("spectrograms").addEventListener("change", ({ target }) => tracks.showSpectrograms(target.checked));
    player.addEventListener("levels", () => this.drawAB());
    player.addEventListener("loop", () => this.#drawLoop());
    player.addEventListener("timeupdate", () => this.#timePassed());
    player.addEventListener("durationchange", () => this.#timePassed());
    for (const name of ["play", "pause"]) player.addEventListener(name, () => this.#drawPlay());
    viewport.addEventListener("change", () => this.#drawView());
    for (const name of ["change", "select"]) spans.addEventListener(name, () => this.#spansChanged());
    this.#spansChanged();
  }

  // Position

  seek(seconds) {
    this.player.currentTime += seconds;
    this.viewport.follow(this.player.currentTime);
  }
  goTo(seconds) {
    this.player.currentTime = seconds;
    this.viewport.follow(this.player.currentTime);
  }

  #goTo() {
    const field = byId("go-to");
    const seconds = parseClock(field.value);
    field.setCustomValidity(Number.isFinite(seconds) ? "" : "Write minutes and seconds, as 41:20.5, or seconds.");
    if (field.reportValidity()) {
      this.goTo(seconds);
      field.value = "";
    }
  }

  #timePassed() {
    const { player, viewport } = this;
    byId("time").value = `${clock(player.currentTime)} / ${clock(player.duration)}`;
    if (player.paused) return;
    // Whoever scrolls away while it plays stays there until the position comes by.
    const part = viewport.partAt(player.currentTime);
    const seen = part >= 0 && part <= 1;
    if (seen) this.#follows = true;
    else if (this.#follows) viewport.follow(player.currentTime);
  }

  // Zoom

  /** What zooming keeps in place: the selected span, the position if it is seen, or the middle. */
  #anchor() {
    const { player, viewport, spans } = this;
    const span = spans.get(spans.selected);
    const inside = (time) => time >= viewport.start && time <= viewport.end;
    if (span && inside((span.start + span.end) / 2)) return (span.start + span.end) / 2;
    return inside(player.currentTime) ? player.currentTime : undefined;
  }
  zoomIn() {
    this.viewport.zoom(ZOOM_STEP, this.#anchor());
  }
  zoomOut() {
    this.viewport.zoom(1 / ZOOM_STEP, this.#anchor());
  }
  scroll(direction) {
    this.#follows = false;
    this.viewport.scroll(direction * SCROLL_PART * this.viewport.seconds);
  }
  showSpan() {
    const span = this.spans.get(this.spans.selected);
    if (span) this.showPart(span.start, span.end);
  }
  /** Show a part with some of what surrounds it. */
  showPart(start, end) {
    const room = ((end - start) * (1 / SPAN_PART - 1)) / 2;
    this.#follows = false;
    this.viewport.show(start - room, end + room);
  }

  // Loop

  /** Repeat the selected span, or the visible part if none is selected. */
  toggleLoop() {
    const { player, viewport, spans } = this;
    if (player.loop) player.loop = null;
    else player.loop = spans.get(spans.selected) ?? { start: viewport.start, end: viewport.end };
  }

  #spansChanged() {
    const span = this.spans.get(this.spans.selected);
    byId("zoom-span").disabled = !span;
    const { loop } = this.player;
    if (loop && span && (loop.start !== span.start || loop.end !== span.end)) this.player.loop = { ...span };
  }

  // Drawing

  #drawView() {
    const { viewport } = this;
    byId("zoom-length").value = lengthWords(viewport.seconds);
    byId("zoom-out").disabled = byId("zoom-whole").disabled = viewport.isWhole;
  }

  #drawLoop() {
    const { loop } = this.player;
    byId("loop").setAttribute("aria-pressed", String(loop !== null));
    byId("loop").title = loop
      ? `Repeats ${clock(loop.start, 3)} to ${clock(loop.end, 3)} (L)`
      : "Repeat the selected span, or else the visible part (L)";
  }

  #drawPlay() {
    byId("play").classList.toggle("playing", !this.player.paused);
    byId("play").setAttribute("aria-label", this.player.paused ? "Play" : "Pause");
  }

  drawAB() {
    const { heard, canSwitch } = this.tracks;
    const ab = byId("ab");
    ab.disabled = !canSwitch;
    [...ab.children].forEach((letter) => letter.classList.toggle("on", letter.textContent === heard));
    ab.setAttribute("aria-label", `A B, switch${heard ? `; ${heard} is heard` : ""}`);
  }
}
