// The tracks of a view, drawn and played together, with A/B switching.

import { Track } from "./track.js";
import { Sound } from "./sound.js";
import { SpanRegions } from "./span-regions.js";

export class Tracks {
  #tracks = [];
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
    return this.#tracks;
  }

  /** Load a sound, once per session. */
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
   * Show tracks: `[{ key, tone, title, about, url, actions, marked }]`; spans are drawn on the marked one.
   * `pair` are the keys of A and B; `heard` is the soloed one, or null. Returns false if another view
   * was shown meanwhile.
   */
  async show(tracks, { pair, heard }) {
    const run = ++this.#run;
    this.root.setAttribute("aria-busy", "true");
    const sounds = await Promise.all(tracks.map(({ url }) => this.#sound(url)));
    if (run !== this.#run) return false;
    this.#clear();
    this.player.setTracks(tracks.map(({ key }, at) => ({ key, sound: sounds[at] })));
    this.#pair = pair;
    this.#tracks = tracks.map((track, at) => {
      const made = new Track({ ...track, sound: sounds[at], ruled: at === 0 }, this.player, at + 1);
      made.marked = track.marked === true;
      this.root.append(made.root);
      return made;
    });
    this.player.soloOnly(heard);
    await this.redraw(run);
    return run === this.#run;
  }

  async redraw(run = ++this.#run) {
    this.root.setAttribute("aria-busy", "true");
    const peak = Math.max(...(await Promise.all(this.#tracks.map((track) => track.peak()))));
    this.#regions?.destroy();
    this.#regions = null;
    for (const track of this.#tracks) {
      if (run !== this.#run) return;
      if (track.marked) {
        const regions = new SpanRegions(this.spans);
        await track.draw(peak, this.withSpectrogram, [regions.plugin]);
        if (run !== this.#run) return;
        regions.start();
        this.#regions = regions;
      } else await track.draw(peak, this.withSpectrogram);
    }
    this.root.setAttribute("aria-busy", "false");
  }

  showSpectrograms(wanted) {
    this.withSpectrogram = wanted;
    for (const track of this.#tracks) track.showSpectrogram(wanted);
  }

  #clear() {
    this.#regions?.destroy();
    this.#regions = null;
    for (const track of this.#tracks) track.destroy();
    this.#tracks = [];
  }

  /** The soloed one of the pair: "A", "B" or null. */
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
