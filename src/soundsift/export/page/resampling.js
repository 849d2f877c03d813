// Sample rate conversion by a windowed sine cardinal: flat to 91 % of the lower rate's band, and 137 dB
// down where the band ends. It has the response of soxr's quality HQ, which Python uses: the model
// listens to the highest bands, too.

const PASS = 0.9136;
const ATTENUATION_DB = 137;
const BETA = 0.1102 * (ATTENUATION_DB - 8.7);

// A channel at another rate, in Hz, as a Float32Array of ceil(length * to / from) samples.
export function resample(channel, from, to) {
  if (from === to) return channel;
  const divisor = greatestCommonDivisor(from, to);
  const up = to / divisor;
  const down = from / divisor;
  const scale = Math.min(1, to / from); // the band of the lower rate, in that of the input
  const cutoff = (scale * (1 + PASS)) / 2;
  const taps = (ATTENUATION_DB - 8) / (2.285 * Math.PI * scale * (1 - PASS));
  const half = Math.ceil(taps / 2);
  const length = Math.ceil((channel.length * to) / from);
  const result = new Float32Array(length);
  const phases = new Map();
  for (let i = 0; i < length; i += 1) {
    const place = i * down;
    const whole = Math.floor(place / up);
    const phase = place % up;
    let kernel = phases.get(phase);
    if (kernel === undefined) {
      kernel = makeKernel(phase / up, taps / 2, cutoff);
      phases.set(phase, kernel);
    }
    // Taps from whole - half + 1 to whole + half.
    const first = whole - half + 1;
    const begin = Math.max(0, -first);
    const end = Math.min(2 * half, channel.length - first);
    let sum = 0;
    for (let k = begin; k < end; k += 1) sum += kernel[k] * channel[first + k];
    result[i] = sum;
  }
  return result;
}

function makeKernel(fraction, reach, cutoff) {
  const half = Math.ceil(reach);
  return Float64Array.from({ length: 2 * half }, (_, k) => {
    const distance = k - half + 1 - fraction;
    const inside = 1 - (distance / reach) ** 2;
    if (inside < 0) return 0;
    const angle = Math.PI * cutoff * distance;
    const wave = angle === 0 ? 1 : Math.sin(angle) / angle;
    return (cutoff * wave * bessel(BETA * Math.sqrt(inside))) / bessel(BETA);
  });
}

// The modified Bessel function of the first kind and order 0.
function bessel(x) {
  let sum = 1;
  for (let term = 1, n = 1; term > 1e-12 * sum; n += 1) {
    term *= (x / (2 * n)) ** 2;
    sum += term;
  }
  return sum;
}

function greatestCommonDivisor(a, b) {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
