"""Ten-minute podcasts (`soundsift.evaluation.podcasts`) as a suite for any system."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from soundsift.config import SAMPLE_RATE
from soundsift.evaluation.item import Ask, Figure, Item, Outputs, Samples, Scored, Scores, Suite
from soundsift.evaluation.metrics import preference, si_sdr_improvement
from soundsift.evaluation.podcasts import PODCASTS, VOICES, Podcasts
from soundsift.evaluation.summary import score_figures
from soundsift.fingerprint import file_digest

NAME = "podcasts"
NAMES = ("si_sdr_i", "event_softer", "event_si_sdr_i", "voice_selectivity", "music_si_sdr_i")
#: An event counts as taken out if so much less of it stays, in dB.
SOFTER_DB = 6.0


def open_suite(bank: Path) -> Suite:
    """Podcasts of clips that nothing was trained on.

    Args:
        bank: folder of the sound bank.

    Raises:
        SoundsiftError: the bank is not there, or lacks clips.
    """
    drawn = Podcasts(bank)
    by_id = {f"{number:04d}": number for number in range(PODCASTS)}

    def load(item_id: str) -> Item:
        podcast = drawn.podcast(by_id[item_id])
        (man, woman), events = podcast.voices, podcast.events
        names = [f"event-{i}" for i in range(len(events))]
        return Item(
            id=item_id,
            mixture=podcast.mixture,
            sample_rate=SAMPLE_RATE,
            asks=(
                Ask("target", "speech"),
                Ask("man", VOICES[0]),
                Ask("woman", VOICES[1]),
                Ask("music", "music"),
                *(Ask(name, event.text) for name, event in zip(names, events, strict=True)),
            ),
            references={
                "target": (man + woman)[None],
                "man": man[None],
                "woman": woman[None],
                "music": podcast.music[None],
                **{name: event.wave[None] for name, event in zip(names, events, strict=True)},
            },
            speech=True,
            extra={"times": {name: event.times for name, event in zip(names, events, strict=True)}},
        )

    return Suite(
        NAME,
        tuple(by_id),
        load,
        score,
        summarise,
        {"bank": file_digest(bank / "manifest.jsonl")},
        headline=NAMES,
    )


def score(item: Item, outputs: Outputs) -> Scores:
    """Scores of what was asked.

    Returns:
        `si_sdr_i`, improvement of the speech; `event_softer`, the share of the events of which at
        least `SOFTER_DB` less stays in the residual; `event_si_sdr_i` and `music_si_sdr_i`,
        improvements; `voice_selectivity`, SI-SDR of a voice's output against that voice minus
        against the other, mean of both.
    """
    mixture = item.mixture[0]

    def improvement(name: str) -> float:
        return si_sdr_improvement(outputs[name][0], item.references[name][0], mixture)

    scores: Scores = {"si_sdr_i": improvement("target")}
    if "music" in outputs:
        scores["music_si_sdr_i"] = improvement("music")
    voices = [pair for pair in (("man", "woman"), ("woman", "man")) if pair[0] in outputs]
    if voices:
        selectivity = [
            preference(outputs[own][0], item.references[own][0], item.references[other][0])
            for own, other in voices
        ]
        scores["voice_selectivity"] = float(np.mean(selectivity))
    events = [name for name in item.extra["times"] if name in outputs]
    if events:
        scores["event_si_sdr_i"] = float(np.mean([improvement(name) for name in events]))
        left = [
            share
            for name in events
            for share in _left(
                outputs[name][0], item.references[name][0], item.extra["times"][name]
            )
        ]
        scores["event_softer"] = float(np.mean(np.array(left) <= 10 ** (-SOFTER_DB / 20)))
    return scores


def summarise(rows: Sequence[Scored]) -> dict[str, Figure]:
    """Means over all podcasts."""
    return score_figures(rows, NAMES)


def _left(output: Samples, event: Samples, times: Sequence[tuple[float, float]]) -> list[float]:
    """Which part of each occurrence's amplitude stays outside the output.

    An output that has it too loud leaves a part of it in the residual, too, upside down.
    """
    found = []
    for start, end in times:
        part = slice(round(start * SAMPLE_RATE), round(end * SAMPLE_RATE))
        wanted = event[part].astype(np.float64)
        found.append(abs(1.0 - float(np.dot(output[part], wanted)) / float(np.dot(wanted, wanted))))
    return found
