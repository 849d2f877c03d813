// Plays several sounds of one length in step, one of them audible: switching never moves the position.

const FADE_SECONDS = 0.01;

export class Player {
  // onchange is called when it starts, stops, switches or is moved, and often while it plays.
  constructor(onchange, { loop = true } = {}) {
    this.context = new AudioContext();
    this.onchange = onchange;
    this.loop = loop;
    this.clear();
  }

  clear() {
    this.stop();
    this.sounds = new Map();
    this.heard = new Map();
    this.source = "mixture";
    this.seconds = 0;
    this.place = 0;
  }

  // sounds: names and encoded files.
  async load(sounds) {
    this.clear();
    for (const [name, data] of Object.entries(sounds)) {
      const buffer = await this.context.decodeAudioData(data);
      this.sounds.set(name, buffer);
      this.heard.set(name, 0);
      this.seconds = Math.max(this.seconds, buffer.duration);
    }
    this.onchange();
  }

  get playing() {
    return Boolean(this.nodes);
  }

  get position() {
    if (!this.playing) return this.place;
    return (this.place + this.context.currentTime - this.started) % this.seconds;
  }

  // Seconds that a sound was audible for.
  heardOf(name) {
    const running = this.playing && name === this.source ? this.context.currentTime - this.since : 0;
    return (this.heard.get(name) ?? 0) + running;
  }

  async play() {
    if (this.playing || !this.sounds.size) return;
    await this.context.resume();
    if (this.playing) return;
    this.nodes = new Map();
    this.started = this.since = this.context.currentTime;
    for (const [name, buffer] of this.sounds) {
      const gain = new GainNode(this.context, { gain: name === this.source ? 1 : 0 });
      const node = new AudioBufferSourceNode(this.context, { buffer, loop: this.loop });
      node.addEventListener("ended", () => this.ended(node));
      node.connect(gain).connect(this.context.destination);
      node.start(this.started, this.place);
      this.nodes.set(name, { node, gain });
    }
    this.timer = setInterval(() => this.onchange(), 100);
    this.onchange();
  }

  stop() {
    if (!this.playing) return;
    this.note();
    this.place = this.position;
    for (const { node, gain } of this.nodes.values()) {
      node.stop();
      gain.disconnect();
    }
    this.nodes = undefined;
    clearInterval(this.timer);
    this.onchange();
  }

  // Only without a loop; a node that was stopped ends, too.
  ended(node) {
    if (!this.playing || ![...this.nodes.values()].some((one) => one.node === node)) return;
    this.stop();
    this.place = 0;
  }

  switchTo(name) {
    if (!this.sounds.has(name) || name === this.source) return;
    if (this.playing) {
      this.note();
      const now = this.context.currentTime;
      for (const [other, { gain }] of this.nodes) {
        gain.gain.setTargetAtTime(other === name ? 1 : 0, now, FADE_SECONDS / 3);
      }
    }
    this.source = name;
    this.onchange();
  }

  async seek(seconds) {
    const playing = this.playing;
    this.stop();
    this.place = Math.min(Math.max(0, seconds), Math.max(0, this.seconds - 0.01));
    if (playing) await this.play();
    else this.onchange();
  }

  // Count the time that the audible sound was played.
  note() {
    const now = this.context.currentTime;
    this.heard.set(this.source, (this.heard.get(this.source) ?? 0) + now - this.since);
    this.since = now;
  }
}
