// A track: waveform and spectrogram of a sound, with solo, mute and gain.

import { button, colour, element, rgb } from "./dom.js";
import { linear } from "./player.js";
import { peakOf } from "./sound.js";
import Spectrogram from "./vendor/wavesurfer/spectrogram.esm.js";
import Timeline from "./vendor/wavesurfer/timeline.esm.js";
import WaveSurfer from "./vendor/wavesurfer/wavesurfer.esm.js";

// In pixels.
const WAVE_HEIGHT = 64;
const SPECTROGRAM_HEIGHT = 96;
const LABEL_WIDTH = 56;
const TIME_STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600];
const OUTLINE_POINTS = 4000;
const GAIN_MIN = -30;
const GAIN_MAX = 12;

/** 256 colours of the spectrogram: background, the track's colour, ink. */
function ramp(name) {
  const stops = [rgb(colour("wave-background")), rgb(colour(name)), rgb(colour("spectrogram-peak"))];
  return Array.from({ length: 256 }, (_, level) => {
    // Quiet parts stay near the background.
    const at = (level / 255) ** 1.6 * 2;
    const [low, high] = at < 1 ? [stops[0], stops[1]] : [stops[1], stops[2]];
    const part = at < 1 ? at : at - 1;
    return [0, 1, 2].map((c) => low[c] + (high[c] - low[c]) * part).concat(1);
  });
}

/** Data of the waveform: samples of a short sound, else peaks. */
async function drawable(sound) {
  if (!sound.samples) return [await sound.outline(OUTLINE_POINTS)];
  // wavesurfer scales arrays that exceed 1 in place, and these are played: it gets copies.
  return peakOf(sound.samples) > 1 ? sound.samples.map((samples) => samples.slice()) : sound.samples;
}

export class Track {
  #player;
  #wave = null;
  #spectrogram = null;
  #peaks = null;

  /**
   * `key` names the track in the player, `tone` the colour (`--track-TONE`), `title` and `about` are
   * shown, `actions` are buttons for the track's foot, `ruled` tracks have a time line.
   */
  constructor({ key, tone, title, about, sound, actions = [], ruled = false }, player, number) {
    this.key = key;
    this.tone = tone;
    this.title = title;
    this.sound = sound;
    this.ruled = ruled;
    this.#player = player;
    this.view = element("div", { class: "track-view" });
    this.solo = button("Solo", () => this.#toggle("solo"), {
      class: "toggle", "aria-pressed": "false", title: `Solo this track (${number})`,
    });
    this.mute = button("Mute", () => this.#toggle("mute"), {
      class: "toggle", "aria-pressed": "false", title: `Mute this track (Shift ${number})`,
    });
    this.gain = element("input", {
      type: "range", min: GAIN_MIN, max: GAIN_MAX, step: 0.5, value: 0,
      "aria-label": `${title}: gain in decibels`, title: "Gain; double-click for 0 dB",
    });
    this.gainText = element("output", { class: "gain-text" }, "0 dB");
    this.gain.addEventListener("input", () => this.#setGain(this.gain.valueAsNumber));
    this.gain.addEventListener("dblclick", () => this.#setGain(0));
    this.solo.setAttribute("aria-label", `${title}: solo`);
    this.mute.setAttribute("aria-label", `${title}: mute`);
    this.root = element("section", { class: `track track-${tone}`, "aria-label": title, "data-track": key },
      element("div", { class: "track-head" },
        element("div", { class: "track-name" },
          element("h3", {}, title), about ? element("p", { class: "track-about" }, about) : null),
        element("div", { class: "track-controls" },
          this.solo, this.mute, element("span", { class: "gain" }, this.gain, this.gainText)),
        actions.length ? element("div", { class: "track-actions" }, ...actions) : null),
      this.view);
    player.addEventListener("levels", this.showLevels);
  }

  get wave() {
    return this.#wave;
  }

  #state() {
    return this.#player.levels().find((track) => track.key === this.key);
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

  /** The largest drawn magnitude. */
  async peak() {
    this.#peaks ??= await drawable(this.sound);
    return peakOf(this.#peaks);
  }

  /** Draw the waveform scaled to `peak`, and optionally the spectrogram. */
  async draw(peak, withSpectrogram, plugins = []) {
    this.erase();
    this.#peaks ??= await drawable(this.sound);
    const interactive = plugins.length === 0;
    this.#wave = WaveSurfer.create({
      container: this.view,
      media: this.#player,
      peaks: this.#peaks,
      duration: this.sound.seconds,
      height: WAVE_HEIGHT,
      // wavesurfer has brought louder ones down to 1.
      barHeight: 0.95 / Math.min(1, Math.max(peak, linear(-60))),
      waveColor: colour(`track-${this.tone}-soft`),
      progressColor: colour(`track-${this.tone}`),
      cursorColor: colour("ink"),
      cursorWidth: 1,
      dragToSeek: interactive,
      hideScrollbar: true,
      cspNonce: document.querySelector("meta[name=csp-nonce]").content,
      plugins: this.ruled ? [this.#timeline(), ...plugins] : plugins,
    });
    await new Promise((resolve) => this.#wave.once("ready", resolve));
    this.showSpectrogram(withSpectrogram);
    this.showLevels();
  }

  #timeline() {
    // The finest step whose labels fit.
    const room = (this.sound.seconds * LABEL_WIDTH) / Math.max(1, this.view.clientWidth);
    const step = TIME_STEPS.find((seconds) => seconds >= room) ?? 600;
    return Timeline.create({
      height: 16,
      timeInterval: step,
      primaryLabelInterval: step,
      secondaryLabelInterval: 0,
      insertPosition: "beforebegin",
      style: { fontSize: "11px", color: colour("muted") },
    });
  }

  /** Show or hide the spectrogram; long sounds have none. */
  showSpectrogram(wanted) {
    if (this.#spectrogram) {
      this.#wave.unregisterPlugin(this.#spectrogram);
      this.#spectrogram = null;
    }
    if (!wanted || !this.sound.samples || !this.#wave) return;
    this.#spectrogram = this.#wave.registerPlugin(
      Spectrogram.create({
        height: SPECTROGRAM_HEIGHT,
        fftSamples: 1024,
        scale: "mel",
        frequencyMax: Math.min(16000, this.sound.sampleRate / 2),
        gainDB: 20,
        rangeDB: 80,
        labels: false,
        colorMap: ramp(`track-${this.tone}`),
      }),
    );
  }

  erase() {
    this.#spectrogram = null;
    this.#wave?.destroy();
    this.#wave = null;
    this.view.replaceChildren();
  }

  destroy() {
    this.#player.removeEventListener("levels", this.showLevels);
    this.erase();
    this.root.remove();
  }
}
