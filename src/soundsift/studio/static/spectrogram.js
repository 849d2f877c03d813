// The spectrogram of the visible part, put together from the server's tiles.

import { colour, rgb } from "./dom.js";
import { SPECTROGRAM } from "./sound.js";

/** Decibels of full scale at both ends of the colours; a tile's byte 0 is -110 dB, 255 is 0 dB. */
const QUIET = -95;
const LOUD = -15;
const TILES_KEPT = 48;
/** Coarser levels that stand in while a tile is fetched. */
const COARSER = 4;

/** 256 colours, by a tile's bytes: background, the track's colour, ink. */
function palette(tone) {
  const stops = [rgb(colour("wave-background")), rgb(colour(`track-${tone}`)), rgb(colour("spectrogram-peak"))];
  return Array.from({ length: 256 }, (_, byte) => {
    const decibels = -110 + (110 * byte) / 255;
    const level = Math.min(1, Math.max(0, (decibels - QUIET) / (LOUD - QUIET)));
    // Quiet parts stay near the background.
    const at = level ** 1.5 * 2;
    const [low, high] = at < 1 ? [stops[0], stops[1]] : [stops[1], stops[2]];
    const part = at < 1 ? at : at - 1;
    return [0, 1, 2].map((c) => Math.round(255 * (low[c] + (high[c] - low[c]) * part)));
  });
}

export class Spectrogram {
  #pictures = new Map();

  constructor(sound, tone) {
    this.sound = sound;
    this.colours = palette(tone);
  }

  /** Draw between the seconds `start` and `end`; returns whether all tiles were there. */
  draw(canvas, { start, end }, onArrival) {
    const context = canvas.getContext("2d");
    const { width, height } = canvas;
    context.clearRect(0, 0, width, height);
    const { hop, columns, levels } = SPECTROGRAM;
    const perPixel = ((end - start) * this.sound.sampleRate) / (width / (devicePixelRatio || 1));
    const level = Math.min(levels - 1, Math.max(0, Math.round(Math.log2(perPixel / hop))));
    const size = columns * hop * 2 ** level;
    const first = start * this.sound.sampleRate;
    const scale = width / ((end - start) * this.sound.sampleRate);
    const last = Math.min(end * this.sound.sampleRate, this.sound.frames - 1);
    let complete = true;
    for (let tile = Math.floor(first / size); tile * size <= last; tile++) {
      const picture = this.#picture(level, tile, onArrival);
      complete &&= picture !== null;
      const [source, x, w] = picture ? [picture, 0, columns] : this.#coarser(level, tile);
      if (source) {
        context.drawImage(source, x, 0, w, source.height, (tile * size - first) * scale, 0, size * scale, height);
      }
    }
    return complete;
  }

  /** Part of a coarser tile that shows the same: `[picture, x, width]`. */
  #coarser(level, tile) {
    for (let up = 1; up <= COARSER; up++) {
      const picture = this.#picture(level + up, tile >> up, null);
      const width = SPECTROGRAM.columns >> up;
      if (picture) return [picture, (tile % 2 ** up) * width, width];
    }
    return [null];
  }

  /** A tile in colours; null if it has yet to arrive. */
  #picture(level, tile, onArrival) {
    const key = `${level}/${tile}`;
    let picture = this.#pictures.get(key);
    if (!picture) {
      const bytes = this.sound.spectrogram(level, tile, onArrival);
      if (!bytes) return null;
      picture = this.#paint(bytes);
    }
    this.#pictures.delete(key);
    this.#pictures.set(key, picture);
    if (this.#pictures.size > TILES_KEPT) this.#pictures.delete(this.#pictures.keys().next().value);
    return picture;
  }

  #paint(bytes) {
    const { columns, bands } = SPECTROGRAM;
    const canvas = new OffscreenCanvas(columns, bands);
    const image = new ImageData(columns, bands);
    for (let x = 0; x < columns; x++) {
      for (let band = 0; band < bands; band++) {
        const [red, green, blue] = this.colours[bytes[x * bands + band]];
        const at = 4 * ((bands - 1 - band) * columns + x);
        image.data[at] = red;
        image.data[at + 1] = green;
        image.data[at + 2] = blue;
        image.data[at + 3] = 255;
      }
    }
    canvas.getContext("2d").putImageData(image, 0, 0);
    return canvas;
  }
}
