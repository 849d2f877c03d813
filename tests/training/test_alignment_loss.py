from pathlib import Path

import pytest
import torch

from soundsift.checkpoints.minilm import TextEncoder
from soundsift.data.bank import Bank
from soundsift.training.alignment_loss import (
    Tagger,
    alignment_term,
    concept_embeddings,
    concept_indices,
)
from soundsift.training.batches import Batches


def test_concepts_are_numbered_in_order_and_embedded_by_their_captions(bank_folder: Path) -> None:
    bank = Bank(bank_folder)
    numbers = concept_indices(bank)
    assert list(numbers) == sorted({clip.concept for clip in bank.clips})
    assert list(numbers.values()) == list(range(len(numbers)))
    text = TextEncoder()
    embeddings = concept_embeddings(bank, text)
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(len(numbers)))
    for name, row in zip(numbers, embeddings, strict=True):
        own = torch.nn.functional.normalize(text.encode(name).mean(0), dim=0)
        assert int((embeddings @ own).argmax()) == numbers[name], name
        assert float(row @ own) > 0.5


def test_the_term_is_small_only_for_the_right_tags() -> None:
    heard = torch.zeros(2, 5, 7, dtype=torch.bool)
    heard[:, 2:4, 3] = True
    right = torch.where(heard, 8.0, -8.0)
    assert float(alignment_term(right, heard)) < 0.01
    assert float(alignment_term(-right, heard)) > 50


def test_a_tagger_learns_what_is_heard() -> None:
    torch.manual_seed(0)
    embeddings = torch.nn.functional.normalize(torch.randn(4, 16), dim=1)
    tagger = Tagger(8, embeddings)
    hidden = torch.randn(1, 12, 8)
    heard = (hidden[..., :4] > 0.3).clone()
    optimiser = torch.optim.Adam(tagger.parameters(), lr=0.02)
    before = float(alignment_term(tagger(hidden), heard).detach())
    for _ in range(150):
        optimiser.zero_grad()
        alignment_term(tagger(hidden), heard).backward()
        optimiser.step()
    assert float(alignment_term(tagger(hidden), heard).detach()) < 0.1 * before


def test_batches_tell_what_is_heard(make_config) -> None:
    config = make_config(steps=2)
    assert config.loss.alignment > 0
    batches = Batches(config, "train")
    batch = batches[0]
    assert batch.sounds is not None and batches.concepts is not None
    queries, frames = batch.context.shape[:2]
    assert batch.sounds.shape == (queries, frames, len(batches.concepts))
    assert batch.sounds.any(dim=(1, 2)).all()
    # Frames in which the mixture is silent hold no sound.
    silent = batch.mixture_energy.sum(1).unflatten(1, (frames, -1)).sum(-1) == 0
    assert not batch.sounds[silent].any()


def test_without_the_term_nothing_is_tagged(make_config) -> None:
    config = make_config(steps=2, loss={"alignment": 0.0})
    assert Batches(config, "train")[0].sounds is None


def test_a_block_that_the_model_does_not_have_is_refused(make_config) -> None:
    with pytest.raises(ValueError, match="alignment_block"):
        make_config(loss={"alignment_block": 1})
