"""Pictures: of a separation, spectrograms with the spans; of listening, with a row per sound."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from soundsift.audio import atomic_file
from soundsift.spans import Span
from soundsift.spectrogram import Panel, band_edges, to_scale

# Loudness range shown; quieter is as good as silent beside what is loud.
_RANGE_DB = 75.0
_TICKS_HZ = (100, 200, 500, 1000, 2000, 5000, 10_000, 20_000)

_INK, _FAINT, _PAPER = "#1d2430", "#6b7484", "#ffffff"
_HEARD, _NOT_HEARD = "#35d07f", "#ff5a5f"


def spectrogram_picture(
    path: str | Path,
    mixture: np.ndarray,
    target: np.ndarray,
    residual: np.ndarray,
    sample_rate: int,
    spans: Sequence[Span] = (),
    title: str = "",
    *,
    overwrite: bool = False,
) -> None:
    """Draw three spectrograms, one above the other, into a PNG of 1600 x 1200 pixels.

    All share one colour scale in dB below the mixture's loudest spot, so that what left the target
    can be found in the residual. Spans are shaded, green where the sound is heard (+) and red where
    it is not (-).

    Args:
        path: where to write the PNG.
        mixture: (channels, samples), full scale ±1.
        target: the same shape.
        residual: the same shape.
        sample_rate: samples per second.
        spans: spans of the prompt.
        title: headline, for instance the text prompt.
        overwrite: replace an existing file.

    Raises:
        SoundsiftError: the file exists and `overwrite` is off, or it can't be written.
        ValueError: the three shapes differ, or there are no samples.
    """
    if not mixture.shape == target.shape == residual.shape or mixture.ndim != 2 or not mixture.size:
        raise ValueError(
            "expected three waves of one shape (channels, samples), not "
            f"{mixture.shape}, {target.shape}, {residual.shape}"
        )
    picture = Picture(sample_rate, spans, title)
    picture.add(mixture, target, residual)
    picture.save(path, overwrite=overwrite)


class Picture:
    """The same from blocks: three spectrograms that become coarser as the recording goes on.

    Args:
        sample_rate: samples per second.
        spans: spans of the prompt.
        title: headline, for instance the text prompt.
    """

    def __init__(self, sample_rate: int, spans: Sequence[Span] = (), title: str = "") -> None:
        self._rate, self._spans, self._title = sample_rate, spans, title
        self._edges = band_edges(sample_rate)
        self._panels = {
            name: Panel(sample_rate, self._edges) for name in ("Mixture", "Target", "Residual")
        }

    def add(self, mixture: np.ndarray, target: np.ndarray, residual: np.ndarray) -> None:
        """Take the next block of each, `(channels, samples)`, full scale ±1."""
        for panel, wave in zip(self._panels.values(), (mixture, target, residual), strict=True):
            panel.add(wave)

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Draw what was taken into a PNG of 1600 x 1200 pixels.

        Args:
            path: where to.
            overwrite: replace an existing file.

        Raises:
            SoundsiftError: the file exists and `overwrite` is off, or it can't be written.
        """
        # matplotlib is loaded only to draw. No pyplot: it has global state and looks
        # for a screen.
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        for panel in self._panels.values():
            panel.finish()
        mixture = self._panels["Mixture"]
        loudest = max(float(mixture.power.max()), 1e-20)
        peak = max(float(np.abs([mixture.top, mixture.bottom]).max()), 1e-6)
        duration = mixture.samples / self._rate

        figure = Figure(figsize=(16, 12), dpi=100, facecolor=_PAPER)
        FigureCanvasAgg(figure)
        grid = figure.add_gridspec(
            3,
            2,
            width_ratios=[70, 1],
            hspace=0.17,
            wspace=0.03,
            left=0.07,
            right=0.93,
            top=0.895,
            bottom=0.06,
        )
        image: Any = None
        for index, (name, panel) in enumerate(self._panels.items()):
            rows = grid[index, 0].subgridspec(2, 1, height_ratios=[1, 5], hspace=0.03)
            shown = len(panel.power) * panel.width / self._rate
            envelope = figure.add_subplot(rows[0])
            _draw_envelope(envelope, panel, peak, duration, shown, name)
            axes = figure.add_subplot(rows[1])
            image = _draw_spectrogram(axes, panel, loudest, panel.width / self._rate)
            _label_axes(axes, self._edges, duration, last=index == len(self._panels) - 1)
            _shade(axes, self._spans)
        _add_colour_bar(figure, figure.add_subplot(grid[:, 1]), image)
        _add_heading(figure, self._title, self._spans)
        _save(figure, path, overwrite)


