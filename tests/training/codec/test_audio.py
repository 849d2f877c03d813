"""Crops: the same whoever draws them, apart from those held out, from banks and folders."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from soundsift.errors import SoundsiftError
from soundsift.training.codec.audio import Crops
from soundsift.training.codec.config import CodecTrainingConfig

Make = Callable[..., CodecTrainingConfig]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files of constant levels, by which they are known."""
    (tmp_path / "deep").mkdir()
    for number in range(21):
        wave = np.full((8000, 2), 0.1 + number / 100)
        soundfile.write(tmp_path / "deep" / f"{number:02}.wav", wave, 8000, "FLOAT")
    (tmp_path / "notes.txt").write_text("no sound")
    return tmp_path


@pytest.mark.parametrize("source", ["toy", "bank", "folder"])
def test_processes_share_a_batch(
    make_codec_config: Make, source: str, bank_folder: Path, folder: Path
) -> None:
    places = {"toy": True, "bank": bank_folder, "folder": folder}
    config = make_codec_config(audio=[{source: places[source]}])
    whole = Crops(config)[3]
    parts = [Crops(config, rank=rank, world=2)[3] for rank in (0, 1)]
    assert whole.shape == (4, 1, config.samples)
    assert torch.equal(whole[0::2], parts[0])
    assert torch.equal(whole[1::2], parts[1])
    assert not torch.equal(whole, Crops(config)[4])
    peaks = whole.abs().amax(dim=-1)
    assert bool(((peaks > 10 ** (-24.1 / 20)) & (peaks < 1)).all())


def test_held_out_files_are_not_trained_on(make_codec_config: Make, folder: Path) -> None:
    config = make_codec_config(audio=[{"folder": folder}])
    names = {"held": {"00.wav", "20.wav"}}
    names["trained"] = {f"{n:02}.wav" for n in range(21)} - names["held"]
    for kind, held_out in (("held", True), ("trained", False)):
        (source,) = Crops(config, held_out=held_out).sources
        assert {file.name for file in source.files} == names[kind]


def test_what_cannot_be_used_is_said(make_codec_config: Make, tmp_path: Path) -> None:
    with pytest.raises(SoundsiftError, match="no files to train on"):
        Crops(make_codec_config(audio=[{"folder": tmp_path}]))
    with pytest.raises(SoundsiftError, match="multiple of 3"):
        Crops(make_codec_config(), world=3)
    with pytest.raises(ValueError, match="one of bank, folder and toy"):
        make_codec_config(audio=[{"toy": True, "folder": tmp_path}])
    for _ in range(2):
        (tmp_path / "broken.wav").write_bytes(b"RIFF....")
        (tmp_path / "too.wav").write_bytes(b"RIFF....")
    with pytest.raises(SoundsiftError, match=r"\.wav: cannot be read"):
        Crops(make_codec_config(audio=[{"folder": tmp_path}]))[0]
