"""What the exported network knows by name."""

from soundsift.data.bank import Clip
from soundsift.data.captions import GROUPS
from soundsift.training.hearing.export import known_sounds


def clip(concept: str, kind: str, *groups: str, confusable: tuple[str, ...] = ()) -> Clip:
    return Clip(
        *("source", "path", "CC0", concept, kind, groups, (concept,), "train", "", "", 0, 0),
        seconds=1.0,
        level_db=-20.0,
        confusable=confusable,
    )


def test_concepts_and_groups_by_name() -> None:
    dog = clip("dog barking", "effect", "animal", confusable=("fox", "not in the bank"))
    fox = clip("fox", "effect", "animal")
    violin = clip("violin", "instrument", "strings", "music")
    known = {sound.name: sound for sound in known_sounds([dog, dog, fox, violin])}
    animals, strings, music = (GROUPS[name][0] for name in ("animal", "strings", "music"))
    assert set(known) == {"dog barking", "fox", "violin", animals, strings, music}
    assert known["dog barking"].groups == (animals,)
    assert known["dog barking"].like == ("fox",)
    assert known[strings].kind == "group" and known[strings].like == (music,)
    assert known[animals].like == ()
