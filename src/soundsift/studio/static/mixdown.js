// The mix-down of the audible tracks with their gains, as a 24-bit WAV file.

import { encode24, head24 } from "./wav.js";
import { peakOf } from "./sound.js";

const BLOCK_FRAMES = 2 ** 18;

/** The sum of `tracks` (`[{ sound, level }]`), block by block. */
async function* blocks(tracks, channels, frames, onProgress) {
  for (let start = 0; start < frames; start += BLOCK_FRAMES) {
    const count = Math.min(BLOCK_FRAMES, frames - start);
    const sum = Array.from({ length: channels }, () => new Float32Array(count));
    for (const { sound, level } of tracks) {
      const parts = await sound.read(start, count);
      sum.forEach((total, channel) => {
        const samples = parts[Math.min(channel, parts.length - 1)];
        for (let n = 0; n < samples.length; n++) total[n] += level * samples[n];
      });
    }
    onProgress((start + count) / frames);
    yield sum;
  }
}

/**
 * `{ blob, turnedDown }`: the file, and the decibels by which the mix was reduced to avoid clipping.
 * `onProgress` receives the fraction done. Throws if nothing is audible.
 */
export async function mixDown(levels, onProgress) {
  const tracks = levels.filter(({ level }) => level > 0);
  if (tracks.length === 0) throw new Error("All tracks are silent. Unmute one to mix.");
  const channels = Math.max(...tracks.map(({ sound }) => sound.channels));
  const frames = Math.max(...tracks.map(({ sound }) => sound.frames));
  const { sampleRate } = tracks[0].sound;
  let peak = 0;
  for await (const sum of blocks(tracks, channels, frames, (part) => onProgress(part / 2))) peak = Math.max(peak, peakOf(sum));
  const scale = peak > 1 ? 1 / peak : 1;
  const scaled = tracks.map(({ sound, level }) => ({ sound, level: level * scale }));
  const parts = [head24(channels, sampleRate, frames)];
  // A blob each: browsers keep large ones on the disk.
  for await (const sum of blocks(scaled, channels, frames, (part) => onProgress((1 + part) / 2))) parts.push(new Blob([encode24(sum)]));
  return { blob: new Blob(parts, { type: "audio/wav" }), turnedDown: -20 * Math.log10(scale) };
}

/** Offer a file as a download. */
export function save(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // The browser reads the file after this task.
  setTimeout(() => URL.revokeObjectURL(url), 60000);
}
