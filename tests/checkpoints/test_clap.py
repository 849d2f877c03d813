import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.released import write_clap

from soundsift.checkpoints.clap import Clap
from soundsift.errors import SoundsiftError

SECOND = 48_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny CLAP with random weights, which hears one second instead of ten."""
    folder = tmp_path_factory.mktemp("rankers") / "clap"
    write_clap(folder)
    return folder


@pytest.fixture(scope="module")
def clap(folder: Path) -> Clap:
    return Clap(folder)


@pytest.fixture(scope="module")
def waves() -> torch.Tensor:
    return 0.3 * torch.randn(2, SECOND, generator=torch.Generator().manual_seed(1))


def test_similarity_is_that_of_transformers(clap: Clap, folder: Path, waves: torch.Tensor) -> None:
    from transformers import ClapFeatureExtractor, ClapModel

    model = ClapModel.from_pretrained(folder).eval()
    features = ClapFeatureExtractor.from_pretrained(folder)(
        list(waves.numpy()), sampling_rate=SECOND, return_tensors="pt"
    )
    with torch.no_grad():
        out = model(input_ids=torch.tensor([[1, 7, 44, 1]]), **features)
    ours = clap.similarity(waves, "w7 w44")
    theirs = out.logits_per_audio[:, 0] / model.logit_scale_a.exp()
    torch.testing.assert_close(ours, theirs, atol=2e-3, rtol=0)  # theirs without 16-bit steps
    assert ours.shape == (2,) and clap.sample_rate == SECOND


def test_each_item_has_its_phrase(clap: Clap, waves: torch.Tensor) -> None:
    together = clap.similarity(waves, ["w7 w44", "w99"])
    apart = [clap.similarity(waves[:1], "w7 w44"), clap.similarity(waves[1:], "w99")]
    torch.testing.assert_close(together, torch.cat(apart))
    assert (together.abs() <= 1).all()
    assert float((clap.embed_text("w99") - clap.embed_text("w7 w44")).abs().max()) > 1e-3


def test_long_sounds_are_heard_whole_and_alike_each_time(clap: Clap, waves: torch.Tensor) -> None:
    first, second = waves
    long = torch.cat((first, second, first))[None]
    assert torch.equal(clap.similarity(long, "w7"), clap.similarity(long, "w7"))
    parts = torch.stack([clap.embed_audio(wave) for wave in (first, second, first)])
    expected = torch.nn.functional.normalize(parts.mean(dim=0), dim=0)
    torch.testing.assert_close(clap.embed_audio(long[0]), expected, atol=1e-5, rtol=1e-4)
    # A window and a half: two of them, and the end counts.
    half = torch.cat((first, second[: SECOND // 2]))
    parts = torch.stack([clap.embed_audio(part) for part in (half[:SECOND], half[-SECOND:])])
    expected = torch.nn.functional.normalize(parts.mean(dim=0), dim=0)
    torch.testing.assert_close(clap.embed_audio(half), expected, atol=1e-5, rtol=1e-4)
    assert not torch.equal(clap.embed_audio(half), clap.embed_audio(first))


def test_short_sounds_are_repeated(clap: Clap, waves: torch.Tensor) -> None:
    short = waves[0, : SECOND // 4]
    torch.testing.assert_close(
        clap.embed_audio(short), clap.embed_audio(short.repeat(4)), atol=1e-5, rtol=1e-4
    )


def test_what_is_wrong_is_named(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = load_file(tmp_path / "model.safetensors")
    del weights["logit_scale_a"]
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(SoundsiftError, match="no logit_scale_a"):
        Clap(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps([]))
    with pytest.raises(SoundsiftError, match=r"no usable preprocessor_config\.json"):
        Clap(tmp_path)
    with pytest.raises(SoundsiftError, match="neither a folder nor in the Hub's cache"):
        Clap(tmp_path / "nothing")
