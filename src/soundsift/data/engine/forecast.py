"""A dry run of pseudo-labels: what all recordings would take and give, from a few of them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from soundsift.audio import examine
from soundsift.data.engine.config import EngineConfig
from soundsift.data.engine.excerpts import excerpt_starts, excerpts
from soundsift.data.engine.filters import yields
from soundsift.data.engine.labelling import Labeller
from soundsift.errors import SoundsiftError, one_line


@dataclass(frozen=True)
class EngineForecast:
    """What a dry run found.

    Attributes:
        recordings: number of recordings.
        tried: recordings of which an excerpt was labelled.
        failed: of these, how many failed.
        error: why the first of them failed; None if none did.
        sound_seconds: duration of all recordings, if the others are as long.
        excerpts: number of all excerpts.
        candidates: separations that these would give.
        triplets: of these, how many would pass.
        filters: their yield, of the excerpts that were tried.
        seconds: time that all take in this process, loading of the models left out.
        result_bytes: size of all results.
    """

    recordings: int
    tried: int
    failed: int
    error: str | None
    sound_seconds: float
    excerpts: int
    candidates: int
    triplets: int
    filters: dict[str, dict[str, Any]]
    seconds: float
    result_bytes: int


def forecast(
    recordings: Sequence[Path], config: EngineConfig, tried: int = 5, *, device: str | None = None
) -> EngineForecast:
    """Label an excerpt of a few recordings, and say what all would take and give.

    Nothing is written. The recordings are evenly spaced, and the excerpts are from their middle.

    Args:
        recordings: audio and video files.
        config: the run.
        tried: recordings to try, at most.
        device: as for `pseudo_label`.

    Raises:
        SoundsiftError: there are no recordings, or a model is not there.
    """
    count = len(recordings)
    if not count:
        raise SoundsiftError("There are no recordings. Check the folder.")
    number = min(tried, count)
    errors: list[str] = []
    lines: list[dict[str, Any]] = []
    #: Sums over the recordings that were tried, as if each had been labelled as a whole.
    sound = parts = candidates = triplets = seconds = size = 0.0
    labeller = Labeller(config, device)
    with closing(labeller):
        labeller.load()
        for i in range(number):
            recording = recordings[round((i + 0.5) * count / number - 0.5)]
            try:
                file = examine(recording)
                own = len(excerpt_starts(file.length, file.sample_rate, config))
                begun = time.monotonic()
                found = excerpts(recording, config, lambda _: False)
                excerpt = next(islice(found, own // 2, None))
            except (SoundsiftError, OSError) as error:
                errors.append(one_line(error, 400))
                continue
            read = time.monotonic()
            answer = labeller.whole(excerpt)
            if answer.error is not None:
                errors.append(f"{recording}: {answer.error}")
                continue
            lines.append(answer.line)
            sound += file.duration
            parts += own
            seconds += read - begun + (time.monotonic() - read) * own
            candidates += len(answer.line["candidates"]) * own
            triplets += len(answer.line["triplets"]) * own
            size += sum(map(len, answer.files.values())) * own
    share = count / number
    return EngineForecast(
        count,
        number,
        len(errors),
        errors[0] if errors else None,
        round(sound * share, 1),
        round(parts * share),
        round(candidates * share),
        round(triplets * share),
        yields(config, [one for line in lines for one in line["candidates"]]),
        round(seconds * share, 1),
        round(size * share),
    )
