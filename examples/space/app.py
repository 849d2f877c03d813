"""A Gradio Space: name a sound, or mark when it is heard; get it, and everything else.

    pip install soundsift gradio
    python app.py

SOUNDSIFT_MODEL names another model: a folder, or a name on the Hub. SOUNDSIFT_LONGEST is the most
seconds of a recording, 600 unless given.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import numpy as np

import soundsift
from soundsift.audio import examine

#: Sample rate, and samples `(samples, channels)` as Gradio takes them.
Sound = tuple[int, np.ndarray]


@cache
def separator() -> soundsift.Separator:
    """The model, loaded once."""
    model = os.environ.get("SOUNDSIFT_MODEL", "default")
    if "/" in model and not os.path.isdir(model):  # noqa: PTH112
        return soundsift.Separator.from_pretrained(model)
    return soundsift.load(model)


def separate(path: str | None, text: str, spans: str) -> tuple[Sound, Sound, str]:
    """The sound, everything else, and what is to be said about them.

    Args:
        path: file of the recording.
        text: the sound as a phrase.
        spans: when it is heard, with spaces between: "1.2-2.5 4-5".

    Raises:
        SoundsiftError: there is no recording, it is too long, or the prompt is invalid.
    """
    if not path:
        raise soundsift.SoundsiftError("There is no recording. Upload or record one.")
    recording, longest = examine(path), float(os.environ.get("SOUNDSIFT_LONGEST", "600"))
    if recording.duration > longest:
        raise soundsift.SoundsiftError(
            f"The recording has {recording.duration:.0f} s. Use one of at most {longest:g} s."
        )
    result = separator().separate(path, text=text or None, spans=spans.split())
    sentences = []
    if translation := result.settings.get("translation"):
        sentences.append(f"Read as “{translation['english']}”.")
    if result.found:
        times = ", ".join(f"{one.start:.1f}–{one.end:.1f} s" for one in result.found[:12])
        sentences.append(f"Found at {times}.")
    elif result.confidence is not None:
        sentences.append("Probably not in this recording.")
    return (
        _as_gradio(result.target, result.sample_rate),
        _as_gradio(result.residual, result.sample_rate),
        " ".join(sentences),
    )


def _as_gradio(samples: np.ndarray, rate: int) -> Sound:
    return rate, np.round(32767 * samples.T.clip(-1, 1)).astype(np.int16)


def build() -> Any:
    """The page."""
    import gradio

    def answer(path: str | None, text: str, spans: str) -> tuple[Sound, Sound, str]:
        try:
            return separate(path, text, spans)
        except soundsift.SoundsiftError as error:
            raise gradio.Error(str(error)) from error

    with gradio.Blocks(title="soundsift") as page:
        gradio.Markdown("# soundsift\nName a sound, or say when it is heard, and lift it out.")
        recording = gradio.Audio(type="filepath", label="Recording")
        text = gradio.Textbox(label="Sound", placeholder="dog barking, bellender Hund, 犬の鳴き声")
        spans = gradio.Textbox(label="When it is heard (optional)", placeholder="1.2-2.5 4-5")
        button = gradio.Button("Separate", variant="primary")
        said = gradio.Markdown()
        target, rest = gradio.Audio(label="The sound"), gradio.Audio(label="Everything else")
        button.click(answer, [recording, text, spans], [target, rest, said])
        text.submit(answer, [recording, text, spans], [target, rest, said])
    return page


if __name__ == "__main__":
    build().queue(default_concurrency_limit=1).launch()
