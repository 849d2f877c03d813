"""Make a listening test from the results of several systems."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import av
import numpy as np
import soundfile
from pydantic import BaseModel, ConfigDict, Field

from soundsift.audio import read, resample
from soundsift.audio.containers import open_media
from soundsift.audio.limits import RecordingLimits
from soundsift.audio.tracks import moving_pictures
from soundsift.audio.video import has_picture
from soundsift.config import SAMPLE_RATE
from soundsift.errors import SoundsiftError, one_line
from soundsift.evaluation.listening_test.degradation import degrade
from soundsift.evaluation.listening_test.design import (
    BETTER,
    WORSE,
    Stimulus,
    TestItem,
    TestSettings,
)
from soundsift.evaluation.listening_test.folder import (
    DESCRIPTION,
    MEDIA,
    Description,
    write_description,
)
from soundsift.evaluation.listening_test.loudness import apply_gain, match_loudness
from soundsift.evaluation.listening_test.results import Item, collect_items, read_lines
from soundsift.fingerprint import file_digest

#: An output may be longer or shorter than its mixture by so much; it is cut or padded.
_OFF_SECONDS = 0.25
#: Two systems' copies of one mixture may differ by so much, by rounding.
_SAME = 2e-3
#: Listeners' browsers hold three such sounds in memory.
_LIMITS = RecordingLimits(channels=2, seconds=600.0)
#: Codecs of WebM, by FFmpeg's names; others are copied into MP4.
_WEBM = {"vp8", "vp9", "av1", "libdav1d", "libvpx", "libvpx-vp9"}
#: Gold items that are made if none are given.
_MADE_GOLD = 8


class GoldRow(BaseModel):
    """A line of a file of gold items.

    Attributes:
        id: name of the item.
        mixture: audio or video file; paths are relative to the folder of the file.
        prompt: the sound that was asked for.
        better: output that every careful listener prefers and rates higher.
        worse: the other output.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(min_length=1)
    mixture: Path
    prompt: str = Field(min_length=1)
    better: Path
    worse: Path


