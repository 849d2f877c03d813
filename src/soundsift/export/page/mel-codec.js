// The default model's codec, as soundsift/models/mel_codec.py: a mixture's features for the network,
// and its answer as a mask on the mixture. Channels are Float32Arrays at the codec's rate.

import { Fourier } from "./fourier.js";

const CENTRE_DB = -20;
const SCALE_DB = 20;
const SILENCE = 1e-10;

export class MelCodec {
  // `config`: the codec's constants, from settings.json.
  constructor(config) {
    this.config = config;
    this.sampleRate = config.sample_rate;
    this.samplesPerFrame = config.sample_rate / config.frame_rate;
    this.bands = config.bands * config.subframes;
    this.coarse = new Analysis(config, config.window, config.bands, config.subframes);
    this.detail = new Analysis(
      config,
      config.detail_window,
      config.detail_bands,
      config.detail_subframes,
    );
    this.contextChannels = this.coarse.width + this.detail.width;
  }

  // Latent frames that cover so many samples.
  frames(samples) {
    return Math.ceil(samples / this.samplesPerFrame);
  }

  // Features of the frames from `start` to `end`, as if there were nothing else: frames times
  // `contextChannels`, the frames one after the other.
  context(channels, start, end) {
    const first = start * this.samplesPerFrame;
    const stop = Math.min(end * this.samplesPerFrame, channels[0].length);
    const part = channels.map((channel) => channel.subarray(first, stop));
    const context = new Float32Array((end - start) * this.contextChannels);
    this.coarse.features(part, end - start, context, 0, this.contextChannels);
    this.detail.features(part, end - start, context, this.coarse.width, this.contextChannels);
    return context;
  }

  // The target's share of each cell, 0 to 1, from latents of target and residual: frames times
  // `2 * bands` to frames times `bands`.
  cellMask(latents) {
    const nepers = ((this.config.floor_db / 2) * Math.log(10)) / 10;
    const cells = new Float32Array(latents.length / 2);
    for (let frame = 0; frame * this.bands < cells.length; frame += 1) {
      for (let band = 0; band < this.bands; band += 1) {
        const at = 2 * frame * this.bands + band;
        const difference = (latents[at] - latents[at + this.bands]) * nepers;
        cells[frame * this.bands + band] = 1 / (1 + Math.exp(-difference));
      }
    }
    return cells;
  }

  // A mixture filtered by a mask of cells: new channels. `pause` is awaited now and then, with the
  // fraction done.
  async applyMask(cells, channels, pause) {
    const { window: size, subframes, bands } = this.config;
    // Columns twice as dense as the cells: the window needs the overlap to modulate smoothly.
    const hop = this.samplesPerFrame / subframes / 2;
    const samples = channels[0].length;
    const columns = 1 + Math.floor(samples / hop);
    const moments = cells.length / bands;
    const fourier = this.coarse.fourier;
    const window = this.coarse.window;
    const envelope = new Float64Array(samples);
    const filtered = channels.map(() => new Float64Array(samples));
    const real = new Float64Array(size);
    const imaginary = new Float64Array(size);
    const column = new Float64Array(bands);
    const mask = new Float64Array(size);
    for (let number = 0; number < columns; number += 1) {
      this._denseCells(cells, moments, number, column);
      this.coarse.spread(column, mask);
      const first = number * hop - size / 2;
      // Two channels at a time, as the parts of one complex signal: the mask is the same for both,
      // and for positive and negative frequencies.
      for (let c = 0; c < channels.length; c += 2) {
        fill(real, channels[c], first, window);
        fill(imaginary, channels[c + 1], first, window);
        fourier.forward(real, imaginary);
        for (let bin = 0; bin < size; bin += 1) {
          real[bin] *= mask[bin];
          imaginary[bin] *= mask[bin];
        }
        fourier.inverse(real, imaginary);
        overlap(filtered[c], real, first, window);
        if (c + 1 < channels.length) overlap(filtered[c + 1], imaginary, first, window);
      }
      for (let i = Math.max(0, -first); i < size && first + i < samples; i += 1) {
        envelope[first + i] += window[i] * window[i];
      }
      if (number % 200 === 199) await pause(number / columns);
    }
    return filtered.map((sums) => Float32Array.from(sums, (sum, i) => sum / envelope[i]));
  }

  // The mask at a column: the cells lie on the odd ones, and in between is their mean.
  _denseCells(cells, moments, column, bands) {
    const width = bands.length;
    const last = moments - 1;
    const before = Math.min(last, Math.max(0, Math.ceil(column / 2) - 1));
    const after = Math.min(last, Math.floor(column / 2));
    const perFrame = this.config.subframes;
    for (let band = 0; band < width; band += 1) {
      bands[band] =
        (cells[cellAt(before, band, width, perFrame)] + cells[cellAt(after, band, width, perFrame)]) / 2;
    }
  }
}

