// How a recording is cut into windows, as soundsift/sampling/windows.py. Times are latent frames.

// Windows of `length` frames that share `overlap`; the last one ends with the recording.
export function overlappingWindows(frames, length, overlap) {
  const windows = [];
  for (let end = Math.min(length, frames); ; end = Math.min(end + length - overlap, frames)) {
    windows.push({ start: Math.max(0, end - length), end });
    if (end === frames) return windows;
  }
}

// The windows in which a recording is heard: the last one need not go back to where the one before
// has been.
export function hearingWindows(frames, length, overlap, shortest) {
  let heard = 0;
  return overlappingWindows(frames, length, overlap).map(({ start, end }) => {
    const from = Math.max(start, Math.min(heard - overlap, end - shortest));
    heard = end;
    return { start: from, end };
  });
}

// Averages the answers of windows where they overlap.
export class Fusion {
  // `length`: frames of a full window; `channels`: numbers in a frame.
  constructor(frames, length, channels) {
    this.ramp = Math.max(1, Math.floor(length / 2));
    this.channels = channels;
    this.sums = new Float32Array(frames * channels);
    this.weights = new Float32Array(frames);
  }

  add({ start, end }, answer) {
    for (let frame = start; frame < end; frame += 1) {
      const inside = Math.min(frame + 0.5 - start, end - frame - 0.5);
      const weight = Math.min(1, inside / this.ramp);
      this.weights[frame] += weight;
      for (let c = 0; c < this.channels; c += 1) {
        this.sums[frame * this.channels + c] +=
          weight * answer[(frame - start) * this.channels + c];
      }
    }
  }

  mean() {
    return this.sums.map((sum, i) => sum / this.weights[Math.floor(i / this.channels)]);
  }
}
