"""The known sound that is nearest to a phrase."""

from soundsift.checkpoints.hearing import Hearing, default_folder, load_hearing
from soundsift.checkpoints.minilm import TextEncoder
from soundsift.training.judge.rephrasing import Rephraser


def test_other_words_lead_to_the_name_that_is_known() -> None:
    hearing = Hearing(load_hearing(default_folder()), TextEncoder())
    rephraser = Rephraser(default_folder(), hearing)
    assert rephraser.nearest("a dog that barks") == "dog barking"
    assert rephraser.nearest("violin") is None, "a known name is its own"
