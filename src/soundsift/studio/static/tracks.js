// The tracks of a view, drawn and played together, with A/B switching.

import { Track } from "./track.js";
import { Sound } from "./sound.js";
import { SpanRegions } from "./span-regions.js";

/** Sounds kept open, those of the tracks among them. */
const SOUNDS_KEPT = 8;
const WHEEL_ZOOM = 1.0015;

export class Tracks {
  #tracks = [];
  #sounds = new Map();
  #regions = null;
  #run = 0;
  #pair = [null, null];

  constructor(root, { player, spans, viewport, overview }) {
    Object.assign(this, { root, player, spans, viewport, overview });
    this.withSpectrogram = true;
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
    root.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
  }

  get all() {
    return this.#tracks;
  }

  /** Open a sound, or take it from the last used ones. */
  #sound(url) {
    const opened = this.#sounds.get(url) ?? Sound.open(url);
    opened.catch(() => this.#sounds.delete(url));
    this.#sounds.delete(url);
    this.#sounds.set(url, opened);
    if (this.#sounds.size > SOUNDS_KEPT) this.#sounds.delete(this.#sounds.keys().next().value);
    return opened;
  }

  forgetSounds() {
    this.#sounds.clear();
  }

  /**
   * Show tracks: `[{ key, tone, title, about, rating, url, actions, marked, muted }]`; spans are drawn
   * on the marked one. `pair` are the keys of A and B; `heard` is the soloed one, or null; `found` are the
   * occurrences `{ start, end }`. Returns false if another view was shown meanwhile.
   */
  async show(tracks, { pair, heard, found = [] }) {
    const run = ++this.#run;
    this.root.setAttribute("aria-busy", "true");
    const sounds = await Promise.all(tracks.map(({ url }) => this.#sound(url)));
    if (run !== this.#run) return false;
    this.#clear();
    this.player.setTracks(tracks.map(({ key }, at) => ({ key, sound: sounds[at] })));
    this.viewport.setDuration(this.player.duration, sounds[0].sampleRate);
    this.#pair = pair;
    this.#tracks = tracks.map((track, at) => {
      const sound = sounds[at];
      const made = new Track({ ...track, sound, ruled: at === 0 }, this.player, this.viewport, at + 1);
      this.root.append(made.root);
      if (track.muted) this.player.set(track.key, { mute: true });
      if (track.marked) {
        this.#regions = new SpanRegions(made.view, this.spans, this.viewport, this.player);
        this.#regions.found = found;
      }
      return made;
    });
    this.player.soloOnly(heard);
    this.found = found;
    this.redraw();
    this.root.setAttribute("aria-busy", "false");
    return true;
  }

  redraw() {
    if (this.#tracks.length === 0) return;
    const peak = Math.max(...this.#tracks.map(({ sound }) => sound.peak));
    for (const track of this.#tracks) track.show(peak, this.withSpectrogram);
    const [first] = this.#tracks;
    this.overview.show(first.sound, Math.max(first.sound.peak, 1e-3), this.found);
  }

  showSpectrograms(wanted) {
    this.withSpectrogram = wanted;
    this.redraw();
  }

  /** Ctrl with the wheel, or a pinch on a touchpad, zooms at the pointer; sideways scrolls. */
  #wheel(event) {
    const view = this.#tracks[0]?.view;
    if (!view) return;
    const { left, width } = view.getBoundingClientRect();
    const sideways = event.shiftKey && !event.deltaX ? event.deltaY : event.deltaX;
    if (event.ctrlKey || event.metaKey) {
      this.viewport.zoom(WHEEL_ZOOM ** -event.deltaY, this.viewport.timeAt((event.clientX - left) / width));
    } else if (Math.abs(sideways) > Math.abs(event.shiftKey ? 0 : event.deltaY)) {
      this.viewport.scroll((sideways / width) * this.viewport.seconds);
    } else return;
    event.preventDefault();
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