class ListeningPicture:
    """A spectrogram of a recording from blocks, with a row per sound below it.

    Args:
        sample_rate: samples per second.
        title: headline.
    """

    def __init__(self, sample_rate: int, title: str = "") -> None:
        self._rate, self._title = sample_rate, title
        self._edges = band_edges(sample_rate)
        self._panel = Panel(sample_rate, self._edges)

    def add(self, mixture: np.ndarray) -> None:
        """Take the next block, `(channels, samples)`, full scale ±1."""
        self._panel.add(mixture)

    def save(
        self,
        path: str | Path,
        sounds: Mapping[str, Sequence[tuple[float, float, float]]],
        *,
        overwrite: bool = False,
    ) -> None:
        """Draw what was taken into a PNG 1600 pixels wide.

        Args:
            path: where to.
            sounds: start, end in seconds and probability of each sound's spans.
            overwrite: replace an existing file.

        Raises:
            SoundsiftError: the file exists and `overwrite` is off, or it can't be written.
        """
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        panel = self._panel
        panel.finish()
        loudest = max(float(panel.power.max(initial=0.0)), 1e-20)
        duration = panel.samples / self._rate
        rows = max(1, len(sounds))
        figure = Figure(figsize=(16, 5 + 0.4 * rows), dpi=100, facecolor=_PAPER)
        FigureCanvasAgg(figure)
        grid = figure.add_gridspec(
            2, 1, height_ratios=[9, rows], hspace=0.08, left=0.2, right=0.97, top=0.9, bottom=0.1
        )
        axes = figure.add_subplot(grid[0])
        _draw_spectrogram(axes, panel, loudest, panel.width / self._rate)
        _label_axes(axes, self._edges, duration, last=False)
        lanes = figure.add_subplot(grid[1], sharex=axes)
        for row, spans in enumerate(sounds.values()):
            for start, end, probability in spans:
                # At least two pixels wide.
                width = max(end - start, duration / 640)
                lanes.barh(row, width, 0.6, start, color=_HEARD, alpha=probability)
        names = [name if len(name) <= 32 else name[:31] + "…" for name in sounds]
        lanes.set_yticks(range(len(names)), names, parse_math=False)
        lanes.set(ylim=(rows - 0.5, -0.5), xlim=(0, duration))
        lanes.tick_params(colors=_INK, labelsize=12, length=0)
        lanes.set_xlabel("time in seconds", fontsize=12, color=_FAINT)
        for spine in lanes.spines.values():
            spine.set_visible(False)
        _add_heading(figure, self._title, ())
        _save(figure, path, overwrite)


def _draw_spectrogram(axes: Any, panel: Panel, loudest: float, column: float) -> Any:
    """Power in dB below the loudest spot; a column is so many seconds wide."""
    decibels = 10 * np.log10(np.maximum(panel.power.T / loudest, 1e-20))
    return axes.imshow(
        decibels,
        origin="lower",
        aspect="auto",
        cmap="magma",
        vmin=-_RANGE_DB,
        vmax=0,
        interpolation="bilinear",
        extent=(0, len(panel.power) * column, 0, panel.power.shape[1]),
    )


def _save(figure: Any, path: str | Path, overwrite: bool) -> None:
    with atomic_file(path, overwrite=overwrite) as file, warnings.catch_warnings():
        # A title in a script that matplotlib's own font lacks becomes boxes; no more is lost.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        # Without a date or a version in it, the same separation gives the same picture.
        figure.savefig(file, format="png", metadata={"Software": None})


def _draw_envelope(
    axes: Any, panel: Panel, peak: float, duration: float, shown: float, name: str
) -> None:
    columns = len(panel.top)
    times = (np.arange(columns) + 0.5) * shown / columns
    top, bottom = panel.top, panel.bottom
    axes.fill_between(times, bottom, top, color=_INK, linewidth=0.4)
    axes.set(xlim=(0, duration), ylim=(-1.1 * peak, 1.1 * peak))
    axes.axis("off")
    axes.set_title(name, loc="left", fontsize=15, fontweight="bold", color=_INK, pad=4)


def _label_axes(axes: Any, edges: np.ndarray, duration: float, *, last: bool) -> None:
    low, high = to_scale(edges[0]), to_scale(edges[-1])
    shown = [tick for tick in _TICKS_HZ if edges[0] <= tick <= edges[-1]]
    rows = [(to_scale(tick) - low) / (high - low) * (len(edges) - 1) for tick in shown]
    axes.set_yticks(rows, [f"{t} Hz" if t < 1000 else f"{t // 1000} kHz" for t in shown])
    axes.tick_params(colors=_FAINT, labelsize=11, length=4)
    axes.set_xlim(0, duration)
    if last:
        axes.set_xlabel("time in seconds", fontsize=12, color=_FAINT)
    else:
        axes.tick_params(labelbottom=False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _shade(axes: Any, spans: Sequence[Span]) -> None:
    for span in spans:
        colour = _HEARD if span.positive else _NOT_HEARD
        axes.axvspan(span.start, span.end, facecolor=colour, alpha=0.16, linewidth=0)
        for edge in (span.start, span.end):
            axes.axvline(edge, color=colour, linewidth=1.6, alpha=0.9)
        # A solid bar at the top: visible on bright sound as well.
        axes.axvspan(span.start, span.end, ymin=0.965, ymax=1, facecolor=colour, linewidth=0)


def _add_colour_bar(figure: Any, axes: Any, image: Any) -> None:
    bar = figure.colorbar(image, cax=axes, ticks=np.arange(-_RANGE_DB, 1, 15))
    bar.outline.set_visible(False)
    bar.ax.tick_params(colors=_FAINT, labelsize=11)
    bar.set_label("dB, relative to the mixture's loudest spot", fontsize=12, color=_FAINT)


def _add_heading(figure: Any, title: str, spans: Sequence[Span]) -> None:
    from matplotlib.patches import Patch

    if title:
        shown = title if len(title) <= 80 else title[:79] + "…"
        # A dollar sign in a prompt is no mathematics.
        figure.text(
            0.07,
            0.965,
            shown,
            fontsize=21,
            fontweight="bold",
            color=_INK,
            va="center",
            parse_math=False,
        )
    signs = (
        (True, _HEARD, "+ span: the sound is heard"),
        (False, _NOT_HEARD, "− span: it is not"),
    )
    handles = [
        Patch(facecolor=colour, label=label)
        for positive, colour, label in signs
        if any(span.positive is positive for span in spans)
    ]
    if handles:
        figure.legend(
            handles=handles,
            loc="center right",
            bbox_to_anchor=(0.935, 0.965),
            ncols=2,
            frameon=False,
            fontsize=13,
            labelcolor=_INK,
            handlelength=1.2,
        )
