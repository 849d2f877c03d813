// WAV files: read without loss, and written.

import { toSteps } from "./samples.js";

const PCM = 1;
const FLOAT = 3;
const EXTENSIBLE = 0xfffe;
const BITS = { s16: 16, s24: 24, f32: 32 };

// {channels, sampleRate, format} of a file's bytes (an ArrayBuffer); undefined if it is no WAV file of
// whole numbers or floats.
export function readWav(bytes) {
  const view = new DataView(bytes);
  const name = (at) => String.fromCharCode(...new Uint8Array(bytes, at, 4));
  if (view.byteLength < 44 || name(0) !== "RIFF" || name(8) !== "WAVE") return undefined;
  let kind;
  for (let at = 12; at + 8 <= view.byteLength; ) {
    const size = view.getUint32(at + 4, true);
    const start = at + 8;
    if (name(at) === "fmt ") {
      kind = {
        code: view.getUint16(start, true),
        channels: view.getUint16(start + 2, true),
        sampleRate: view.getUint32(start + 4, true),
        bits: view.getUint16(start + 14, true),
      };
      if (kind.code === EXTENSIBLE && size >= 26) kind.code = view.getUint16(start + 24, true);
    }
    if (name(at) === "data" && kind !== undefined) {
      return samplesOf(new DataView(bytes, start, Math.min(size, view.byteLength - start)), kind);
    }
    at = start + size + (size % 2);
  }
  return undefined;
}

function samplesOf(view, { code, channels: count, sampleRate, bits }) {
  const read = READERS[`${code}/${bits}`];
  if (read === undefined || count === 0 || sampleRate === 0) return undefined;
  const width = bits / 8;
  const length = Math.floor(view.byteLength / (width * count));
  const channels = Array.from({ length: count }, () => new Float32Array(length));
  for (let i = 0, at = 0; i < length; i += 1) {
    for (const channel of channels) {
      channel[i] = read(view, at);
      at += width;
    }
  }
  let format = "f32";
  if (code === PCM && bits <= 16) format = "s16";
  if (code === PCM && bits === 24) format = "s24";
  return { channels, sampleRate, format };
}

const READERS = {
  [`${PCM}/8`]: (view, at) => (view.getUint8(at) - 128) / 2 ** 7,
  [`${PCM}/16`]: (view, at) => view.getInt16(at, true) / 2 ** 15,
  [`${PCM}/24`]: (view, at) => (view.getInt8(at + 2) * 2 ** 16 + view.getUint16(at, true)) / 2 ** 23,
  [`${PCM}/32`]: (view, at) => view.getInt32(at, true) / 2 ** 31,
  [`${FLOAT}/32`]: (view, at) => view.getFloat32(at, true),
  [`${FLOAT}/64`]: (view, at) => view.getFloat64(at, true),
};

// A file of channels that are on the format's grid.
export function writeWav(channels, sampleRate, format) {
  const bits = BITS[format];
  const frame = (bits / 8) * channels.length;
  const size = frame * channels[0].length;
  const view = new DataView(new ArrayBuffer(44 + size + (size % 2)));
  const text = (at, letters) =>
    [...letters].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, view.byteLength - 8, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, format === "f32" ? FLOAT : PCM, true);
  view.setUint16(22, channels.length, true);
  view.setUint32(24, sampleRate, true);
  view.setUint32(28, sampleRate * frame, true);
  view.setUint16(32, frame, true);
  view.setUint16(34, bits, true);
  text(36, "data");
  view.setUint32(40, size, true);
  const write = WRITERS[format];
  for (let i = 0, at = 44; i < channels[0].length; i += 1) {
    for (const channel of channels) {
      write(view, at, channel[i]);
      at += bits / 8;
    }
  }
  return new Blob([view], { type: "audio/wav" });
}

const WRITERS = {
  s16: (view, at, sample) => view.setInt16(at, toSteps(sample, 2 ** 15), true),
  s24: (view, at, sample) => {
    const steps = toSteps(sample, 2 ** 23);
    view.setUint16(at, steps & 0xffff, true);
    view.setInt8(at + 2, steps >> 16);
  },
  f32: (view, at, sample) => view.setFloat32(at, sample, true),
};
