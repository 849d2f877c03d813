"""Stretches of a recording at the codec's rate."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from tests.signals import noise

from soundsift.audio import RecordingFile, examine
from soundsift.separation.codec_input import read_stretch
from soundsift.separation.separator import Separator


@pytest.fixture
def recording(tmp_path: Path) -> RecordingFile:
    """Ten seconds, as the codec would have them."""
    path = tmp_path / "noise.wav"
    soundfile.write(path, noise(2, 48_000 * 10).T, 48_000, subtype="FLOAT")
    return examine(path)


@pytest.mark.parametrize(("start", "end"), [(0, 1), (3, 50), (47, 260), (249, 250), (249, 300)])
def test_a_stretch_equals_the_samples(
    separator: Separator, recording: RecordingFile, start: int, end: int
) -> None:
    wave = recording.normalisation.apply(noise(2, 48_000 * 10))
    found = read_stretch(separator.model, recording, start, end)
    assert np.array_equal(found[0].numpy(), wave[:, start * 1920 : end * 1920])


def test_a_file_is_read_no_further_than_needed(
    separator: Separator, recording: RecordingFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    blocks = RecordingFile.blocks

    def counted(self: RecordingFile) -> Iterator[Any]:
        source = blocks(self)
        try:
            for block in source:
                read.append(block.shape[1])
                yield block
        finally:
            source.close()
            read.append(-1)

    monkeypatch.setattr(RecordingFile, "blocks", counted)
    read_stretch(separator.model, recording, 25, 75)
    assert sum(read[:-1]) < 48_000 * 5
    # Opened once, and closed.
    assert read.count(-1) == 1 and read[-1] == -1


@pytest.mark.parametrize("rate", [8000, 44_100])
def test_other_rates_are_resampled(separator: Separator, tmp_path: Path, rate: int) -> None:
    path = tmp_path / "tone.wav"
    tone = np.sin(2 * np.pi * 440 * np.arange(rate * 4) / rate).astype(np.float32)
    soundfile.write(path, tone, rate, subtype="FLOAT")
    found = read_stretch(separator.model, examine(path), 25, 50)
    expected = np.sin(2 * np.pi * 440 * (48_000 + np.arange(48_000)) / 48_000)
    assert found.shape == (1, 1, 48_000)
    np.testing.assert_allclose(found[0, 0, 2000:-2000], expected[2000:-2000], atol=1e-2)
