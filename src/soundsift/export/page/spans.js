// Marks of a prompt and their ids per latent frame, as soundsift/spans.py. A span is {start, end} in
// seconds, where the sound is heard.

export const UNMARKED = 0;
export const HEARD = 1;
export const OPEN = 3;

// Whole microseconds absorb the error of decimals in binary.
const MICRO = 1_000_000;
const micro = (seconds) => Math.round(seconds * MICRO);

// The first frame and the frame after the last.
export function spanFrames({ start, end }, rate) {
  const [first, stop] = [start, end].map((time) => Math.ceil((micro(time) * rate) / MICRO));
  return first === stop ? [first - 1, stop] : [first, stop];
}

// The id of each frame.
export function frameAnchors(spans, frames, rate, unmarked = UNMARKED) {
  const anchors = new Int32Array(frames).fill(unmarked);
  for (const span of spans) {
    const frame = spanFrames(span, rate);
    if (frame[0] === frames && frames < frame[1] && micro(span.start) * rate < frames * MICRO) {
      frame[0] -= 1;
    }
    anchors.fill(HEARD, frame[0], frame[1]);
  }
  return anchors;
}

// Runs of frames that fulfil a condition, as [first, stop].
export function runs(frames, condition) {
  const found = [];
  for (let i = 0, first = -1; i <= frames; i += 1) {
    const inside = i < frames && condition(i);
    if (inside && first < 0) first = i;
    if (!inside && first >= 0) {
      found.push([first, i]);
      first = -1;
    }
  }
  return found;
}

// The longest marked moment, or its beginning, with a little around it, as [start, end]; undefined if
// nothing is marked. As soundsift/separation/example_prompt.py.
export function markedStretch(anchors, { longest_mark: longest, around }) {
  const [run] = runs(anchors.length, (i) => anchors[i] === HEARD).sort(
    (a, b) => b[1] - b[0] - (a[1] - a[0]),
  );
  if (run === undefined) return undefined;
  const end = Math.min(run[1], run[0] + longest);
  return [Math.max(0, run[0] - around), Math.min(anchors.length, end + around)];
}
