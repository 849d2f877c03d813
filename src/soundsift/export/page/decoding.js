// A file as samples, at its own rate: WAV files by this page, all others by the browser.

import { PromptError } from "./prompt-error.js";
import { readWav } from "./wav.js";

const USUAL_RATE = 48000;
const SHORTEST_SECONDS = 0.04;
// Half a step of 16 bits, and the largest sample that is taken for sound.
const SILENCE = 2 ** -16;
const LOUDEST = 2 ** 32;

// {channels, sampleRate, format} of a File or Blob; the format is that of results.
export async function decode(file) {
  const bytes = await file.arrayBuffer();
  const wav = readWav(bytes);
  const sound = wav ?? (await decodeByBrowser(bytes));
  checkSound(sound);
  return sound;
}

// Refuse what can't be separated, as soundsift/audio/reading.py.
function checkSound({ channels, sampleRate }) {
  if (channels[0].length < SHORTEST_SECONDS * sampleRate) {
    throw new PromptError(`The recording is too short. Use at least ${SHORTEST_SECONDS} s.`);
  }
  let silent = true;
  for (const channel of channels) {
    let [lowest, highest] = [Infinity, -Infinity];
    for (const sample of channel) {
      if (!(Math.abs(sample) <= LOUDEST)) {
        throw new PromptError("The recording holds samples that are no sound. The file is damaged.");
      }
      if (sample < lowest) lowest = sample;
      if (sample > highest) highest = sample;
    }
    silent &&= highest - lowest < 2 * SILENCE;
  }
  if (silent) {
    throw new PromptError(
      "The recording is silent: all of it stays below -96 dB. Use one with something to hear.",
    );
  }
}

async function decodeByBrowser(bytes) {
  const { sampleRate, bits } = streamFacts(new DataView(bytes));
  let context;
  try {
    context = new OfflineAudioContext(1, 1, sampleRate);
  } catch {
    context = new OfflineAudioContext(1, 1, USUAL_RATE); // a rate that the browser has not
  }
  let buffer;
  try {
    buffer = await context.decodeAudioData(bytes);
  } catch {
    throw new PromptError(
      "This browser can't decode the file. Convert it to WAV, FLAC, MP3 or Ogg, or use another file.",
    );
  }
  const channels = Array.from({ length: buffer.numberOfChannels }, (_, i) =>
    buffer.getChannelData(i).slice(),
  );
  const format = { 16: "s16", 24: "s24" }[bits] ?? "f32";
  if (format === "s16") restoreWholeNumbers(channels);
  return { channels, sampleRate: buffer.sampleRate, format };
}

// Chromium divides the positive numbers of 16 bits by 32767, and not by 32768 as all of the others and
// as files are written: a loud sample would come out one step louder.
export function restoreWholeNumbers(channels) {
  const whole = (channel, scale) =>
    channel.every((sample) => {
      const steps = sample * scale;
      return sample <= 0 || Math.abs(steps - Math.round(steps)) < 0.01;
    });
  if (!channels.every((channel) => whole(channel, 2 ** 15 - 1))) return;
  for (const channel of channels) {
    for (let i = 0; i < channel.length; i += 1) {
      if (channel[i] > 0) channel[i] = Math.round(channel[i] * (2 ** 15 - 1)) / 2 ** 15;
    }
  }
}

// The browser resamples to the rate that it is asked for: so it is asked for the file's own.
function streamFacts(view) {
  const letters = (at, count) =>
    at + count <= view.byteLength
      ? String.fromCharCode(...new Uint8Array(view.buffer, at, count))
      : "";
  if (letters(0, 4) === "fLaC" && view.byteLength > 22) {
    return {
      sampleRate: view.getUint32(17) >>> 4 & 0xfffff,
      bits: (((view.getUint8(20) & 1) << 4) | (view.getUint8(21) >> 4)) + 1,
    };
  }
  if (letters(0, 4) === "OggS" && letters(29, 6) === "vorbis") {
    return { sampleRate: view.getUint32(40, true) };
  }
  if (letters(4, 4) === "ftyp") return { sampleRate: mp4Rate(view) ?? USUAL_RATE };
  return { sampleRate: mp3Rate(view, letters) ?? USUAL_RATE };
}

// The sample rate in the description of the first sound track, `mp4a`.
function mp4Rate(view) {
  for (const [from, to] of [
    [0, Math.min(view.byteLength, 2 ** 20)],
    [Math.max(0, view.byteLength - 2 ** 22), view.byteLength],
  ]) {
    for (let at = from; at + 32 <= to; at += 1) {
      if (view.getUint32(at) === 0x6d703461) return view.getUint32(at + 28) >>> 16 || undefined;
    }
  }
  return undefined;
}

function mp3Rate(view, letters) {
  let at = 0;
  if (letters(0, 3) === "ID3") {
    for (let i = 6; i < 10; i += 1) at = at * 128 + view.getUint8(i);
    at += 10;
  }
  for (const end = Math.min(view.byteLength - 3, at + 4096); at < end; at += 1) {
    const head = view.getUint16(at);
    // Synchronisation, a version that exists, and layer 3.
    if ((head & 0xffe6) !== 0xffe2 || ((head >> 3) & 3) === 1) continue;
    const index = (view.getUint8(at + 2) >> 2) & 3;
    if (index === 3) continue;
    return [11025, 0, 22050, 44100][(head >> 3) & 3] * [1, 48000 / 44100, 32000 / 44100][index];
  }
  return undefined;
}
