// Samples of a sound on the server: short sounds whole, long ones in blocks on demand.

import { peaksUrl } from "./api.js";
import { decode, parseHead } from "./wav.js";

/** Files up to this many bytes are kept whole: six minutes of CD sound. */
const WHOLE_BYTES = 64 * 2 ** 20;
const HEAD_BYTES = 65536;
const BLOCK_FRAMES = 2 ** 18;
const BLOCKS_KEPT = 8;

async function fetchBytes(url, first, last) {
  const response = await fetch(url, { headers: { Range: `bytes=${first}-${last}` } });
  if (!response.ok) throw new Error(`The sound could not be fetched (${response.status}).`);
  const bytes = await response.arrayBuffer();
  const range = /\/(\d+)$/.exec(response.headers.get("Content-Range") ?? "");
  // A server without ranges sends the whole file with status 200.
  return response.status === 206
    ? { bytes, total: Number(range[1]) }
    : { bytes: bytes.slice(first), total: bytes.byteLength };
}

export class Sound {
  #url;
  #head;
  #whole = null;
  #blocks = new Map();

  /** Fetch a WAV file's header, and its samples if it is short. */
  static async open(url) {
    const sound = new Sound();
    sound.#url = url;
    const begin = await fetchBytes(url, 0, HEAD_BYTES - 1);
    let head = parseHead(begin.bytes);
    const bytesThere = begin.total - head.start;
    head = { ...head, frames: Math.min(head.frames, Math.floor(bytesThere / head.frameBytes)) };
    sound.#head = head;
    if (begin.total <= WHOLE_BYTES) {
      const end = head.start + head.frames * head.frameBytes;
      let bytes = begin.bytes;
      if (bytes.byteLength < end) {
        const rest = (await fetchBytes(url, bytes.byteLength, end - 1)).bytes;
        const joined = new Uint8Array(bytes.byteLength + rest.byteLength);
        joined.set(new Uint8Array(bytes), 0);
        joined.set(new Uint8Array(rest), bytes.byteLength);
        bytes = joined.buffer;
      }
      sound.#whole = decode(bytes.slice(head.start, end), head);
    }
    return sound;
  }

  get sampleRate() {
    return this.#head.sampleRate;
  }
  get channels() {
    return this.#head.channels;
  }
  get frames() {
    return this.#head.frames;
  }
  get seconds() {
    return this.frames / this.sampleRate;
  }
  /** All samples, one array per channel; null for a long sound. */
  get samples() {
    return this.#whole;
  }

  /** `count` frames from `start`, one array per channel. */
  async read(start, count) {
    const end = Math.min(this.frames, start + count);
    if (this.#whole) return this.#whole.map((samples) => samples.subarray(start, end));
    const parts = Array.from({ length: this.channels }, () => new Float32Array(end - start));
    for (let at = start; at < end; ) {
      const index = Math.floor(at / BLOCK_FRAMES);
      const block = await this.#block(index);
      const inside = at - index * BLOCK_FRAMES;
      const taken = Math.min(end - at, block[0].length - inside);
      parts.forEach((part, channel) => {
        part.set(block[channel].subarray(inside, inside + taken), at - start);
      });
      at += taken;
    }
    return parts;
  }

  async #block(index) {
    let block = this.#blocks.get(index);
    if (block === undefined) {
      const { start, frameBytes } = this.#head;
      const from = index * BLOCK_FRAMES;
      const to = Math.min(this.frames, from + BLOCK_FRAMES);
      block = fetchBytes(this.#url, start + from * frameBytes, start + to * frameBytes - 1).then(
        ({ bytes }) => decode(bytes, this.#head),
      );
    }
    this.#blocks.delete(index);
    this.#blocks.set(index, block);
    if (this.#blocks.size > BLOCKS_KEPT) this.#blocks.delete(this.#blocks.keys().next().value);
    return block;
  }

  /** Largest magnitude in each of `points` parts, over all channels, for the waveform of a long sound. */
  async outline(points) {
    // From the server: loading the sound would take minutes.
    const response = await fetch(peaksUrl(this.#url, points));
    if (!response.ok) throw new Error(`The waveform could not be fetched (${response.status}).`);
    const { minimum, maximum } = await response.json();
    const outline = new Float32Array(maximum[0].length);
    for (const channel of [...minimum, ...maximum]) {
      channel.forEach((value, at) => (outline[at] = Math.max(outline[at], Math.abs(value))));
    }
    return outline;
  }
}

/** Largest magnitude in arrays of samples. */
export function peakOf(channels) {
  let peak = 0;
  for (const samples of channels) {
    for (let n = 0; n < samples.length; n++) {
      const size = Math.abs(samples[n]);
      if (size > peak) peak = size;
    }
  }
  return peak;
}
