"""A text encoder of some phrases."""

from pathlib import Path

import pytest
import torch

from soundsift.checkpoints.minilm import TextEncoder
from soundsift.checkpoints.packed_text import save_packed
from soundsift.errors import SoundsiftError

PHRASES = ["dog barking", "a man speaking slowly", "a steam locomotive whistles"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    whole = TextEncoder()
    ids = {phrase: whole.tokenizer.encode(phrase).ids for phrase in PHRASES}
    save_packed(tmp_path, ids, whole.model.state_dict())
    return tmp_path


def test_states_are_nearly_those_of_the_whole_encoder(folder: Path) -> None:
    packed, whole = TextEncoder(packed=folder), TextEncoder()
    for phrase in PHRASES:
        found, expected = packed.encode(phrase), whole.encode(phrase)
        assert found.shape == expected.shape
        assert torch.cosine_similarity(found, expected, dim=1).min() > 0.995
    assert sum(file.stat().st_size for file in folder.iterdir()) < 12e6


def test_other_phrases_are_refused(folder: Path) -> None:
    with pytest.raises(SoundsiftError, match="does not have the phrase 'cat'"):
        TextEncoder(packed=folder).encode("cat")


def test_a_damaged_folder_is_refused(folder: Path) -> None:
    (folder / "phrases.json.gz").write_bytes(b"no gzip")
    with pytest.raises(SoundsiftError, match="not a packed text encoder"):
        TextEncoder(packed=folder)


def test_phrases_ahead_of_time_are_those_one_by_one() -> None:
    ahead, single = TextEncoder(), TextEncoder()
    ahead.encode_ahead([*PHRASES, "cat meowing"])
    for phrase in PHRASES:
        torch.testing.assert_close(ahead.encode(phrase), single.encode(phrase))
