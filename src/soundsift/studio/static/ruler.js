// The time line of the visible part, with the loop.

import { colour } from "./dom.js";
import { clock } from "./spans.js";

/** Least distance of labels in CSS pixels. */
const LABEL_PIXELS = 84;
const STEPS = [1, 2, 5];
const LONG_STEPS = [10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];

/** The finest step in seconds whose labels fit. */
export function rulerStep(secondsPerPixel) {
  const least = secondsPerPixel * LABEL_PIXELS;
  if (least > 5) return LONG_STEPS.find((step) => step >= least) ?? 7200;
  const power = 10 ** Math.floor(Math.log10(least));
  return (STEPS.find((step) => step * power >= least) ?? 10) * power;
}

/** Draw the line between the seconds `start` and `end`; `loop` is `{ start, end }` or null. */
export function drawRuler(canvas, { start, end, loop }) {
  const context = canvas.getContext("2d");
  const { width, height } = canvas;
  const ratio = devicePixelRatio || 1;
  const scale = width / (end - start);
  context.clearRect(0, 0, width, height);
  if (loop) {
    context.fillStyle = colour("accent");
    context.fillRect((loop.start - start) * scale, height - 4 * ratio, Math.max(1, (loop.end - loop.start) * scale), 4 * ratio);
  }
  const step = rulerStep((ratio * (end - start)) / width);
  const decimals = Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
  context.font = `${11 * ratio}px ${getComputedStyle(canvas).fontFamily}`;
  context.textBaseline = "top";
  context.fillStyle = colour("muted");
  for (let n = Math.ceil(start / step - 1e-9); n * step <= end; n++) {
    const x = (n * step - start) * scale;
    context.fillRect(x, 0, ratio, height);
    context.fillText(clock(n * step, decimals), x + 4 * ratio, 2 * ratio);
  }
}
