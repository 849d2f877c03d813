"""A bank in shards of Ogg Opus: what is chosen, and that it can be opened."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from tests.data.made_bank import write_bank

from soundsift.config import SAMPLE_RATE
from soundsift.data import packing
from soundsift.data.bank import Bank
from soundsift.data.packing import PACKED_SPLITS, encode, pack
from soundsift.errors import SoundsiftError

SECONDS = {"dog": 1.0, "cow": 2.0, "rain": 30.0}


@pytest.fixture
def bank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Per concept six clips for training and one of every other split."""
    monkeypatch.setattr(packing, "ProcessPoolExecutor", ThreadPoolExecutor)
    splits = ("train",) * 6 + ("validation", "test", "stranger-validation", "stranger-test")
    return write_bank(tmp_path / "bank", SECONDS, splits)


def test_everything_fits_and_sounds_as_before(bank: Path, tmp_path: Path) -> None:
    clips, shards = pack(bank, tmp_path / "out", shard_megabytes=1)
    packed = Bank(tmp_path / "out", (*PACKED_SPLITS, "test", "stranger-test"))
    assert clips == len(packed.clips) == 3 * 8
    files = sorted((tmp_path / "out" / "clips").iterdir())
    assert shards == len(files) >= 2
    assert all(file.stat().st_size <= 1e6 for file in files)
    assert Counter(c.split for c in packed.clips) == {
        "train": 18, "validation": 3, "stranger-validation": 3,
    }  # fmt: skip
    whole = {(c.source, c.path): c for c in Bank(bank, PACKED_SPLITS).clips}
    before = Bank(bank, ())
    for clip in packed.clips:
        original = whole[clip.source, clip.path]
        assert clip.captions == original.captions
        assert clip.seconds == pytest.approx(min(original.seconds, 20.0))
        wave = packed.audio(clip)
        expected = before.audio(original)[: len(wave)]
        assert len(wave) == clip.samples
        assert 10 * np.log10(np.mean((wave - expected) ** 2) / np.mean(expected**2)) < -12


def test_a_piece_of_a_clip_is_that_piece(bank: Path, tmp_path: Path) -> None:
    pack(bank, tmp_path / "out")
    packed = Bank(tmp_path / "out")
    clip = packed.clips[0]
    whole = packed.audio(clip)
    assert np.array_equal(packed.audio(clip, 1000, 500), whole[1000:1500])
    assert np.array_equal(packed.audio(clip, clip.samples - 10, 99), whole[-10:])
    assert packed.audio(clip).dtype == np.float32


def test_little_space_goes_to_every_concept(bank: Path, tmp_path: Path) -> None:
    # Six clips of validation, and about two of each concept: rain takes most of it.
    pack(bank, tmp_path / "out", megabytes=0.9)
    counts = Counter(c.concept for c in Bank(tmp_path / "out").clips)
    assert counts.keys() == SECONDS.keys()
    assert max(counts.values()) - min(counts.values()) <= 1
    assert sum(counts.values()) < 18


def test_no_space_for_every_concept_is_an_error(bank: Path, tmp_path: Path) -> None:
    with pytest.raises(SoundsiftError, match=r"each of 3 concepts. Allow at least"):
        pack(bank, tmp_path / "out", megabytes=0.3)


def test_decoded_clips_do_not_fill_the_memory(
    bank: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack(bank, tmp_path / "out")
    monkeypatch.setattr("soundsift.data.bank._DECODED_BYTES", 3 * 2 * SAMPLE_RATE)
    packed = Bank(tmp_path / "out")
    short = [clip for clip in packed.clips if clip.concept == "dog"]
    for clip in short:
        packed.audio(clip)
    assert sum(w.nbytes for w in packed._decoded.values()) <= 3 * 2 * SAMPLE_RATE
    assert len(packed._decoded) == 3


def test_encoding_keeps_the_length_and_costs_what_is_reckoned() -> None:
    wave = np.random.default_rng(0).normal(0, 0.1, 5 * SAMPLE_RATE).astype(np.float32)
    assert len(encode(wave)) < 5 * packing._BYTES_PER_KILOBIT * packing.KILOBITS * 1.25


def test_smaller_clips_make_room_for_more(bank: Path, tmp_path: Path) -> None:
    counts = {}
    for name, settings in {"plain": {}, "small": {"longest_seconds": 3.0, "kilobits": 32}}.items():
        counts[name], _ = pack(bank, tmp_path / name, megabytes=0.9, **settings)
    assert counts["small"] > counts["plain"]
    clips = Bank(tmp_path / "small", PACKED_SPLITS).clips
    assert max(clip.seconds for clip in clips) == 3.0
    packed = Bank(tmp_path / "small")
    assert all(len(packed.audio(clip)) == clip.samples for clip in packed.clips)


def test_held_out_clips_can_be_few_and_sources_left_out(bank: Path, tmp_path: Path) -> None:
    pack(bank, tmp_path / "few", held_out=0)
    assert {c.split for c in Bank(tmp_path / "few", PACKED_SPLITS).clips} == {"train"}
    assert pack(bank, tmp_path / "none", without={"made"}) == (0, 0)
