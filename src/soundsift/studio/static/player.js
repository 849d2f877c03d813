// Plays the tracks in sync to the sample: one clock, one gain per track.
//
// It has the interface of a media element (currentTime, paused, play, "timeupdate", ...), so that all
// waveforms show the same position, and a click on any of them seeks.

const BLOCK_SECONDS = 4;
const AHEAD_SECONDS = 6;
const START_DELAY = 0.05;
const TICK_MS = 100;

export const linear = (decibels) => 10 ** (decibels / 20);

const wait = (seconds) => new Promise((resolve) => setTimeout(resolve, Math.max(0, seconds) * 1000));

export class Player extends EventTarget {
  // Properties of media elements that the waveforms read and that have no meaning here.
  volume = 1;
  muted = false;
  playbackRate = 1;
  seeking = false;
  src = "";
  currentSrc = "";

  #context = null;
  #tracks = new Map();
  #duration = 0;
  #position = 0;
  #origin = null;
  #run = 0;
  #ticker = null;

  canPlayType() {
    return "";
  }
  removeAttribute() {}
  load() {}

  get duration() {
    return this.#duration;
  }
  get paused() {
    return this.#origin === null;
  }
  get ended() {
    return this.paused && this.#duration > 0 && this.#position >= this.#duration;
  }
  get currentTime() {
    if (this.paused) return this.#position;
    const now = this.#context.currentTime - this.#origin;
    return Math.min(this.#duration, Math.max(this.#position, now));
  }
  set currentTime(seconds) {
    this.#position = Math.min(this.#duration, Math.max(0, seconds));
    if (!this.paused) this.#start();
    this.#tell("seeking");
    this.#tell("timeupdate");
  }

  /** Set the sounds: `[{ key, sound }]`. The position is kept within their duration. */
  setTracks(tracks) {
    const wasPlaying = !this.paused;
    const position = this.currentTime;
    this.#silence();
    this.#tracks = new Map(
      tracks.map(({ key, sound }) => [key, { sound, decibels: 0, mute: false, solo: false, gain: null }]),
    );
    this.#duration = Math.max(0, ...tracks.map(({ sound }) => sound.seconds));
    this.#position = Math.min(position, this.#duration);
    this.#tell("durationchange");
    this.#tell("timeupdate");
    if (wasPlaying) this.#start();
    this.#levelsChanged();
  }

  /** Change a track's `decibels`, `mute` or `solo`. */
  set(key, change) {
    Object.assign(this.#tracks.get(key), change);
    this.#levelsChanged();
  }

  /** Solo this track; null ends solo. */
  soloOnly(key) {
    for (const [name, track] of this.#tracks) track.solo = name === key;
    this.#levelsChanged();
  }

  /** The mix: `[{ key, sound, level, decibels, mute, solo }]`, level 0 for silent tracks. */
  levels() {
    const anySolo = [...this.#tracks.values()].some((track) => track.solo);
    return [...this.#tracks].map(([key, { sound, decibels, mute, solo }]) => {
      const audible = anySolo ? solo : !mute;
      return { key, sound, decibels, mute, solo, level: audible ? linear(decibels) : 0 };
    });
  }

  async play() {
    if (!this.paused || this.#tracks.size === 0) return;
    if (this.#position >= this.#duration - 0.01) this.#position = 0;
    await this.#start();
  }

  pause() {
    if (this.paused) return;
    this.#position = this.currentTime;
    this.#silence();
    this.#tell("pause");
    this.#tell("timeupdate");
  }

  toggle() {
    return this.paused ? this.play() : this.pause();
  }

  #tell(name) {
    this.dispatchEvent(new Event(name));
  }

  #levelsChanged() {
    for (const { key, level } of this.levels()) {
      const gain = this.#tracks.get(key).gain;
      // Ten milliseconds avoid clicks and are not heard as a fade.
      if (gain) gain.gain.setTargetAtTime(level, this.#context.currentTime, 0.01);
    }
    this.#tell("levels");
  }

  /** An audio context at the sounds' sample rate: consecutive blocks join without resampling. */
  #ensureContext() {
    const [{ sound }] = this.#tracks.values();
    const rate = Math.min(96000, Math.max(8000, sound.sampleRate));
    if (this.#context?.sampleRate === rate) return;
    this.#context?.close();
    this.#context = new AudioContext({ sampleRate: rate });
  }

  async #start() {
    this.#silence();
    this.#ensureContext();
    const run = this.#run;
    const context = this.#context;
    this.#origin = context.currentTime + START_DELAY - this.#position;
    for (const { key, level } of this.levels()) {
      const track = this.#tracks.get(key);
      track.gain = context.createGain();
      track.gain.gain.value = level;
      track.gain.connect(context.destination);
      this.#feed(track, run);
    }
    this.#ticker = setInterval(() => this.#tick(), TICK_MS);
    this.#tell("play");
    await context.resume();
  }

  #tick() {
    if (this.currentTime >= this.#duration) {
      this.#silence();
      this.#position = this.#duration;
      this.#tell("pause");
      this.#tell("ended");
    }
    this.#tell("timeupdate");
  }

  /** Stop all sound; pending work of an earlier start ends, because #run has changed. */
  #silence() {
    this.#run += 1;
    clearInterval(this.#ticker);
    this.#origin = null;
    for (const track of this.#tracks.values()) {
      track.gain?.disconnect();
      track.gain = null;
    }
  }

  async #feed(track, run) {
    const { sound, gain } = track;
    const context = this.#context;
    let at = Math.floor(this.#position * sound.sampleRate);
    while (at < sound.frames) {
      const channels = await sound.read(at, Math.round(BLOCK_SECONDS * sound.sampleRate));
      if (run !== this.#run) return;
      const buffer = context.createBuffer(channels.length, channels[0].length, sound.sampleRate);
      channels.forEach((samples, channel) => buffer.copyToChannel(samples, channel));
      const node = new AudioBufferSourceNode(context, { buffer });
      node.connect(gain);
      const due = this.#origin + at / sound.sampleRate;
      const late = Math.max(0, context.currentTime - due);
      if (late < buffer.duration) node.start(due + late, late);
      at += channels[0].length;
      while (run === this.#run && this.#origin + at / sound.sampleRate > context.currentTime + AHEAD_SECONDS) {
        await wait(0.2);
      }
      if (run !== this.#run) return;
    }
  }
}
