// The waveform of the visible part, from peaks, or from samples where they can be told apart.

import { PEAK_FRAMES } from "./sound.js";

/** Pixels per sample from which each sample is a dot. */
const DOT_PIXELS = 6;

/**
 * Draw `sound` between the seconds `start` and `end`, with magnitudes up to `peak`.
 * `onArrival` is called when more is there to be drawn. Returns whether all of it was there.
 */
export function drawWaveform(canvas, sound, { start, end, peak, colour }, onArrival) {
  const context = canvas.getContext("2d");
  const { width, height } = canvas;
  context.clearRect(0, 0, width, height);
  context.fillStyle = context.strokeStyle = colour;
  const middle = height / 2;
  const scale = (0.95 * middle) / peak;
  const first = start * sound.sampleRate;
  const perPixel = ((end - start) * sound.sampleRate) / width;
  const view = { context, width, height, middle, scale, first, perPixel };
  if (perPixel < 2) return drawSamples(view, sound, onArrival);
  const { range, complete } = perPixel < PEAK_FRAMES ? sampleRanges(view, sound, onArrival) : peakRanges(view, sound, onArrival);
  for (let x = 0; x < width; x++) {
    const [low, high] = range(first + x * perPixel, first + (x + 1) * perPixel);
    if (low > high) continue;
    const top = middle - high * scale;
    // Silence is a line.
    context.fillRect(x, top, 1, Math.max(1, (high - low) * scale));
  }
  return complete();
}

/** The lowest and highest of `low[n]`, `high[n]` from index `from` up to `to`. */
function extremes(low, high, from, to, found) {
  for (let n = Math.max(0, from); n < Math.min(to, low.length); n++) {
    if (low[n] < found[0]) found[0] = low[n];
    if (high[n] > found[1]) found[1] = high[n];
  }
  return found;
}

function overviewRange({ overview, frames }, from, to, found) {
  const step = frames / overview.low.length;
  return extremes(overview.low, overview.high, Math.floor(from / step), Math.ceil(to / step), found);
}

/** Extremes between two frames from tiles of peaks; from the overview while a tile is fetched. */
function peakRanges({ perPixel }, sound, onArrival) {
  const level = Math.max(0, Math.floor(Math.log2(perPixel / PEAK_FRAMES)));
  // The overview is as fine.
  const coarse = sound.frames / sound.overview.low.length <= PEAK_FRAMES * 2 ** level;
  let missing = false;
  const range = (from, to) => {
    const found = [Infinity, -Infinity];
    if (coarse) return overviewRange(sound, from, to, found);
    const last = sound.peakTileOf(level, Math.min(to, sound.frames - 1));
    for (let tile = sound.peakTileOf(level, Math.max(0, from)); tile <= last; tile++) {
      const peaks = sound.peaks(level, tile, onArrival);
      if (!peaks) {
        missing = true;
        overviewRange(sound, from, to, found);
        continue;
      }
      const { step, start } = sound.peakTile(level, tile);
      extremes(peaks.low, peaks.high, Math.floor((from - start) / step), Math.ceil((to - start) / step), found);
    }
    return found;
  };
  return { range, complete: () => !missing };
}

/** Extremes between two frames from samples. */
function sampleRanges(_, sound, onArrival) {
  let missing = false;
  const range = (from, to) => {
    const found = [Infinity, -Infinity];
    for (let at = Math.max(0, Math.floor(from)); at < Math.min(to, sound.frames); ) {
      const block = sound.blockAt(at, onArrival);
      if (!block) {
        missing = true;
        return overviewRange(sound, from, to, found);
      }
      const inside = at - block.start;
      const stop = Math.min(Math.ceil(to) - block.start, block.samples[0].length);
      for (const samples of block.samples) extremes(samples, samples, inside, stop, found);
      at = block.start + Math.max(stop, inside + 1);
    }
    return found;
  };
  return { range, complete: () => !missing };
}

/** A line through the samples of each channel, with dots where there is room. */
function drawSamples({ context, middle, scale, first, perPixel, width }, sound, onArrival) {
  const from = Math.max(0, Math.floor(first) - 1);
  const to = Math.min(sound.frames, Math.ceil(first + width * perPixel) + 2);
  for (let at = from; at < to; ) {
    const block = sound.blockAt(at, onArrival);
    if (!block) return false;
    at = block.start + block.samples[0].length;
  }
  context.lineWidth = Math.max(1, Math.min(2, 0.3 / perPixel));
  for (let channel = 0; channel < sound.channels; channel++) {
    context.beginPath();
    for (let at = from; at < to; at++) {
      const { start, samples } = sound.blockAt(at, onArrival);
      const x = (at - first) / perPixel;
      const y = middle - samples[channel][at - start] * scale;
      if (at === from) context.moveTo(x, y);
      else context.lineTo(x, y);
      if (1 / perPixel > DOT_PIXELS) context.fillRect(x - 1.5, y - 1.5, 3, 3);
    }
    context.stroke();
  }
  return true;
}