def make_test(
    sources: Sequence[tuple[str | None, Path]],
    out: Path,
    settings: TestSettings | None = None,
    gold: Path | None = None,
    items: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> list[str]:
    """Make a test in a new folder.

    Args:
        sources: results files, each with a name for its system or None; see `collect_items`.
        out: the folder; new or empty.
        settings: settings of the test; the usual ones by default.
        gold: JSONL file of `GoldRow`; by default outputs of the results are degraded.
        items: take so many of the items, drawn by the seed.
        progress: called with the fraction done.

    Returns:
        Ids of items that are left out because fewer than two systems have an output for them.

    Raises:
        SoundsiftError: the results, the sounds or the gold items can't be used, or the folder can't
            be written.
    """
    settings = settings or TestSettings()
    found, left_out = collect_items(sources)
    rng = np.random.default_rng(settings.seed)
    if items is not None and items < len(found):
        kept = sorted(rng.permutation(len(found))[:items].tolist())
        found = [found[number] for number in kept]
    given = None if gold is None else _read_gold(gold)
    _check_new(out)
    tell = progress or (lambda _fraction: None)
    try:
        (out / MEDIA).mkdir(parents=True)
        media = _Media(out / MEDIA)
        made, golden = [], []
        steps = len(found) + (len(given) if given else min(_MADE_GOLD, len(found)))
        for number, item in enumerate(found):
            tell(number / steps)
            made.append(_make_item(item, media))
        for number, source in enumerate(given or _spread(found)):
            tell((len(found) + number) / steps)
            golden.append(
                _make_item(source, media) if given else _make_gold(source, number, media, rng)
            )
        usable = tuple(item for item in golden if item is not None)
        if (settings.gold or settings.training) and not usable:
            raise SoundsiftError(
                "No gold item can be made: all outputs are silent. Give gold items with --gold, or "
                "use --gold-items 0 --training 0."
            )
        for path in (out / MEDIA).iterdir():
            # The times would tell in which order the systems were written.
            os.utime(path, (0, 0))
        write_description(out, Description(settings=settings, items=tuple(made), gold=usable))
        tell(1.0)
    except OSError as error:
        _remove(out)
        raise SoundsiftError(
            f"{out} can't be written ({error.strerror or error}). Choose another folder, or free "
            "some space."
        ) from error
    except BaseException:
        _remove(out)
        raise
    return left_out


class _Media:
    """The folder of sounds and pictures; file names say nothing about what is in them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._videos: dict[Path, str] = {}

    def sound(self, samples: np.ndarray, gain_db: float, loudness: float | None) -> Stimulus:
        name = f"{secrets.token_hex(8)}.flac"
        data = apply_gain(samples, gain_db).T
        soundfile.write(self._folder / name, data, SAMPLE_RATE, "PCM_24")
        rounded = None if loudness is None else round(loudness, 2)
        return Stimulus(file=name, gain_db=round(gain_db, 2), loudness=rounded)

    def video(self, source: Path) -> str:
        """Copy the picture of a video without its sound and tags."""
        if source not in self._videos:
            self._videos[source] = _copy_picture(source, self._folder)
        return self._videos[source]


def _make_item(item: Item, media: _Media) -> TestItem:
    sounds = {"": _read(item.mixture, None)}
    count = sounds[""].shape[1]
    for other in sorted(item.mixtures - {item.mixture}):
        if not _same_sound(item.mixture, other, sounds[""]):
            raise SoundsiftError(
                f"{other} differs from {item.mixture}, but both are the mixture of item "
                f"{item.id!r}. Compare results of the same mixtures."
            )
    for system, path in item.outputs.items():
        sounds[system] = _read(path, count)
    return _match(item, sounds, media)


def _make_gold(item: Item, number: int, media: _Media, rng: np.random.Generator) -> TestItem | None:
    """A gold item of one output and the same output degraded; None if the outputs are silent."""
    mixture = _read(item.mixture, None)
    systems = sorted(item.outputs)
    for system in systems[number % len(systems) :] + systems[: number % len(systems)]:
        better = _read(item.outputs[system], mixture.shape[1])
        if np.abs(better).max() > 1e-3:
            worse = degrade(better, SAMPLE_RATE, rng)
            source = Item(f"gold-{number + 1}", item.prompt, item.mixture, item.video)
            return _match(source, {"": mixture, BETTER: better, WORSE: worse}, media)
    return None


def _match(item: Item, sounds: dict[str, np.ndarray], media: _Media) -> TestItem:
    try:
        matched = match_loudness(list(sounds.values()), SAMPLE_RATE)
    except ValueError as error:
        raise SoundsiftError(
            f"{item.mixture}: the mixture is silent (no louder than -70 LUFS). Leave item "
            f"{item.id!r} out."
        ) from error
    stimuli = {
        system: media.sound(sound, gain, loudness)
        for (system, sound), gain, loudness in zip(
            sounds.items(), matched.gains_db, matched.loudness, strict=True
        )
    }
    picture = item.video or (item.mixture if has_picture(item.mixture) else None)
    return TestItem(
        id=item.id,
        prompt=item.prompt,
        seconds=sounds[""].shape[1] / SAMPLE_RATE,
        mixture=stimuli.pop(""),
        video=None if picture is None else media.video(picture),
        outputs=stimuli,
        scores={system: item.scores.get(system, {}) for system in stimuli},
    )


def _read(path: Path, count: int | None) -> np.ndarray:
    """Sound at `SAMPLE_RATE`, with the mixture's number of samples if that is given."""
    recording = read(path, limits=_LIMITS, allow_silence=count is not None)
    samples = resample(recording.samples, recording.sample_rate, SAMPLE_RATE)
    if count is None:
        return samples
    if abs(samples.shape[1] - count) > _OFF_SECONDS * SAMPLE_RATE:
        raise SoundsiftError(
            f"{path} is {samples.shape[1] / SAMPLE_RATE:.2f} s long, but its mixture "
            f"{count / SAMPLE_RATE:.2f} s. Give outputs of the whole mixture."
        )
    samples = samples[:, :count]
    return np.pad(samples, ((0, 0), (0, count - samples.shape[1])))


def _same_sound(one: Path, other: Path, samples: np.ndarray) -> bool:
    """Whether another file holds the sound of the first, but for rounding."""
    if file_digest(one) == file_digest(other):
        return True
    found = read(other, limits=_LIMITS)
    others = resample(found.samples, found.sample_rate, SAMPLE_RATE)
    return others.shape == samples.shape and bool(np.abs(others - samples).max() <= _SAME)


def _copy_picture(source: Path, folder: Path) -> str:
    try:
        with open_media(source) as old:
            picture = moving_pictures(old)[0]
            suffix = ".webm" if picture.codec_context.name in _WEBM else ".mp4"
            name = f"{secrets.token_hex(8)}{suffix}"
            with av.open(str(folder / name), "w") as new:
                copy = new.add_stream_from_template(picture, opaque=True)
                for packet in old.demux(picture):
                    if packet.size:
                        packet.stream = copy
                        new.mux(packet)
    except (av.FFmpegError, ValueError, IndexError) as error:
        raise SoundsiftError(
            f"The picture of {source} can't be copied ({one_line(error)}). Convert it to MP4 with "
            "H.264, or to WebM."
        ) from error
    return name


def _read_gold(path: Path) -> list[Item]:
    items = []
    for row in read_lines(path, GoldRow):
        outputs = {BETTER: path.parent / row.better, WORSE: path.parent / row.worse}
        items.append(Item(row.id, row.prompt, path.parent / row.mixture, None, outputs))
    if not items:
        raise SoundsiftError(f"{path} is empty. Give at least one gold item.")
    if len({item.id for item in items}) < len(items):
        raise SoundsiftError(f"{path}: two gold items have the same id. Give each its own.")
    return items


def _spread(items: Sequence[Item]) -> list[Item]:
    """Items to make gold items of, evenly from the whole list."""
    places = np.linspace(0, len(items) - 1, min(_MADE_GOLD, len(items))).round().astype(int)
    return [items[place] for place in places]


def _remove(out: Path) -> None:
    shutil.rmtree(out / MEDIA, ignore_errors=True)
    with suppress(OSError):
        out.rmdir()


def _check_new(out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        what = "holds a listening test" if (out / DESCRIPTION).exists() else "is not empty"
        raise SoundsiftError(f"{out} {what}. Name a new folder (--out).")
