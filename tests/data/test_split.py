"""The split is decided by where a clip comes from, once and for all."""

from collections import Counter

import pytest

from soundsift.data.split import TEST_PACKAGES, split_of

DUTCH = "usr/share/games/fillets-ng/sound/airplane/nl/let-m-divna.ogg"
CZECH = "usr/share/games/fillets-ng/sound/airplane/cs/let-v-budrada.ogg"
WESNOTH = "usr/share/games/wesnoth/1.16/data/core/sounds"
HEDGEWARS = "usr/share/games/hedgewars/Data/Music"
OPENTTD = "usr/share/games/openttd/baseset/opensfx/opensfx.cat"


@pytest.mark.parametrize(
    ("package", "path", "kind", "split"),
    [
        ("wesnoth-1.16-data", f"{WESNOTH}/bow.ogg", "effect", "validation"),
        ("wesnoth-1.16-data", f"{WESNOTH}/ambient/campfire.ogg", "ambience", "test"),
        ("hedgewars-data", f"{HEDGEWARS}/Art.ogg", "music", "train"),
        ("hedgewars-data", f"{HEDGEWARS}/Brick.ogg", "music", "test"),
        ("hedgewars-data", f"{HEDGEWARS}/Castle.ogg", "music", "validation"),
        ("openttd-opensfx", f"{OPENTTD}!00 Good Year", "ambience", "train"),
        ("openttd-opensfx", f"{OPENTTD}!14 Level crossing", "effect", "test"),
        ("openttd-opensfx", f"{OPENTTD}!36 Sheep", "effect", "validation"),
        ("fluid-soundfont-gm", "program 003/phrase 018", "instrument", "validation"),
        ("fillets-ng-data-cs", CZECH, "speech", "validation"),
        ("fillets-ng-data-nl", DUTCH, "speech", "test"),
    ],
)
def test_known_clips_stay_where_they_are(package: str, path: str, kind: str, split: str) -> None:
    """A change here would move clips from the test into training."""
    assert split_of(package, path, kind)[0] == split


@pytest.mark.parametrize("package", sorted(TEST_PACKAGES))
@pytest.mark.parametrize("kind", ["speech", "instrument", "effect"])
def test_packages_for_testing_never_leave_the_test(package: str, kind: str) -> None:
    paths = [DUTCH, "drum kit/phrase 001", *(f"program {i:03d}/phrase {i:03d}" for i in range(128))]
    assert {split_of(package, path, kind)[0] for path in paths} == {"test"}


def test_at_least_one_package_of_speech_and_two_of_patches_are_for_testing() -> None:
    assert {"fillets-ng-data-nl", "freepats", "musescore-general-soundfont"} <= TEST_PACKAGES


@pytest.mark.parametrize(
    ("package", "paths", "speaker"),
    [
        ("asterisk-core-sounds-en-g722", "sounds/en_US_f_Allison/{}.g722", "asterisk:Allison"),
        ("asterisk-core-sounds-es-g722", "sounds/es_MX_f_Allison/{}.g722", "asterisk:Allison"),
        ("tuxpaint-stamps-default", "stamps/{}_desc_pt_BR.ogg", "tuxpaint-stamps-default:pt_BR"),
        ("tuxpaint-stamps-default", "stamps/town/{}_fr.ogg", "tuxpaint-stamps-default:fr"),
        ("ktuberling-data", "ktuberling/sounds/de/{}.wav", "ktuberling-data:de"),
        ("hedgewars-data", "Sounds/voices/Pirate/{}.ogg", "hedgewars-data:Pirate"),
        ("fretsonfire-songs-sectoid", "songs/one/{}.ogg", "fretsonfire-songs-sectoid:one"),
        ("hydrogen-drumkits", "data/drumkits/Boss_DR-110/{}.wav", "hydrogen-drumkits:Boss_DR-110"),
    ],
)  # fmt: skip
def test_a_speaker_a_song_or_a_kit_is_never_torn_apart(
    package: str, paths: str, speaker: str
) -> None:
    found = {split_of(package, paths.format(f"word{i}"), "speech") for i in range(100)}
    assert len(found) == 1
    assert found.pop()[1] == speaker


def test_one_voice_is_one_speaker_in_several_languages() -> None:
    english = split_of("asterisk-core-sounds-en-g722", "sounds/en_US_f_Allison/hi.g722", "speech")
    spanish = split_of("asterisk-core-sounds-es-g722", "sounds/es_MX_f_Allison/si.g722", "speech")
    assert english == spanish


@pytest.mark.parametrize(
    ("package", "path", "speaker"),
    [
        ("fillets-ng-data-cs", "sound/airplane/cs/air-m-{}.ogg", "fillets-ng-data-cs:m"),
        ("fluid-soundfont-gm", "program 012/phrase {}", "fluid-soundfont-gm:program 012"),
    ],
)
def test_the_only_actors_and_patches_of_training_are_divided_by_file_and_kept_from_the_test(
    package: str, path: str, speaker: str
) -> None:
    found = [split_of(package, path.format(i), "speech") for i in range(300)]
    assert {s for _, s in found} == {speaker}
    counts = Counter(split for split, _ in found)
    assert set(counts) == {"train", "validation"}
    assert 5 < counts["validation"] < 40


def test_the_parts_have_their_sizes() -> None:
    counts = Counter(split_of("widelands-data", f"sound/{i}.ogg", "effect")[0] for i in range(5000))
    assert counts["test"] / 5000 == pytest.approx(0.14, abs=0.02)
    assert counts["validation"] / 5000 == pytest.approx(0.06, abs=0.015)


def test_speech_of_unknown_voices_is_strung_together_by_folder() -> None:
    first, second, other = (
        split_of("ufoai-sound", path, "speech")[1]
        for path in ("voices/a/1.ogg", "voices/a/2.ogg", "voices/b/1.ogg")
    )
    assert first == second != other


def test_procedural_sound_is_for_training_alone() -> None:
    drawn = {split_of("procedural", f"beep/{number:03d}", "effect")[0] for number in range(200)}
    assert drawn == {"train"}
