"""Triplets on disk: mixtures taken apart, from the data engine or from anywhere else.

A file of triplets has one JSON object a line, its paths relative to the file:

    {"mixture": "m.wav", "target": "a.wav", "residual": "b.wav", "phrase": "dog barking",
     "spans": [[0.4, 2.1]], "video": "a.npy"}

`mixture` (by which triplets are told to be of one recording), `phrase`, `spans` (when the target is
heard; from its energy if missing; ["-", 0.4, 2.1] says when it is not) and `video` (features of the
object, `(latent frames, video_dim)`) may be left out, and other keys are passed over.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from soundsift.config import SAMPLE_RATE
from soundsift.data.bank import Clip
from soundsift.data.scene import Query, Scene, Source, heard_in
from soundsift.data.scene_config import SceneConfig
from soundsift.data.spans import active_spans, draw_example, draw_spans
from soundsift.errors import SoundsiftError
from soundsift.spans import Span

Samples = NDArray[np.float32]

#: One recording in so many is held out for validation.
_HELD_OUT = 20
#: Shorter parts of spans at the edge of a crop mark nothing.
_SHORTEST_SECONDS = 0.01
#: A target with less than this share of the mixture's energy is not heard.
_AUDIBLE = 1e-3
#: What is known of a triplet's sound as a clip.
_UNKNOWN = Clip(
    source="", path="", licence="", concept="", kind="", groups=(), captions=(), split="train",
    speaker="", shard="", offset=0, samples=0, seconds=0.0, level_db=0.0,
)  # fmt: skip


@dataclass(frozen=True)
class Example:
    """A mixture and what one prompt asks of it.

    Attributes:
        target, residual: mono waves `(samples,)`, whose sum is the mixture.
        text: the phrase; None where there is none.
        spans: when the target is heard.
        video: features of the object `(frames, video_dim)`; None where there are none.
    """

    target: Samples
    residual: Samples
    text: str | None
    spans: tuple[Span, ...]
    video: Samples | None = None


class TripletExamples:
    """Crops of triplets on disk.

    Args:
        file: their JSONL file.
        seed: of the crops.
        held_out: whether to use one recording in 20, or the 19 others.

    Raises:
        SoundsiftError: if the file is missing, damaged or empty.
    """

    def __init__(self, file: Path, seed: int, held_out: bool) -> None:
        self.file, self.seed = file, seed
        try:
            lines = file.read_text().splitlines()
            rows = [json.loads(line) for line in lines if line.strip()]
        except (OSError, ValueError) as error:
            raise SoundsiftError(f"{file}: not a readable JSONL file: {error}.") from error
        missing = [i for i, row in enumerate(rows, 1) if not {"target", "residual"} <= set(row)]
        if missing:
            raise SoundsiftError(f"{file}: line {missing[0]} lacks target or residual. Add both.")
        # Triplets of one recording are trained on together or held out together.
        recordings: dict[str, int] = {}
        numbers = [recordings.setdefault(_recording(row), len(recordings)) for row in rows]
        self.rows: list[dict[str, Any]] = [
            row
            for row, number in zip(rows, numbers, strict=True)
            if (number % _HELD_OUT == 0) == held_out
        ]
        if not self.rows:
            raise SoundsiftError(
                f"{file}: too few triplets; expected those of at least {_HELD_OUT} recordings."
            )

    def example(self, number: int, seconds: float, rate: int) -> Example:
        """Example `number`, so many seconds long, at a rate in Hz.

        Raises:
            SoundsiftError: if a file of it cannot be read.
        """
        rng = np.random.default_rng((self.seed, 5, number))
        row = self.rows[int(rng.integers(len(self.rows)))]
        samples = round(seconds * rate)
        target, start = self._read(row["target"], seconds, rate, samples, rng)
        residual, _ = self._read(row["residual"], seconds, rate, samples, rng, start)
        marks = row.get("spans")
        if marks is None:
            spans = tuple(
                Span(a, b) for a, b in active_spans(target, rate) if b - a > _SHORTEST_SECONDS
            )
        else:
            spans = tuple(
                Span(max(first - start, 0.0), min(last - start, seconds), sign != ["-"])
                for *sign, first, last in marks
                if min(last - start, seconds) - max(first - start, 0.0) > _SHORTEST_SECONDS
            )
        video = row.get("video")
        features = None if video is None else self._features(video, start)
        return Example(target, residual, row.get("phrase"), spans, features)

    def _read(
        self,
        name: str,
        seconds: float,
        rate: int,
        samples: int,
        rng: np.random.Generator,
        start: float | None = None,
    ) -> tuple[Samples, float]:
        """A crop at a rate, and where it starts in seconds: drawn on whole latent frames."""
        from soundsift.audio.resampling import resample  # soxr is not everywhere where one trains

        path = self.file.parent / name
        try:
            with soundfile.SoundFile(path) as sound:
                if start is None:
                    spare = max(0.0, sound.frames / sound.samplerate - seconds)
                    start = float(rng.integers(int(spare * 25) + 1)) / 25
                sound.seek(min(round(start * sound.samplerate), sound.frames))
                needed = round(seconds * sound.samplerate)
                wave = sound.read(needed, dtype="float32", always_2d=True).mean(axis=1)
                own = sound.samplerate
        except (OSError, soundfile.LibsndfileError) as error:
            raise SoundsiftError(f"{path}: cannot be read: {error}.") from error
        wave = resample(wave[None], own, rate)[0][:samples]
        return np.pad(wave, (0, samples - len(wave))), start

    def _features(self, name: str, start: float) -> Samples:
        features: Samples = np.load(self.file.parent / name)[round(start * 25) :]
        return features


def query_of_triplet(
    source: TripletExamples, number: int, seconds: float, law: SceneConfig, rng: np.random.Generator
) -> tuple[Scene, Query]:
    """A crop of a triplet as a scene of two sources, and a query for the first of them.

    Where the crop is without its target, silence is the right answer to the phrase; without a
    phrase, to a mark that says so.

    Args:
        source: the triplets.
        number: of the crop.
        seconds: its length.
        law: how often text and spans are withheld, and spans are an example.
        rng: random numbers.

    Raises:
        SoundsiftError: if a file of the triplet cannot be read.
    """
    drawn = source.example(number, seconds, SAMPLE_RATE)
    scene = Scene((Source(_UNKNOWN, drawn.target), Source(_UNKNOWN, drawn.residual, named=False)))
    energy = float(np.square(drawn.target).sum())
    whole = float(np.square(drawn.target + drawn.residual).sum())
    text = drawn.text if rng.random() >= law.drop_text else None
    with_spans = rng.random() >= law.drop_spans or text is None
    if energy <= _AUDIBLE * whole:
        nowhere = () if drawn.text else (Span(0.0, seconds, False),)
        return scene, Query(drawn.text, nowhere, ())
    example = with_spans and rng.random() < law.p_inline_example
    spans: tuple[Span, ...] = ()
    if with_spans:
        active = heard_in(scene, (0,))
        spans = draw_example(active, rng) if example else draw_spans(active, seconds, rng)
    return scene, Query(text if spans else drawn.text, spans, (0,), example)


def _recording(row: dict[str, Any]) -> str:
    """What tells the recording of a triplet."""
    provenance = row.get("provenance")
    found = provenance.get("recording") if isinstance(provenance, dict) else None
    return str(found or row.get("mixture") or row["target"])
