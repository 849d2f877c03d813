"""The run so far as a picture: loss terms and validation against steps."""

from __future__ import annotations

import json
from pathlib import Path


def plot_metrics(metrics: Path, picture: Path) -> None:
    """Draw `metrics.jsonl` as a PNG: smoothed training terms left, validation right."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = [json.loads(line) for line in metrics.read_text().splitlines()]
    figure = Figure(figsize=(12, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    for name, scale, label in (
        ("mask_snr", -10.0, "mask SNR (dB)"),
        ("flow", 10.0, "10 x flow loss"),
    ):
        points = [(row["step"], row[name] * scale) for row in rows if name in row]
        if points:
            steps, values = zip(*points, strict=True)
            left.plot(steps, _smooth(list(values)), label=label)
    left.set(xlabel="step", title="training (smoothed)")
    names = sorted({k for row in rows for k in row if k.startswith("validation/")})
    for name in names:
        points = [(row["step"], row[name]) for row in rows if name in row]
        steps, values = zip(*points, strict=True)
        style = ":" if name.count("/") > 1 else "-"
        right.plot(steps, values, style, label=name.removeprefix("validation/"))
    right.set(xlabel="step", ylabel="improvement (dB)", title="validation, averaged weights")
    # Beside the curves: there are too many of them on the right to leave room for it.
    for axes, where in (
        (left, {"loc": "best"}),
        (right, {"loc": "upper left", "bbox_to_anchor": (1, 1)}),
    ):
        axes.grid(alpha=0.3)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=7, **where)
    figure.savefig(picture, dpi=110)


def _smooth(values: list[float], keep: float = 0.9) -> list[float]:
    smoothed, average = [], values[0]
    for value in values:
        average = keep * average + (1 - keep) * value
        smoothed.append(average)
    return smoothed
