from dataclasses import astuple
from pathlib import Path

import pytest
import torch
from tests.checkpoints.tiny import (
    distance,
    fixture,
    phrases,
    released,
    write_model,
    write_tokenizer,
)
from torch import Tensor

from soundsift.checkpoints import modernbert
from soundsift.checkpoints.judge import CODEC, config_from, convert, load_judge
from soundsift.checkpoints.state_dict import select
from soundsift.config import JudgeConfig
from soundsift.errors import SoundsiftError
from soundsift.models.judge import Judge


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """As on the Hub: weights in `checkpoint.pt`, the codec's among them."""
    _, config, weights = fixture("judge_tiny")
    write_model(tmp_path, config, {})
    (tmp_path / "model.safetensors").unlink()
    weights[f"{CODEC}quantizer.in_proj.bias"] = torch.ones(16)
    torch.save(weights, tmp_path / "checkpoint.pt")
    write_tokenizer(tmp_path, 120, "w1 $A w1")
    return tmp_path


@pytest.mark.parametrize("name", ["judge_official", "judge_codedefault"])
def test_released_names_and_shapes(name: str) -> None:
    from transformers import ModernBertModel

    config, weights = released(name)
    sizes = config_from(config, name)
    assert (sizes == JudgeConfig()) == (name == "judge_official")
    with torch.device("meta"):
        ours = Judge(sizes).state_dict()
        text = ModernBertModel(modernbert.config_from(config.get("text_model", {}))).state_dict()
    assert _shapes(convert(weights)) == _shapes(ours)
    assert _shapes(select(weights, "text_model.")) == _shapes(text)
    # What is passed over is an encoder and a bottleneck.
    assert {name.split(".")[0] for name in select(weights, CODEC)} == {"encoder", "quantizer"}


def _shapes(weights: dict[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(weight.shape) for name, weight in weights.items()}


def test_scores_from_phrases(folder: Path) -> None:
    tensors, *_ = fixture("judge_tiny")
    judge = load_judge(folder)
    words = phrases(tensors["in.input_ids"], tensors["in.attention_mask"])
    pair = tensors["in.mixture"], tensors["in.separated"]
    scores = judge.score(*pair, words, tensors["in.frame_mask"])
    assert distance(torch.stack(astuple(scores), dim=-1), tensors["out.scores"]) < 1e-5
    assert not judge.model.training
    assert not any(weight.requires_grad for weight in judge.model.parameters())


def test_one_phrase_and_one_mixture_for_all(folder: Path) -> None:
    tensors, *_ = fixture("judge_tiny")
    judge = load_judge(folder)
    shared = judge.score(tensors["in.mixture"][:1], tensors["in.separated"], ["w7 w44"])
    mixtures = tensors["in.mixture"][:1].expand(2, -1, -1)
    apart = judge.score(mixtures, tensors["in.separated"], ["w7 w44"] * 2)
    torch.testing.assert_close(shared.overall, apart.overall, atol=1e-5, rtol=1e-5)


def test_lower_precision(folder: Path) -> None:
    tensors, *_ = fixture("judge_tiny")
    pair = tensors["in.mixture"], tensors["in.separated"]
    rough = load_judge(folder, dtype=torch.bfloat16).score(*pair, ["w7"]).overall
    exact = load_judge(folder).score(*pair, ["w7"]).overall
    assert rough.dtype == torch.float32
    assert 0 < float((rough - exact).abs().max()) < 0.2


def test_what_is_wrong_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants

    _, _, weights = fixture("judge_tiny")
    torch.save({**weights, "strange.weight": torch.ones(1)}, folder / "checkpoint.pt")
    with pytest.raises(SoundsiftError, match=r"strange\.weight"):
        load_judge(folder)
    torch.save({**weights, "head.weight": torch.ones(5, 16)}, folder / "checkpoint.pt")
    with pytest.raises(SoundsiftError, match=r"output\.weight is \(5, 16\), expected \(4, 16\)"):
        load_judge(folder)
    torch.save({"model": weights}, folder / "checkpoint.pt")
    with pytest.raises(SoundsiftError, match=r"checkpoint\.pt: holds no weights"):
        load_judge(folder)
    (folder / "checkpoint.pt").write_bytes(b"<html>401</html>")
    with pytest.raises(SoundsiftError, match=r"checkpoint\.pt: not a file of weights"):
        load_judge(folder)
    (folder / "checkpoint.pt").unlink()
    with pytest.raises(SoundsiftError, match="has no weights"):
        load_judge(folder)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(folder))
    message = r"`hf download facebook/sam-audio-judge --revision sam_audio`, once .* access\.$"
    with pytest.raises(SoundsiftError, match=message):
        load_judge()


def test_a_pickle_runs_no_code(folder: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (folder / "sprung",))

    torch.save({"weight": Trap()}, folder / "checkpoint.pt")
    with pytest.raises(SoundsiftError, match="not a file of weights"):
        load_judge(folder)
    assert not (folder / "sprung").exists()
