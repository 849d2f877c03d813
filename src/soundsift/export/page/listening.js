// From the probabilities of frames to what was heard, as soundsift/separation/occurrences.py.
// `calibration` is the hearing network's, from settings.json; probabilities are Float32Arrays, one
// number per latent frame.

import { runs } from "./spans.js";

// {confidence, presence, found}: presence is "sure", "unsure" or "absent"; found are the stretches in
// which the sound is heard, {start, end, probability, sure}, in seconds.
export function findOccurrences(probabilities, calibration, rate) {
  const run = Math.min(calibration.run_frames, probabilities.length);
  const confidences = runConfidences(probabilities, run, calibration);
  const best = confidences.indexOf(Math.max(...chunkMaxima(confidences)));
  const confidence = confidences[best];
  let presence = confidence >= calibration.sure_from ? "sure" : "unsure";
  if (confidence < calibration.absent_below) presence = "absent";
  const occurrence = (first, stop, value) => ({
    start: first / rate,
    end: stop / rate,
    probability: rounded(value),
    sure: rounded(value) >= calibration.sure_from,
  });
  let found = [];
  if (presence !== "absent") {
    found = stretches(probabilities, calibration, rate)
      .map(([first, stop]) => {
        const from = Math.max(0, Math.min(first, stop - run));
        const inside = confidences.subarray(from, Math.max(first, stop - run) + 1);
        return occurrence(first, stop, Math.max(...chunkMaxima(inside)));
      })
      .filter((one) => one.probability >= calibration.absent_below);
    if (found.length === 0) found = [occurrence(best, best + run, confidence)];
  }
  return { confidence: rounded(confidence), presence, found };
}

// Spans where the sound is heard, as marks; none if it is not surely there.
export function predictSpans(probabilities, calibration, rate) {
  const { confidence } = findOccurrences(probabilities, calibration, rate);
  if (confidence < calibration.predict_from) return [];
  const heard = heardFrames(probabilities, calibration);
  return runs(heard.length, (i) => heard[i]).map(([first, stop]) => ({
    start: first / rate,
    end: stop / rate,
  }));
}

// The probability that a frame holds any of several sounds.
export function anyOf(rows) {
  return rows[0].map((_, i) => Math.max(...rows.map((row) => row[i])));
}

function heardFrames(row, calibration) {
  if (calibration.span_range === null) {
    return Array.from(row, (value) => value > calibration.span_threshold);
  }
  const values = Float64Array.from(row, logit);
  const size = calibration.span_frames;
  // Centred, and cut at the ends.
  const shift = Math.floor((Math.min(values.length, size) - 1) / 2);
  const means = values.map((_, i) => {
    const end = Math.min(values.length, i + shift + 1);
    const begin = Math.max(0, i + shift + 1 - size);
    let sum = 0;
    for (let k = begin; k < end; k += 1) sum += values[k];
    return sum / (end - begin);
  });
  const least = Math.max(...chunkMaxima(means)) - calibration.span_range;
  return Array.from(means, (mean) => mean > least);
}

function stretches(row, calibration, rate) {
  const heard = heardFrames(row, calibration);
  const joined = [];
  for (const [first, stop] of runs(heard.length, (i) => heard[i])) {
    const last = joined.at(-1);
    if (last !== undefined && first - last[1] < calibration.join_seconds * rate) last[1] = stop;
    else joined.push([first, stop]);
  }
  return joined;
}

function runConfidences(row, run, { presence_scale: scale, presence_offset: offset }) {
  const values = Float64Array.from(row, logit);
  return Float64Array.from({ length: values.length - run + 1 }, (_, i) => {
    let sum = 0;
    for (let k = i; k < i + run; k += 1) sum += values[k];
    return 1 / (1 + Math.exp(-(scale * (sum / run) + offset)));
  });
}

function logit(probability) {
  const clipped = Math.min(1 - 1e-7, Math.max(1e-7, probability));
  return Math.log(clipped / (1 - clipped));
}

// The largest number of each thousand: functions take only so many arguments.
function chunkMaxima(values) {
  const maxima = [];
  for (let i = 0; i < values.length; i += 1000) maxima.push(Math.max(...values.subarray(i, i + 1000)));
  return maxima;
}

function rounded(value) {
  return Math.round(value * 1000) / 1000;
}
