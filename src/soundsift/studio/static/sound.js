// A sound on the server: samples, peaks and spectrogram, each fetched in the parts that are needed.

import { peaksUrl, spectrogramUrl } from "./api.js";
import { Cache } from "./cache.js";
import { decode, parseHead } from "./wav.js";

const HEAD_BYTES = 65536;
const BLOCK_FRAMES = 2 ** 16;
/** 48 blocks of stereo are 25 MB. */
const BLOCKS_KEPT = 48;
const OVERVIEW_POINTS = 4096;

/** Samples per point of peaks at level 0, as the server stores them; twice as many at each level. */
export const PEAK_FRAMES = 256;
const TILE_POINTS = 1024;
const PEAK_TILES_KEPT = 64;

/** The server's tiles of spectrograms: columns, bands, samples per column at level 0, levels. */
export const SPECTROGRAM = { columns: 256, bands: 128, hop: 64, levels: 16 };
const SPECTROGRAM_TILES_KEPT = 128;

async function fetchOk(url, what, options) {
  const response = await fetch(url, options);
  if (!response.ok) throw new Error(`The ${what} could not be fetched (${response.status}).`);
  return response;
}

async function fetchBytes(url, first, last) {
  const response = await fetchOk(url, "sound", { headers: { Range: `bytes=${first}-${last}` } });
  const bytes = await response.arrayBuffer();
  const range = /\/(\d+)$/.exec(response.headers.get("Content-Range") ?? "");
  // A server without ranges sends the whole file with status 200.
  return response.status === 206
    ? { bytes, total: Number(range[1]) }
    : { bytes: bytes.slice(first, last + 1), total: bytes.byteLength };
}

/** Lowest and highest sample of each point, over all channels: `{ low, high }`. */
async function fetchPeaks(url, points, start, end) {
  const response = await fetchOk(peaksUrl(url, points, start, end), "waveform");
  const { minimum, maximum } = await response.json();
  const low = Float32Array.from(minimum[0]);
  const high = Float32Array.from(maximum[0]);
  for (const channel of minimum) channel.forEach((value, n) => (low[n] = Math.min(low[n], value)));
  for (const channel of maximum) channel.forEach((value, n) => (high[n] = Math.max(high[n], value)));
  return { low, high };
}

export class Sound {
  #url;
  #head;
  #blocks = new Map();
  #peaks = new Cache((level, tile) => this.#fetchPeaks(level, tile), PEAK_TILES_KEPT);
  #spectrogram = new Cache((level, tile) => this.#fetchSpectrogram(level, tile), SPECTROGRAM_TILES_KEPT);

  /** Fetch a WAV file's header and the peaks of the whole, `overview`. */
  static async open(url) {
    const sound = new Sound();
    sound.#url = url;
    const begin = await fetchBytes(url, 0, HEAD_BYTES - 1);
    const head = parseHead(begin.bytes);
    const frames = Math.floor((begin.total - head.start) / head.frameBytes);
    sound.#head = { ...head, frames: Math.min(head.frames, frames) };
    sound.overview = await fetchPeaks(url, OVERVIEW_POINTS);
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
  /** The largest magnitude. */
  get peak() {
    return peakOf([this.overview.low, this.overview.high]);
  }

  // Samples

  /** `count` frames from `start`, one array per channel. */
  async read(start, count) {
    const end = Math.min(this.frames, start + count);
    const parts = Array.from({ length: this.channels }, () => new Float32Array(end - start));
    for (let at = start; at < end; ) {
      const index = Math.floor(at / BLOCK_FRAMES);
      const block = await this.#block(index).promise;
      const inside = at - index * BLOCK_FRAMES;
      const taken = Math.min(end - at, block[0].length - inside);
      parts.forEach((part, channel) => {
        part.set(block[channel].subarray(inside, inside + taken), at - start);
      });
      at += taken;
    }
    return parts;
  }

  /** The block of samples with a frame, `{ start, samples }`; null if it has yet to arrive. */
  blockAt(frame, onArrival) {
    const index = Math.floor(frame / BLOCK_FRAMES);
    const block = this.#block(index);
    if (!block.samples) block.callbacks.add(onArrival);
    return block.samples ? { start: index * BLOCK_FRAMES, samples: block.samples } : null;
  }

  #block(index) {
    let block = this.#blocks.get(index);
    if (block === undefined) {
      block = { samples: null, callbacks: new Set() };
      block.promise = this.#fetchBlock(index, block);
      // Tried again when it is next needed.
      block.promise.catch(() => this.#blocks.delete(index));
    }
    this.#blocks.delete(index);
    this.#blocks.set(index, block);
    if (this.#blocks.size > BLOCKS_KEPT) this.#blocks.delete(this.#blocks.keys().next().value);
    return block;
  }

  async #fetchBlock(index, block) {
    const { start, frameBytes } = this.#head;
    const from = index * BLOCK_FRAMES;
    const to = Math.min(this.frames, from + BLOCK_FRAMES);
    const { bytes } = await fetchBytes(this.#url, start + from * frameBytes, start + to * frameBytes - 1);
    block.samples = decode(bytes, this.#head);
    for (const callback of block.callbacks) callback();
    return block.samples;
  }

  // Peaks

  /** Points of a tile at a level, and the frame where it begins. */
  peakTile(level, tile) {
    const step = PEAK_FRAMES * 2 ** level;
    const start = tile * TILE_POINTS * step;
    return { step, start, end: Math.min(this.frames, start + TILE_POINTS * step) };
  }
  /** Number of the tile at a level that holds a frame. */
  peakTileOf(level, frame) {
    return Math.floor(frame / (PEAK_FRAMES * 2 ** level * TILE_POINTS));
  }
  /** Peaks of a tile, `{ low, high }`; undefined if they have yet to arrive. */
  peaks(level, tile, onArrival) {
    return this.#peaks.peek([level, tile], onArrival);
  }

  #fetchPeaks(level, tile) {
    const { step, start, end } = this.peakTile(level, tile);
    const points = Math.ceil((end - start) / step);
    return fetchPeaks(this.#url, points, start / this.sampleRate, end / this.sampleRate);
  }

  // Spectrogram

  /** Bytes of a tile, columns of bands; undefined if they have yet to arrive or are not fetched. */
  spectrogram(level, tile, onArrival) {
    return this.#spectrogram.peek([level, tile], onArrival);
  }

  async #fetchSpectrogram(level, tile) {
    const response = await fetchOk(spectrogramUrl(this.#url, level, tile), "spectrogram");
    return new Uint8Array(await response.arrayBuffer());
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
