"""Any phrase at any length, with and without a mark, whatever the threads and the precision."""

import itertools
from collections.abc import Iterator

import pytest
import torch
from tests.signals import noise
from torch import Tensor

import soundsift
from soundsift.separation.separator import Separator

#: One to six tokens for MiniLM's tokenizer, without [CLS] and [SEP].
PHRASES = [
    "dog",
    "a dog",
    "a dog barks",
    "a big dog barks",
    "a big dog barks now",
    "dogs bark in a big yard",
]
SECONDS = [0.5, 3, 9.9, 10, 10.1, 16, 20, 40, 55, 60, 77, 100]


@pytest.fixture
def threads() -> Iterator[None]:
    count = torch.get_num_threads()
    yield
    torch.set_num_threads(count)


@pytest.fixture(scope="module")
def separator() -> Separator:
    return soundsift.load(device="cpu")


class Unsteady:
    """A text encoder whose states of one phrase differ in their last bits from call to call."""

    def __init__(self, separator: Separator) -> None:
        self.encoder, self.calls = separator.model.text, 0

    def encode_batch(self, phrases: list[str | None]) -> tuple[Tensor, Tensor] | tuple[None, None]:
        self.calls += 1
        states, mask = self.encoder.encode_batch(phrases)
        if states is None or mask is None:
            return None, None
        wobble = 1e-6 * torch.arange(len(phrases))[:, None, None]
        return states * (1 + wobble + 1e-6 * self.calls), mask


@pytest.mark.parametrize("spans", [[], [(3.0, 4.0)]])
def test_equal_phrases_are_known_by_their_words(
    separator: Separator, spans: list[tuple[float, float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    unsteady = Unsteady(separator)
    object.__setattr__(separator.model, "text", unsteady)
    try:
        result = separator.separate(
            noise(1, 60 * 16_000), sample_rate=16_000, text="dog", spans=spans, preset="draft"
        )
    finally:
        object.__setattr__(separator.model, "text", unsteady.encoder)
    assert unsteady.calls > 1
    assert result.target.shape == (1, 60 * 16_000)


@pytest.mark.slow
@pytest.mark.hostile
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.usefixtures("threads")
def test_any_phrase_at_any_length(precision: str, count: int) -> None:
    torch.set_num_threads(count)
    separator = soundsift.load(device="cpu", precision=precision)
    for phrase, seconds in itertools.product(PHRASES, SECONDS):
        mixture = noise(1, int(seconds * 16_000))
        for spans in ([], [(0.1, 0.4)]):
            found = separator.separate(
                mixture, sample_rate=16_000, text=phrase, spans=spans, preset="draft"
            )
            assert found.target.shape == mixture.shape, (phrase, seconds, spans)
