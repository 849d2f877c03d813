"""`make demo`: separate the bundled recording by text and by span."""

from __future__ import annotations

import time
from importlib import resources
from pathlib import Path

import soundsift
from soundsift.plots import spectrogram_picture
from soundsift.separation.result import Separation
from soundsift.spans import Span

OUT = Path("demo-output")
#: Requests on the bundled recording: name of the result, text, spans.
REQUESTS: tuple[tuple[str, str | None, tuple[Span, ...]], ...] = (
    ("voice-by-text", "woman speaking", ()),
    ("cow-by-text", "cow mooing", ()),
    ("cow-by-span", None, (Span(1.5, 3.5), Span(6.5, 8.5))),
    ("music-by-text", "background music", ()),
)


def main() -> None:
    """Run all requests; write stems and spectrograms to `demo-output/`."""
    recording = Path(str(resources.files("soundsift") / "assets" / "farm.flac"))
    began = time.perf_counter()
    separator = soundsift.load()
    print(f"model {separator.config.name} loaded in {time.perf_counter() - began:.1f} s")
    print(f"recording: {recording.name}, a woman calling, a cow and music, 10 s, stereo\n")
    for name, text, spans in REQUESTS:
        began = time.perf_counter()
        result = separator.separate(recording, text=text, spans=spans)
        seconds = time.perf_counter() - began
        paths = result.save(OUT, name, overwrite=True)
        _draw(OUT / f"{name}.png", result, _describe(text, spans))
        print(f"{_describe(text, spans)}")
        print(f"  {seconds:.2f} s; target {result.target_level_db:+.1f} dB against the recording")
        print(f"  {paths['target']}, {paths['residual'].name}, {name}.png\n")
    print(
        f"Listen with any player to {OUT}/*.wav: the target, and the residual without it.\n"
        f"Look at {OUT}/*.png."
    )


def _describe(text: str | None, spans: tuple[Span, ...]) -> str:
    parts = [f'"{text}"'] if text else []
    if spans:
        parts.append("heard at " + ", ".join(f"{s.start:g}-{s.end:g} s" for s in spans))
    return " ".join(parts)


def _draw(path: Path, result: Separation, title: str) -> None:
    spans = [Span(**entry) for entry in result.settings["spans"]]
    spectrogram_picture(
        path,
        result.mixture,
        result.target,
        result.residual,
        result.sample_rate,
        spans,
        title,
        overwrite=True,
    )


if __name__ == "__main__":
    main()
