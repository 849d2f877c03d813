// A track: waveform and spectrogram of a sound, with solo, mute and gain.

import { atNextFrame, fitCanvas } from "./canvas.js";
import { button, colour, element } from "./dom.js";
import { drawRuler } from "./ruler.js";
import { Spectrogram } from "./spectrogram.js";
import { drawWaveform } from "./waveform.js";

const GAIN_MIN = -30;
const GAIN_MAX = 12;
/** Mouse movements below this many CSS pixels are clicks. */
export const CLICK_PIXELS = 3;

export class Track {
  #player;
  #viewport;
  #spectrogram = null;
  #peak = 1;
  /** Draw at the next frame. One function, so that it is called once however often it is handed out. */
  draw = atNextFrame(() => this.#draw());
  #listening = new AbortController();

  /**
   * `key` names the track in the player, `tone` the colour (`--track-TONE`), `title` and `about` are
   * shown, and `rating` (`ratingWords`), `actions` are buttons for the track's foot. A `ruled` track
   * has the time line.
   */
  constructor({ key, tone, title, about, sound, rating = null, actions = [], ruled = false }, player, viewport, number) {
    this.key = key;
    this.tone = tone;
    this.title = title;
    this.sound = sound;
    this.#player = player;
    this.#viewport = viewport;
    this.solo = button("Solo", () => this.#toggle("solo"), {
      class: "toggle", "aria-pressed": "false", title: `Solo this track (${number})`,
      "aria-label": `${title}: solo`,
    });
    this.mute = button("Mute", () => this.#toggle("mute"), {
      class: "toggle", "aria-pressed": "false", title: `Mute this track (Shift ${number})`,
      "aria-label": `${title}: mute`,
    });
    this.gain = element("input", {
      type: "range", min: GAIN_MIN, max: GAIN_MAX, step: 0.5, value: 0,
      "aria-label": `${title}: gain in decibels`, title: "Gain; double-click for 0 dB",
    });
    this.gainText = element("output", { class: "gain-text", "aria-hidden": "true" }, "0 dB");
    this.gain.addEventListener("input", () => this.#setGain(this.gain.valueAsNumber));
    this.gain.addEventListener("dblclick", () => this.#setGain(0));
    const canvas = (name) => element("canvas", { class: name, "aria-hidden": "true" });
    this.ruler = ruled ? canvas("ruler") : null;
    this.waveform = canvas("waveform");
    this.spectrogram = canvas("spectrogram");
    this.cursor = element("div", { class: "cursor" });
    this.view = element("div", { class: "track-view" }, this.ruler, this.waveform, this.spectrogram, this.cursor);
    this.root = element("section", { class: `track track-${tone}`, "aria-label": title, "data-track": key },
      element("div", { class: "track-head" },
        element("div", { class: "track-name" },
          element("h2", {}, title), about ? element("p", { class: "track-about" }, about) : null),
        rating ? element("div", { class: "track-rating" },
          element("p", {}, element("strong", {}, rating.overall), `: ${rating.parts}`),
          rating.poor ? element("p", { class: "track-poor" }, rating.poor) : null) : null,
        element("div", { class: "track-controls" },
          this.solo, this.mute, element("label", { class: "gain" }, this.gain, this.gainText)),
        actions.length ? element("div", { class: "track-actions" }, ...actions) : null),
      this.view);
    this.#listen();
  }

  #listen() {
    const { signal } = this.#listening;
    this.#player.addEventListener("levels", this.showLevels, { signal });
    this.#player.addEventListener("timeupdate", () => this.#placeCursor(), { signal });
    this.#player.addEventListener("loop", () => this.draw(), { signal });
    this.#viewport.addEventListener("change", () => this.draw(), { signal });
    this.view.addEventListener("pointerdown", (event) => this.#press(event));
    this.resized = new ResizeObserver(() => this.draw());
    this.resized.observe(this.view);
  }

  #state() {
    return this.#player.levels().find(({ key }) => key === this.key);
  }
  #toggle(what) {
    this.#player.set(this.key, { [what]: !this.#state()[what] });
  }
  toggleSolo() {
    this.#toggle("solo");
  }
  toggleMute() {
    this.#toggle("mute");
  }
  #setGain(decibels) {
    this.gain.value = decibels;
    this.#player.set(this.key, { decibels });
  }

  showLevels = () => {
    const state = this.#state();
    if (!state) return;
    this.solo.setAttribute("aria-pressed", state.solo);
    this.mute.setAttribute("aria-pressed", state.mute);
    this.root.classList.toggle("silent", state.level === 0);
    this.gain.value = state.decibels;
    this.gainText.value = `${state.decibels > 0 ? "+" : ""}${state.decibels} dB`;
    this.gain.setAttribute("aria-valuetext", this.gainText.value);
  };

  /** A press that marks no span seeks, and goes on to do so while the mouse moves. */
  #press(event) {
    if (event.button !== 0 || event.defaultPrevented) return;
    event.preventDefault();
    const { left, width } = this.view.getBoundingClientRect();
    const seek = ({ clientX }) => (this.#player.currentTime = this.#viewport.timeAt((clientX - left) / width));
    seek(event);
    this.view.setPointerCapture(event.pointerId);
    this.view.onpointermove = seek;
    this.view.onpointerup = this.view.onpointercancel = () => (this.view.onpointermove = null);
  }

  /** Show the sound, with magnitudes up to `peak`, and optionally its spectrogram. */
  show(peak, withSpectrogram) {
    this.#peak = Math.max(peak, 1e-3);
    this.spectrogram.hidden = !withSpectrogram;
    // The colours may have changed.
    this.#spectrogram = withSpectrogram ? new Spectrogram(this.sound, this.tone) : null;
    this.showLevels();
    this.draw();
  }

  #draw() {
    if (!fitCanvas(this.waveform)) return;
    const { start, end } = this.#viewport;
    const part = { start, end, peak: this.#peak, colour: colour(`track-${this.tone}`) };
    let complete = drawWaveform(this.waveform, this.sound, part, this.draw);
    if (this.#spectrogram && fitCanvas(this.spectrogram)) {
      complete = this.#spectrogram.draw(this.spectrogram, part, this.draw) && complete;
    }
    if (this.ruler && fitCanvas(this.ruler)) drawRuler(this.ruler, { start, end, loop: this.#player.loop });
    this.#placeCursor();
    this.view.setAttribute("aria-busy", String(!complete));
  }

  #placeCursor() {
    const part = this.#viewport.partAt(this.#player.currentTime);
    this.cursor.hidden = !(part >= 0 && part <= 1);
    this.cursor.style.left = `${100 * part}%`;
  }

  destroy() {
    this.#listening.abort();
    this.resized.disconnect();
    this.root.remove();
  }
}
