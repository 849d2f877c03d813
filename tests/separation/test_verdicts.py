from soundsift.separation.verdicts import seen_in_words


def test_what_is_seen_in_words() -> None:
    seen = {
        "name": "dog barking",
        "names": [["dog barking", 0.91], ["cat meowing", 0.02]],
        "lost": [[4.0, 6.5]],
        "agreement": "agrees",
    }
    assert seen_in_words(seen) == [
        "Taken for 'dog barking' (0.91).",
        "The object was lost at 4-6.5 s.",
        "It moves when the sound is heard.",
    ]
    by_text = seen | {"names": [], "lost": [], "agreement": "disagrees"}
    assert seen_in_words(by_text) == [
        "Warning: the sound does not fit what the object does; it may come from something else."
    ]
