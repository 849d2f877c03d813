// Waveforms, with marks that are drawn by dragging.

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name);

// Draw pairs of lowest and highest samples, and marks of {start, end} in a recording of `seconds`.
export function drawWaveform(canvas, peaks, kind, marks = [], seconds = 1) {
  const { width, height } = canvas;
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, width, height);
  context.fillStyle = colour("--wave-mark");
  for (const { start, end } of marks) {
    const left = (start / seconds) * width;
    context.fillRect(left, 0, Math.max(1, (end / seconds) * width - left), height);
  }
  context.fillStyle = colour(kind);
  const count = peaks.length / 2;
  for (let i = 0; i < count; i += 1) {
    const top = ((1 - Math.min(1, peaks[2 * i + 1])) * height) / 2;
    const bottom = ((1 - Math.max(-1, peaks[2 * i])) * height) / 2;
    context.fillRect((i * width) / count, top, width / count, Math.max(1, bottom - top));
  }
}

// Call `marked` with a stretch {start, end}, in fractions of the width, when one was dragged over;
// `dragged` with the same while it is.
export function watchDrags(canvas, dragged, marked) {
  let from;
  const stretch = (event) => {
    const { left, width } = canvas.getBoundingClientRect();
    const place = Math.min(1, Math.max(0, (event.clientX - left) / width));
    from ??= place;
    return { start: Math.min(from, place), end: Math.max(from, place) };
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    from = undefined;
    stretch(event);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (from !== undefined) dragged(stretch(event));
  });
  canvas.addEventListener("pointerup", (event) => {
    if (from === undefined) return;
    marked(stretch(event));
    from = undefined;
  });
  canvas.addEventListener("pointercancel", () => {
    from = undefined;
    dragged(undefined);
  });
}