// A frame holds its bands, and behind each the moments of the frame.
function cellAt(moment, band, bands, perFrame) {
  const frame = Math.floor(moment / perFrame);
  return (frame * bands + band) * perFrame + (moment % perFrame);
}

// One of the two short-time Fourier analyses, with its mel filters.
class Analysis {
  constructor(config, size, bands, perFrame) {
    this.size = size;
    this.bands = bands;
    this.perFrame = perFrame;
    this.width = bands * perFrame;
    this.hop = config.sample_rate / config.frame_rate / perFrame;
    this.fourier = new Fourier(size);
    this.window = Float64Array.from(
      { length: size },
      (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / size),
    );
    // Every bin is shared by two neighbouring bands; the shares add up to 1.
    const bins = size / 2 + 1;
    const lowest = mel(config.lowest_hertz);
    const step = (mel(config.sample_rate / 2) - lowest) / (bands - 1);
    this.below = new Int32Array(bins);
    this.share = new Float64Array(bins);
    for (let bin = 0; bin < bins; bin += 1) {
      const place = (mel((bin * config.sample_rate) / size) - lowest) / step;
      const position = Math.min(bands - 1, Math.max(0, place));
      this.below[bin] = Math.min(bands - 2, Math.floor(position));
      this.share[bin] = position - this.below[bin];
    }
  }

  // Log energies relative to the mean of the whole, written into frames of `stride` numbers from
  // `offset` on.
  features(channels, frames, into, offset, stride) {
    const { size, hop, bands, perFrame } = this;
    const columns = frames * perFrame;
    const left = (size - hop) / 2;
    const bins = size / 2 + 1;
    const energy = new Float64Array(columns * bands);
    const real = new Float64Array(size);
    const imaginary = new Float64Array(size);
    const power = new Float64Array(bins);
    let total = 0;
    for (let column = 0; column < columns; column += 1) {
      power.fill(0);
      for (let c = 0; c < channels.length; c += 2) {
        fill(real, channels[c], column * hop - left, this.window);
        fill(imaginary, channels[c + 1], column * hop - left, this.window);
        this.fourier.forward(real, imaginary);
        // Of two real signals as one complex one: the sum of both powers.
        for (let bin = 0; bin < bins; bin += 1) {
          const other = (size - bin) % size;
          power[bin] +=
            (real[bin] ** 2 + imaginary[bin] ** 2 + real[other] ** 2 + imaginary[other] ** 2) / 2;
        }
      }
      for (let bin = 0; bin < bins; bin += 1) {
        const own = power[bin] / channels.length;
        const at = column * bands + this.below[bin];
        total += own;
        energy[at] += own * (1 - this.share[bin]);
        energy[at + 1] += own * this.share[bin];
      }
    }
    const level = Math.max(SILENCE, total / (columns * bins));
    for (let column = 0; column < columns; column += 1) {
      const frame = Math.floor(column / perFrame);
      for (let band = 0; band < bands; band += 1) {
        const decibels = 10 * Math.log10(energy[column * bands + band] / level + 1e-8);
        into[frame * stride + offset + band * perFrame + (column % perFrame)] =
          (decibels - CENTRE_DB) / SCALE_DB;
      }
    }
  }

  // Bands to all bins of the transform, those of negative frequencies too.
  spread(bands, mask) {
    const bins = this.below.length;
    for (let bin = 0; bin < bins; bin += 1) {
      const below = this.below[bin];
      const value = bands[below] * (1 - this.share[bin]) + bands[below + 1] * this.share[bin];
      mask[bin] = value;
      mask[(this.size - bin) % this.size] = value;
    }
  }
}

function mel(hertz) {
  return 2595 * Math.log10(1 + hertz / 700);
}

// A windowed stretch of a channel; beyond its ends, and without a channel, there is silence.
function fill(into, channel, first, window) {
  if (channel === undefined) {
    into.fill(0);
    return;
  }
  for (let i = 0; i < into.length; i += 1) {
    const at = first + i;
    into[i] = at >= 0 && at < channel.length ? channel[at] * window[i] : 0;
  }
}

function overlap(sums, stretch, first, window) {
  const end = Math.min(stretch.length, sums.length - first);
  for (let i = Math.max(0, -first); i < end; i += 1) sums[first + i] += stretch[i] * window[i];
}
