"""A separation in a notebook: three players and a picture."""

from __future__ import annotations

import base64
import html
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from soundsift.audio.encoding import coded_file
from soundsift.audio.formats import Output
from soundsift.audio.writing import SoundFacts
from soundsift.plots import spectrogram_picture
from soundsift.spans import Span

if TYPE_CHECKING:
    from soundsift.separation.result import Separation

#: A notebook holds the sound itself, so no more of it than this is put into the page.
_MOST_SECONDS = 300
_KILOBITS = 96


def as_html(separation: Separation) -> str:
    """Players for mixture, target and residual, and their spectrograms.

    Sound beyond five minutes is left out, and more than two channels are mixed to one, as MP3.
    """
    length = separation.mixture.shape[1]
    shown = min(length, _MOST_SECONDS * separation.sample_rate)
    title = html.escape(separation.settings.get("text") or "the marked sound")
    rows = []
    with tempfile.TemporaryDirectory(prefix="soundsift-") as folder:
        for name in ("mixture", "target", "residual"):
            wave = getattr(separation, name)[:, :shown]
            player = _player(wave, separation.sample_rate, Path(folder) / f"{name}.mp3")
            rows.append(f"<tr><td>{name}</td><td>{player}</td></tr>")
        picture = Path(folder) / "picture.png"
        spans = [Span(**span) for span in separation.settings.get("spans", ())]
        spectrogram_picture(
            picture,
            separation.mixture[:, :shown],
            separation.target[:, :shown],
            separation.residual[:, :shown],
            separation.sample_rate,
            spans,
            separation.settings.get("text") or "",
        )
        image = _data("image/png", picture.read_bytes())
    level = f"target {separation.target_level_db:+.1f} dB against the mixture"
    cut = "" if shown == length else f", the first {_MOST_SECONDS // 60} minutes"
    return (
        f"<div><p><b>{title}</b>, {level}{cut}</p><table>{''.join(rows)}</table>"
        f'<img alt="Spectrograms of mixture, target and residual" style="max-width:100%" '
        f'src="{image}"></div>'
    )


def _player(wave: np.ndarray, sample_rate: int, path: Path) -> str:
    if wave.shape[0] > 2:
        wave = wave.mean(axis=0, keepdims=True)
    facts = SoundFacts(wave.shape[0], sample_rate, wave.shape[1])
    with coded_file(path, facts, "s16", Output("mp3", bitrate=_KILOBITS)) as file:
        file.write(np.clip(wave, -1, 1))
    return f'<audio controls preload="none" src="{_data("audio/mpeg", path.read_bytes())}"></audio>'


def _data(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
