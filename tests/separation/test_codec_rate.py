"""Stretches of a recording at the codec's rate."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from tests.separation.test_separator import noise, separator

from soundsift.audio import RecordingFile, examine
from soundsift.separation.codec_rate import parts_of
from soundsift.separation.separator import Separator

__all__ = ["separator"]


@pytest.fixture
def recording(tmp_path: Path) -> RecordingFile:
    """Ten seconds, as the codec would have them."""
    path = tmp_path / "noise.wav"
    soundfile.write(path, noise(2, 48_000 * 10).T, 48_000, subtype="FLOAT")
    return examine(path)


def test_stretches_may_overlap_and_end_with_the_recording(
    separator: Separator, recording: RecordingFile
) -> None:
    wanted = [(0, 960), (480, 96_000), (90_000, 200_000), (90_000, 90_001), (479_000, 490_000)]
    wave = recording.normalisation.apply(noise(2, 48_000 * 10))
    found = list(parts_of(separator.networks, recording, wanted))
    assert len(found) == len(wanted)
    for part, (start, end) in zip(found, wanted, strict=True):
        assert np.array_equal(part[0].numpy(), wave[:, start:end])


def test_a_file_is_read_once_and_no_further_than_needed(
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
    list(parts_of(separator.networks, recording, [(48_000, 50_000), (140_000, 150_000)]))
    assert sum(read[:-1]) < 48_000 * 5
    # Opened once, and closed.
    assert read.count(-1) == 1 and read[-1] == -1


def test_at_another_rate_stretches_are_as_long(separator: Separator, tmp_path: Path) -> None:
    path = tmp_path / "noise.flac"
    soundfile.write(path, noise(1, 44_100 * 4).T, 44_100)
    wanted = [(9_600, 57_600), (96_000, 144_000)]
    for part in parts_of(separator.networks, examine(path), wanted):
        assert part.shape == (1, 1, 48_000)
        assert torch.isfinite(part).all() and float(part.std()) == pytest.approx(0.1, rel=0.1)
