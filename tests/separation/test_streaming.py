"""Sound that arrives bit by bit, and files that are never in memory as a whole."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tests.tiny_model import write_tiny_model

import soundsift
from soundsift.audio import read
from soundsift.errors import SoundsiftError
from soundsift.separation.separator import Separator
from soundsift.separation.streaming import StreamConfig


@pytest.fixture(scope="module")
def separator(tmp_path_factory: pytest.TempPathFactory) -> Separator:
    folder = write_tiny_model(tmp_path_factory.mktemp("tiny"))
    return soundsift.load(folder, device="cpu")


def noise(channels: int, samples: int) -> np.ndarray:
    draw = np.random.default_rng(0).standard_normal((channels, samples))
    return (0.1 * draw).astype(np.float32)


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
def test_no_sample_is_later_than_stated(separator: Separator, rate: int) -> None:
    sound, size = noise(2, 8 * rate), rate // 50
    given = done = worst = 0

    def arriving() -> Iterator[np.ndarray]:
        nonlocal given
        for start in range(0, sound.shape[1], size):
            given = start + size
            yield sound[:, start : start + size]

    config = StreamConfig(window=4.0)
    found = []
    for block in separator.stream(arriving(), sample_rate=rate, text="hiss", config=config):
        if given < sound.shape[1]:
            worst = max(worst, given - done)
        found.append(block)
        done += block.shape[1]
    assert np.concatenate(found, axis=1).shape == sound.shape
    stated = separator.stream_delay(rate, config=config)
    assert 0.9 * stated <= worst / rate <= stated <= 2.0


def test_target_and_residual_are_the_input(separator: Separator) -> None:
    sound = (np.round(noise(1, 30_011) * 2**15) / 2**15).astype(np.float32)
    stems = [
        np.concatenate(
            list(
                separator.stream(
                    (sound[:, i : i + 999] for i in range(0, sound.shape[1], 999)),
                    sample_rate=16_000,
                    text="hiss",
                    stem=stem,
                    sample_format="s16",
                )
            ),
            axis=1,
        )
        for stem in ("target", "residual")
    ]
    assert np.array_equal(stems[0] + stems[1], sound)
    assert np.abs(stems[0]).max() > 0


def test_what_cannot_be_streamed(separator: Separator) -> None:
    block = noise(1, 1000)
    assert list(separator.stream([], sample_rate=8000, text="hiss")) == []
    with pytest.raises(SoundsiftError, match="prompt is empty"):
        separator.stream([block], sample_rate=8000)
    with pytest.raises(SoundsiftError, match="'both'"):
        separator.stream([block], sample_rate=8000, text="hiss", stem="both")
    with pytest.raises(SoundsiftError, match="1 channels"):
        list(separator.stream([block, noise(2, 10)], sample_rate=8000, text="hiss"))
    with pytest.raises(SoundsiftError, match="NaN"):
        list(separator.stream([block * np.nan], sample_rate=8000, text="hiss"))
    for loud in (1e30, -1e12):
        with pytest.raises(SoundsiftError, match="where full scale is 1"):
            list(separator.stream([np.full((1, 9), loud)], sample_rate=8000, text="hiss"))


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_files_hold_what_arrays_do(
    separator: Separator, tmp_path: Path, subtype: str, channels: int
) -> None:
    source = tmp_path / "mix.wav"
    soundfile.write(source, noise(channels, 50_001).T, 16_000, subtype=subtype)
    spans = [(0.2, 0.5)]
    saved = separator.separate_file(source, tmp_path / "out", text="hiss", spans=spans)
    whole = separator.separate(source, text="hiss", spans=spans)
    for stem in ("target", "residual"):
        own = read(saved.paths[stem], allow_silence=True)
        assert np.array_equal(own.samples, getattr(whole, stem))
    assert saved.settings == whole.settings
    assert saved.target_level_db == pytest.approx(whole.target_level_db)
    paths = whole.save(tmp_path / "again", "mix")
    assert paths["target"].read_bytes() == saved.paths["target"].read_bytes()


def test_a_stopped_run_leaves_nothing(separator: Separator, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "mix.wav", noise(1, 50_001).T, 16_000)

    def stop(fraction: float) -> None:
        if fraction > 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        separator.separate_file(tmp_path / "mix.wav", tmp_path / "out", text="hiss", progress=stop)
    assert [path.name for path in tmp_path.iterdir()] == ["mix.wav"]
