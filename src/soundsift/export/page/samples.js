// What happens to samples before and after the model, as soundsift/audio/normalisation.py and pcm.py.
// Channels are Float32Arrays, full scale 1; a format is "s16", "s24" or "f32".

const SILENCE = 2 ** -16;
const STEPS = { s16: 2 ** 15, s24: 2 ** 23 };

// Constant offset and gain: {offset, gain}, an offset for each channel. The gain is 1 or less.
export function normalisationOf(channels) {
  const means = channels.map((channel) => {
    let sum = 0;
    for (const sample of channel) sum += sample;
    return nearestEven((sum / Math.max(1, channel.length)) * 2 ** 24) / 2 ** 24;
  });
  const offset = means.some((mean) => Math.abs(mean) >= SILENCE) ? means : means.map(() => 0);
  let peak = 0;
  channels.forEach((channel, i) => {
    for (const sample of channel) peak = Math.max(peak, Math.abs(sample - offset[i]));
  });
  return { offset, gain: peak > 1 ? 1 / peak : 1 };
}

export function normalise(channels, { offset, gain }) {
  return channels.map((channel, i) => channel.map((sample) => (sample - offset[i]) * gain));
}

// Target and rest that add up to the mixture in its format, from an estimate of the target.
export function complement(mixture, estimate, format) {
  const target = new Float32Array(mixture.length);
  const rest = new Float32Array(mixture.length);
  const steps = STEPS[format];
  for (let i = 0; i < mixture.length; i += 1) {
    if (steps === undefined) {
      rest[i] = mixture[i] - estimate[i];
      target[i] = mixture[i] - rest[i];
    } else {
      const whole = toSteps(mixture[i], steps);
      const left = clip(whole - toSteps(estimate[i], steps), steps);
      rest[i] = left / steps;
      target[i] = (whole - left) / steps;
    }
  }
  return [target, rest];
}

// Sum of the squares of all channels.
export function energy(channels) {
  let sum = 0;
  for (const channel of channels) for (const sample of channel) sum += sample * sample;
  return sum;
}

// The lowest and highest sample of all channels in each of so many stretches, for a picture: pairs.
export function peaksOf(channels, count) {
  const peaks = new Float32Array(2 * count);
  const { length } = channels[0];
  for (let i = 0; i < count; i += 1) {
    const end = Math.floor(((i + 1) * length) / count);
    for (let k = Math.floor((i * length) / count); k < end; k += 1) {
      for (const channel of channels) {
        if (channel[k] < peaks[2 * i]) peaks[2 * i] = channel[k];
        if (channel[k] > peaks[2 * i + 1]) peaks[2 * i + 1] = channel[k];
      }
    }
  }
  return peaks;
}

export function toSteps(sample, steps) {
  return clip(nearestEven(sample * steps), steps);
}

function clip(value, steps) {
  return Math.min(steps - 1, Math.max(-steps, value));
}

// Halves go to the even neighbour, so that silence stays silence.
function nearestEven(value) {
  const nearest = Math.round(value);
  return nearest - value === 0.5 && nearest % 2 !== 0 ? nearest - 1 : nearest;
}
