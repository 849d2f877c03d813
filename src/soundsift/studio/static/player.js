// Plays the tracks in sync to the sample: one clock, one gain per track.
//
// Its interface is that of a media element (currentTime, paused, play, "timeupdate", ...), with a loop.

const BLOCK_SECONDS = 4;
const AHEAD_SECONDS = 6;
const START_DELAY = 0.05;
const TICK_MS = 100;

export const linear = (decibels) => 10 ** (decibels / 20);

const wait = (seconds) => new Promise((resolve) => setTimeout(resolve, Math.max(0, seconds) * 1000));

/** Frames `[from, to)` that follow a frame, for `count` frames, through a loop if there is one. */
export function* pieces(at, count, frames, loop) {
  for (let left = count; left > 0; ) {
    const inLoop = loop && at < loop.end;
    const to = Math.min(at + left, inLoop ? loop.end : frames);
    if (to <= at) return;
    yield [at, to];
    left -= to - at;
    at = inLoop && to === loop.end ? loop.start : to;
  }
}

export class Player extends EventTarget {
  #context = null;
  #tracks = new Map();
  #duration = 0;
  #position = 0;
  #origin = null;
  #run = 0;
  #ticker = null;
  #loop = null;

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
    const time = this.#position + Math.max(0, this.#context.currentTime - this.#origin);
    const loop = this.#loop;
    if (loop && this.#position < loop.end && time >= loop.end) {
      return loop.start + ((time - loop.end) % (loop.end - loop.start));
    }
    return Math.min(this.#duration, time);
  }
  set currentTime(seconds) {
    this.#position = Math.min(this.#duration, Math.max(0, seconds));
    if (!this.paused) this.#start();
    this.#tell("seeking");
    this.#tell("timeupdate");
  }

  /** The repeated part, `{ start, end }` in seconds, or null. */
  get loop() {
    return this.#loop;
  }
  set loop(loop) {
    const time = this.currentTime;
    this.#loop = loop && loop.end > loop.start ? loop : null;
    this.#position = time;
    if (!this.paused) this.#start();
    this.#tell("loop");
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
    const loop = this.#loop;
    if (loop && !(this.#position >= loop.start && this.#position < loop.end)) this.#position = loop.start;
    else if (this.#position >= this.#duration - 0.01) this.#position = 0;
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
    // At a whole sample: blocks are then played as they are, without interpolation.
    this.#origin = Math.round((context.currentTime + START_DELAY) * context.sampleRate) / context.sampleRate;
    for (const { key, level } of this.levels()) {
      const track = this.#tracks.get(key);
      track.gain = context.createGain();
      track.gain.gain.value = level;
      track.gain.connect(context.destination);
      this.#feed(track, run);
    }
    this.#ticker = setInterval(() => this.#tick(), TICK_MS);
    this.#tell("play");
    this.#tell("timeupdate");
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
    const rate = sound.sampleRate;
    const loop = this.#loopFrames(sound);
    const count = Math.round(BLOCK_SECONDS * rate);
    let at = Math.round(this.#position * rate);
    for (let played = 0; ; ) {
      const parts = [...pieces(at, count, sound.frames, loop)];
      if (parts.length === 0) return;
      const length = parts.reduce((sum, [from, to]) => sum + to - from, 0);
      const buffer = context.createBuffer(sound.channels, length, rate);
      let filled = 0;
      for (const [from, to] of parts) {
        const channels = await sound.read(from, to - from);
        if (run !== this.#run) return;
        channels.forEach((samples, channel) => buffer.copyToChannel(samples, channel, filled));
        filled += to - from;
      }
      const node = new AudioBufferSourceNode(context, { buffer });
      node.connect(gain);
      const due = this.#origin + played / rate;
      const late = Math.max(0, context.currentTime - due);
      if (late < buffer.duration) node.start(due + late, late);
      played += length;
      const [, last] = parts.at(-1);
      at = loop && last === loop.end ? loop.start : last;
      while (run === this.#run && this.#origin + played / rate > context.currentTime + AHEAD_SECONDS) {
        await wait(0.2);
      }
      if (run !== this.#run) return;
    }
  }

  #loopFrames({ sampleRate, frames }) {
    if (!this.#loop) return null;
    const start = Math.round(this.#loop.start * sampleRate);
    const end = Math.min(frames, Math.max(start + 1, Math.round(this.#loop.end * sampleRate)));
    return start < end ? { start, end } : null;
  }
}
