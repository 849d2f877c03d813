// WAV files: samples read as floats, 24-bit files written.

const PCM = 1;
const FLOAT = 3;
const EXTENSIBLE = 0xfffe;

/** Parse a WAV header. `head` is an ArrayBuffer with the file's first kilobytes. */
export function parseHead(head) {
  const view = new DataView(head);
  const word = (at) => String.fromCharCode(...new Uint8Array(head, at, 4));
  if (head.byteLength < 44 || word(0) !== "RIFF" || word(8) !== "WAVE") {
    throw new Error("The server did not send a WAV file.");
  }
  let format = null;
  for (let at = 12; at + 8 <= head.byteLength; ) {
    const name = word(at);
    const size = view.getUint32(at + 4, true);
    if (name === "fmt ") {
      let code = view.getUint16(at + 8, true);
      if (code === EXTENSIBLE) code = view.getUint16(at + 32, true);
      format = {
        float: code === FLOAT,
        channels: view.getUint16(at + 10, true),
        sampleRate: view.getUint32(at + 12, true),
        bits: view.getUint16(at + 22, true),
      };
      if (code !== PCM && code !== FLOAT) throw new Error(`WAV files of format ${code} are unknown.`);
    }
    if (name === "data" && format) {
      const frameBytes = (format.channels * format.bits) / 8;
      return { ...format, frameBytes, start: at + 8, frames: Math.floor(size / frameBytes) };
    }
    at += 8 + size + (size % 2);
  }
  throw new Error("The server sent a WAV file without samples.");
}

/** Samples per channel, -1 to 1, from whole frames of raw bytes. */
export function decode(bytes, { channels, bits, float, frameBytes }) {
  const frames = Math.floor(bytes.byteLength / frameBytes);
  const view = new DataView(bytes);
  const width = bits / 8;
  const read = {
    8: (at) => (view.getUint8(at) - 128) / 128,
    16: (at) => view.getInt16(at, true) / 32768,
    24: (at) => (view.getInt8(at + 2) * 65536 + view.getUint16(at, true)) / 8388608,
    32: float ? (at) => view.getFloat32(at, true) : (at) => view.getInt32(at, true) / 2147483648,
    64: (at) => view.getFloat64(at, true),
  }[bits];
  return Array.from({ length: channels }, (_, channel) => {
    const samples = new Float32Array(frames);
    for (let n = 0; n < frames; n++) samples[n] = read(n * frameBytes + channel * width);
    return samples;
  });
}

/** The 44-byte header of a 24-bit file. */
export function head24(channels, sampleRate, frames) {
  const head = new DataView(new ArrayBuffer(44));
  const word = (at, letters) => [...letters].forEach((c, i) => head.setUint8(at + i, c.charCodeAt(0)));
  const bytes = frames * channels * 3;
  word(0, "RIFF");
  head.setUint32(4, 36 + bytes, true);
  word(8, "WAVEfmt ");
  head.setUint32(16, 16, true);
  head.setUint16(20, PCM, true);
  head.setUint16(22, channels, true);
  head.setUint32(24, sampleRate, true);
  head.setUint32(28, sampleRate * channels * 3, true);
  head.setUint16(32, channels * 3, true);
  head.setUint16(34, 24, true);
  word(36, "data");
  head.setUint32(40, bytes, true);
  return head.buffer;
}

/** Interleave channels of floats as 24-bit samples. */
export function encode24(channels) {
  const frames = channels[0].length;
  const bytes = new Uint8Array(frames * channels.length * 3);
  let at = 0;
  for (let n = 0; n < frames; n++) {
    for (const samples of channels) {
      const value = Math.max(-8388608, Math.min(8388607, Math.round(samples[n] * 8388608)));
      bytes[at++] = value & 255;
      bytes[at++] = (value >> 8) & 255;
      bytes[at++] = (value >> 16) & 255;
    }
  }
  return bytes;
}
