// The lanes of a view, drawn and played together, and A/B between two of them.

import { Lane } from "./lane.js";
import { Sound } from "./sound.js";
import { SpanRegions } from "./span-regions.js";

export class Lanes {
  #lanes = [];
  #sounds = new Map();
  #regions = null;
  #run = 0;
  #pair = [null, null];

  constructor(root, player, spans) {
    this.root = root;
    this.player = player;
    this.spans = spans;
    this.withSpectrogram = true;
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
  }

  get all() {
    return this.#lanes;
  }

  /** A sound is fetched once a session. */
  #sound(url) {
    if (!this.#sounds.has(url)) {
      const opened = Sound.open(url);
      opened.catch(() => this.#sounds.delete(url));
      this.#sounds.set(url, opened);
    }
    return this.#sounds.get(url);
  }

  forgetSounds() {
    this.#sounds.clear();
  }

  /**
   * Show lanes: `[{ key, tone, title, about, url, actions, marked }]`; spans are drawn on the marked one.
   * `pair` are the keys for A and B; `heard` is soloed, or nothing if it is null. False if another view
   * came in between.
   */
  async show(lanes, { pair, heard }) {
    const run = ++this.#run;
    this.root.setAttribute("aria-busy", "true");
    const sounds = await Promise.all(lanes.map(({ url }) => this.#sound(url)));
    if (run !== this.#run) return false;
    this.#clear();
    this.player.setTracks(lanes.map(({ key }, at) => ({ key, sound: sounds[at] })));
    this.#pair = pair;
    this.#lanes = lanes.map((lane, at) => {
      const made = new Lane({ ...lane, sound: sounds[at], ruled: at === 0 }, this.player, at + 1);
      made.marked = lane.marked === true;
      this.root.append(made.root);
      return made;
    });
    this.player.soloOnly(heard);
    await this.redraw(run);
    return run === this.#run;
  }

  async redraw(run = ++this.#run) {
    this.root.setAttribute("aria-busy", "true");
    const peak = Math.max(...(await Promise.all(this.#lanes.map((lane) => lane.peak()))));
    this.#regions?.destroy();
    this.#regions = null;
    for (const lane of this.#lanes) {
      if (run !== this.#run) return;
      if (lane.marked) {
        const regions = new SpanRegions(this.spans);
        await lane.draw(peak, this.withSpectrogram, [regions.plugin]);
        if (run !== this.#run) return;
        regions.start();
        this.#regions = regions;
      } else await lane.draw(peak, this.withSpectrogram);
    }
    this.root.setAttribute("aria-busy", "false");
  }

  showSpectrograms(wanted) {
    this.withSpectrogram = wanted;
    for (const lane of this.#lanes) lane.showSpectrogram(wanted);
  }

  #clear() {
    this.#regions?.destroy();
    this.#regions = null;
    for (const lane of this.#lanes) lane.destroy();
    this.#lanes = [];
  }

  /** Which of the two is heard alone: "A", "B" or null. */
  get heard() {
    const soloed = this.player.levels().filter(({ solo }) => solo);
    if (soloed.length !== 1) return null;
    return ["A", "B"][this.#pair.indexOf(soloed[0].key)] ?? null;
  }
  get canSwitch() {
    return this.#pair[1] !== null;
  }
  switchAB() {
    if (this.canSwitch) this.player.soloOnly(this.#pair[this.heard === "B" ? 0 : 1]);
  }
}
