"""Triplets on disk: crops, what is held out, and their place among scenes of the bank."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from pydantic import ValidationError

from soundsift.errors import SoundsiftError
from soundsift.spans import NEGATIVE, NULL
from soundsift.training.batches import Batches
from soundsift.training.config import TrainingConfig
from soundsift.training.losses import training_loss
from soundsift.training.triplets import TripletExamples

Make = Callable[..., TrainingConfig]
RATE = 48_000


@pytest.fixture
def triplets(tmp_path: Path) -> Path:
    """Twenty triplets whose samples say when they are."""
    rows = []
    for number in range(20):
        ramp = np.arange(16_000) / 16_000
        soundfile.write(tmp_path / f"{number}.wav", ramp, 8000, "FLOAT")
        soundfile.write(tmp_path / f"{number}r.wav", -ramp, 8000, "FLOAT")
        row = {"target": f"{number}.wav", "residual": f"{number}r.wav", "phrase": str(number)}
        rows.append(row | {"spans": [[0.5, 1.5], ["-", 1.8, 2.0]], "filter": 1})
    np.save(tmp_path / "video.npy", np.arange(50, dtype=np.float32)[:, None].repeat(3, 1))
    rows[1]["video"] = "video.npy"
    del rows[2]["spans"]
    file = tmp_path / "triplets.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def test_triplets_are_cropped_together(triplets: Path) -> None:
    source = TripletExamples(triplets, 1, held_out=False)
    texts = set()
    for number in range(60):
        example = source.example(number, 0.6, 8000)
        texts.add(example.text)
        np.testing.assert_allclose(example.target, -example.residual)
        start = float(example.target[0]) * 2  # seconds, from the ramp
        assert start * 25 == pytest.approx(round(start * 25), abs=1e-3)
        if example.text == "1":
            assert example.video is not None
            assert float(example.video[0, 0]) == pytest.approx(start * 25, abs=1e-3)
        if example.text not in ("2",):
            for span in example.spans:
                edges = (0.5, 1.5) if span.positive else (1.8, 2.0)
                assert span.start == pytest.approx(max(edges[0] - start, 0), abs=1e-3)
                assert span.end == pytest.approx(min(edges[1] - start, 0.6), abs=1e-3)
    assert texts == {str(number) for number in range(1, 20)}
    (held_out,) = TripletExamples(triplets, 1, held_out=True).rows
    assert held_out["phrase"] == "0"


def test_faults_in_triplets_are_told(tmp_path: Path) -> None:
    file = tmp_path / "t.jsonl"
    with pytest.raises(SoundsiftError, match="not a readable JSONL file"):
        TripletExamples(file, 1, False)
    file.write_text('{"target": "a.wav"}\n')
    with pytest.raises(SoundsiftError, match="line 1 lacks target or residual"):
        TripletExamples(file, 1, False)
    file.write_text('{"target": "a.wav", "residual": "b.wav"}\n')
    with pytest.raises(SoundsiftError, match="at least 20 recordings"):
        TripletExamples(file, 1, False)
    rows = [{"mixture": f"{i}.wav", "target": "a.wav", "residual": "b.wav"} for i in range(2)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(SoundsiftError, match=r"a\.wav: cannot be read"):
        TripletExamples(file, 1, False).example(0, 1.0, 8000)


def test_triplets_of_a_recording_are_held_out_together(triplets: Path) -> None:
    rows = [json.loads(line) for line in triplets.read_text().splitlines()]
    for number, row in enumerate(rows):
        row["provenance"] = {"recording": f"song {number // 4}"}
    triplets.write_text("".join(json.dumps(row) + "\n" for row in rows))
    held_out = TripletExamples(triplets, 1, held_out=True).rows
    assert {row["provenance"]["recording"] for row in held_out} == {"song 0"}
    assert len(TripletExamples(triplets, 1, held_out=False).rows) == 16


@pytest.fixture
def tones(tmp_path: Path) -> Path:
    """Triplets of 2 s: a tone in the first second, over noise."""
    rng = np.random.default_rng(0)
    wave = np.sin(2 * np.pi * 500 * np.arange(2 * RATE) / RATE) * 0.2
    wave[RATE:] = 0
    rows = []
    for number in range(3):
        soundfile.write(tmp_path / f"{number}t.wav", wave, RATE, "FLOAT")
        noise = rng.normal(0, 0.02, 2 * RATE)
        soundfile.write(tmp_path / f"{number}r.wav", noise, RATE, "FLOAT")
        rows.append({"target": f"{number}t.wav", "residual": f"{number}r.wav", "phrase": "a tone"})
    file = tmp_path / "tones.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def test_triplets_take_the_place_of_scenes(make_config: Make, tones: Path) -> None:
    plain = make_config()
    mixed = make_config(triplets={tones: 0.4})
    batches, before = Batches(mixed, "train"), Batches(plain, "train")
    known = []
    for number in range(20):
        batch, scenes = batches[number], before[number]
        assert batch.sounds_known is not None
        known += batch.sounds_known.tolist()
        for row, is_scene in enumerate(batch.sounds_known.tolist()):
            if is_scene:  # the scenes that remain are the same
                assert batch.phrases[row] == scenes.phrases[row]
                assert torch.equal(batch.latents[row], scenes.latents[row])
            else:
                assert batch.phrases[row] in ("a tone", None)
                assert batch.phrases[row] or bool((batch.anchors[row] != NULL).any())
    assert 0.45 < np.mean(known) < 0.75
    again = Batches(mixed, "train")[7]
    assert torch.equal(again.latents, batches[7].latents)


def test_processes_share_batches_with_triplets(make_config: Make, tones: Path) -> None:
    config = make_config(triplets={tones: 0.5})
    whole = Batches(config, "train")[2]
    parts = [Batches(config, "train", rank, 2)[2] for rank in range(2)]
    assert sorted(map(str, whole.phrases)) == sorted(str(t) for p in parts for t in p.phrases)


def test_a_crop_without_the_target_is_to_be_silent(make_config: Make, tones: Path) -> None:
    config = make_config(
        triplets={tones: 1.0},
        scenes={"drop_text": 0.5, "drop_spans": 0.5},
        batch={"seconds": (0.4,), "frames": 100, "queries": 2},
    )
    batches = Batches(config, "train")
    drawn = [batches[number] for number in range(6)]
    absent = ~torch.cat([batch.present for batch in drawn])
    assert 0.2 < absent.float().mean() < 0.7
    for batch in drawn:
        for row, there in enumerate(batch.present.tolist()):
            assert there == (float(batch.target_energy[row]) > 1e-3)
            if not there:
                assert batch.phrases[row] == "a tone"
    rows = tones.read_text().replace('"phrase": "a tone"', '"other": 1')
    tones.write_text(rows)
    batch = Batches(config, "train")[0]
    assert batch.phrases == [None] * len(batch.phrases)
    for row, there in enumerate(batch.present.tolist()):
        assert there or set(batch.anchors[row].tolist()) == {NEGATIVE}


def test_unknown_sounds_are_left_out_of_the_alignment(make_config: Make, tones: Path) -> None:
    config = make_config(triplets={tones: 1.0})
    batches = Batches(config, "train")
    batch = batches[0]
    assert batch.sounds is not None
    tags = torch.zeros(batch.sounds.shape)
    losses = training_loss(batches.codec, batch.latents, batch, config.loss, tags)
    assert losses.alignment == 0


def test_probabilities_are_checked(make_config: Make, tones: Path) -> None:
    with pytest.raises(ValidationError, match="numbers above 0 that sum to 1"):
        make_config(triplets={tones: 1.2})
