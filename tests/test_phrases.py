"""Requests in people's words."""

import pytest

from soundsift.errors import SoundsiftError
from soundsift.phrases import read_phrases, refuse_removal

DOG = ("dog barking",)


@pytest.mark.parametrize(
    "text",
    [
        "dog barking",
        "dog barking.",
        '"dog barking"',
        "a dog barking",
        "the dog barking!",
        "please remove the dog barking",
        "could you please isolate the dog barking?",
        "i want to hear only the dog barking",
        "i can hear a dog barking",
        "there is a dog barking in the recording",
        "the sound of a dog barking",
        "a dog is barking",
        "a dog that is barking",
        "just the dog barking, please",
        "nothing but the dog barking",
        "all of the dog barking",
        "get rid of that dog barking from the recording",
    ],
)
def test_one_sound_however_it_is_asked_for(text):
    read = read_phrases(text)
    assert (read.sounds, read.inverted) == (DOG, False)


@pytest.mark.parametrize(
    ("text", "sounds"),
    [
        ("dog, drums", ("dog", "drums")),
        ("a dog; the drums", ("dog", "drums")),
        ("a dog, a cat and the rain", ("dog", "cat", "rain")),
        ("a dog, a cat, and the rain", ("dog", "cat", "rain")),
        ("dog + drums", ("dog", "drums")),
        ("a dog and the drums", ("dog", "drums")),
        ("the voice as well as a dog that is barking", ("voice", "dog barking")),
        ("a mortar and pestle", ("mortar and pestle",)),
        ("piano/keys", ("piano", "keys")),
        ("dog, dog", ("dog",)),
        # Names of one sound stay whole.
        ("rock and roll", ("rock and roll",)),
        ("drum & bass", ("drum and bass",)),
        ("a/c noise", ("a/c noise",)),
        ("hi-hat", ("hi-hat",)),
        ("a man, woman", ("the man", "the woman")),
        ("a ship's horn", ("ship's horn",)),
        ("all animals", ("all animals",)),
        ("someone talking", ("someone talking",)),
        ("fan noise", ("fan noise",)),
        ("paper cut", ("paper cut",)),
        ("silence", ("silence",)),
        ("कुत्ते की आवाज़", ("कुत्ते की आवाज़",)),
        ("lift bell", ("lift bell",)),
        ("man saying no", ("man saying no",)),
        # Where nothing would be left, the words are the sound.
        ("please", ("please",)),
        ("the", ("the",)),
        ("keep", ("keep",)),
    ],
)
def test_which_sounds_are_named(text, sounds):
    read = read_phrases(text)
    assert (read.sounds, read.inverted) == (sounds, False)


@pytest.mark.parametrize(
    ("text", "sounds"),
    [
        ("everything but the voice", ("voice",)),
        ("everything except for the voice", ("voice",)),
        ("all but the voice", ("voice",)),
        ("anything other than the voice", ("voice",)),
        ("please keep everything but the voice", ("voice",)),
        ("the recording without the voice", ("voice",)),
        ("no voice", ("voice",)),
        ("not the voice", ("voice",)),
        ("without the voice", ("voice",)),
        ("w/o voice", ("voice",)),
        ("i don't want the voice", ("voice",)),
        ("no voice and no music", ("voice", "music")),
        ("everything but the voice, the music and the rain", ("voice", "music", "rain")),
        ("no music, no voice", ("music", "voice")),
        ("without the dog, the cat and the rain", ("dog", "cat", "rain")),
    ],
)
def test_negations_are_understood(text, sounds):
    read = read_phrases(text)
    assert (read.sounds, read.inverted) == (sounds, True)


@pytest.mark.parametrize(
    "text",
    [
        "dog that is not barking",
        "music without vocals",
        "the dog but not the cat",
        "dog, no music",
        "birds except crows",
        "non-speech",
        "a dog that isn't barking",
        "neither music nor voice",
        "dog with no collar",
        "no music, voice",
    ],
)
def test_other_negations_are_refused(text):
    with pytest.raises(SoundsiftError, match="negation"):
        read_phrases(text)


@pytest.mark.parametrize(
    "text", ["dog barking", "dog, drums", "everything but voice, music", "the man"]
)
def test_a_result_is_its_own_reading(text):
    read = read_phrases(text)
    assert str(read) == text and read_phrases(str(read)) == read


@pytest.mark.parametrize("text", ["keep the voice", "only the voice", "no music", "without a dog"])
def test_what_is_kept_is_not_removed(text):
    with pytest.raises(SoundsiftError, match="two ways"):
        refuse_removal(text)
    for fine in ("the voice", "remove the voice", "everything but the voice"):
        refuse_removal(fine)


def test_too_many_sounds():
    with pytest.raises(SoundsiftError, match="9 sounds"):
        read_phrases(", ".join(f"sound {n}" for n in range(9)))
