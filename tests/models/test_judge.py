from dataclasses import astuple

import pytest
import torch
from tests.checkpoints.tiny import distance, fixture
from torch import Tensor

from soundsift.checkpoints.judge import config_from, convert
from soundsift.checkpoints.modernbert import load_modernbert
from soundsift.checkpoints.state_dict import select
from soundsift.models.judge import Judge, Scores


@pytest.fixture(scope="module")
def tensors() -> dict[str, Tensor]:
    """The fixture's, with the state of each phrase; `in.mixture` and so on are codec latents."""
    tensors, config, weights = fixture("judge_tiny")
    text = load_modernbert(config["text_model"], select(weights, "text_model."), 3, "tiny")
    out = text(input_ids=tensors["in.input_ids"], attention_mask=tensors["in.attention_mask"])
    return {**tensors, "in.text": out.last_hidden_state[:, 0]}


@pytest.fixture(scope="module")
def judge() -> Judge:
    _, config, weights = fixture("judge_tiny")
    model = Judge(config_from(config, "tiny"))
    model.load_state_dict(convert(weights))
    return model.eval().requires_grad_(False)


def _table(scores: Scores) -> Tensor:
    return torch.stack(astuple(scores), dim=-1)


def test_scores_are_the_authors(judge: Judge, tensors: dict[str, Tensor]) -> None:
    pair = tensors["in.mixture"], tensors["in.separated"]
    scores = _table(judge(*pair, tensors["in.text"]))
    assert distance(scores, tensors["out.scores_no_padding_mask"]) < 1e-5
    masked = _table(judge(*pair, tensors["in.text"], tensors["in.frame_mask"]))
    assert distance(masked, tensors["out.scores"]) < 1e-5
    assert distance(masked, scores) > 0.05


def test_scores_are_named_in_the_authors_order(judge: Judge, tensors: dict[str, Tensor]) -> None:
    scores = judge(tensors["in.mixture"], tensors["in.separated"], tensors["in.text"])
    expected = tensors["out.scores_no_padding_mask"].unbind(-1)
    named = scores.overall, scores.recall, scores.precision, scores.faithfulness
    for ours, theirs in zip(named, expected, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def test_candidates_share_their_mixture(judge: Judge, tensors: dict[str, Tensor]) -> None:
    mixture, separated = tensors["in.mixture"][:1], tensors["in.separated"]
    text = tensors["in.text"][:1]
    calls: list[int] = []
    hook = judge.transformer.register_forward_hook(lambda _, args, __: calls.append(len(args[0])))
    shared = _table(judge(mixture, separated, text))
    hook.remove()
    assert calls == [2, 1]  # the candidates, then their mixture once
    one_by_one = [_table(judge(mixture, item[None], text)) for item in separated]
    torch.testing.assert_close(shared, torch.cat(one_by_one), atol=1e-5, rtol=1e-5)


def test_lengths_must_agree(judge: Judge, tensors: dict[str, Tensor]) -> None:
    with pytest.raises(ValueError, match="7 frames and the separated sound 6"):
        judge(tensors["in.mixture"], tensors["in.separated"][:, :6], tensors["in.text"])
