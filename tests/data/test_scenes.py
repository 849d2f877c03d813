"""Scenes and queries: the same for the same number, and true to what is said of them."""

import json
from pathlib import Path

import numpy as np
import pytest

from soundsift.data.bank import Bank, Clip, active_level_db
from soundsift.data.captions import GROUPS, KINDS
from soundsift.data.places import places
from soundsift.data.scene import Scene
from soundsift.data.scene_config import SceneConfig
from soundsift.data.scenes import SceneGenerator

SECONDS = 2.0
PLAIN = {"speed": 0.0, "equaliser": 0.0, "band_limit": 0.0, "damage": 0.0, "room": 0.0}


def generator(folder: Path, seed: int = 0, **law: object) -> SceneGenerator:
    return SceneGenerator(Bank(folder), SceneConfig.model_validate(law), seed)


def scenes(made: SceneGenerator, count: int) -> list[tuple[Scene, np.random.Generator]]:
    drawn = []
    for number in range(count):
        rng = made.rng(number)
        drawn.append((made.scene(rng, SECONDS), rng))
    return drawn


def names(scene: Scene) -> list[str]:
    return [source.clip.concept for source in scene.sources]


def test_a_number_and_a_seed_decide_everything(bank_folder: Path) -> None:
    """Also when other scenes were drawn in between, and from a bank opened anew."""
    drawn = []
    for _ in range(2):
        made = generator(bank_folder, seed=5)
        scenes(made, 3)
        rng = made.rng(17)
        scene = made.scene(rng, SECONDS)
        drawn.append((scene, [made.query(scene, rng) for _ in range(5)]))
    (first, asked), (again, asked_again) = drawn
    assert names(first) == names(again)
    assert np.array_equal(first.stems, again.stems)
    assert asked == asked_again


def test_other_numbers_and_seeds_give_other_scenes(bank_folder: Path) -> None:
    made, other = generator(bank_folder, seed=5), generator(bank_folder, seed=6)
    mixes = [g.scene(g.rng(n), SECONDS).stems.sum(0) for g, n in ((made, 1), (made, 2), (other, 1))]
    assert not np.allclose(mixes[0], mixes[1])
    assert not np.allclose(mixes[0], mixes[2])


def test_stems_have_the_length_asked_for_and_are_heard(bank_folder: Path) -> None:
    for scene, _ in scenes(generator(bank_folder), 30):
        assert scene.stems.shape == (len(scene.sources), round(SECONDS * 48_000))
        assert scene.stems.dtype == np.float32
        assert np.isfinite(scene.stems).all()
        assert (np.abs(scene.stems).max(axis=1) > 1e-3).all()


def test_target_and_rest_add_up_to_the_mixture(bank_folder: Path) -> None:
    made = generator(bank_folder)
    for scene, rng in scenes(made, 20):
        query = made.query(scene, rng)
        others = [s.wave for i, s in enumerate(scene.sources) if i not in query.targets]
        whole = query.target(scene.stems) + sum(others, np.zeros_like(scene.stems[0]))
        assert np.allclose(whole, scene.stems.sum(0), atol=1e-6)


def test_the_number_of_sources_follows_its_law(bank_folder: Path) -> None:
    drawn = scenes(generator(bank_folder, source_counts=(0.0, 0.5, 0.5, 0.0), **PLAIN), 60)
    counts = [len(scene.sources) for scene, _ in drawn]
    assert set(counts) == {2, 3}
    assert 15 < counts.count(2) < 45


def test_levels_differ_by_the_offset_at_most(bank_folder: Path) -> None:
    made = generator(bank_folder, source_counts=(0.0, 0.0, 0.5, 0.5))
    largest = 0.0
    for scene, _ in scenes(made, 40):
        levels = [active_level_db(source.wave) for source in scene.sources]
        largest = max(largest, max(levels) - min(levels))
    assert 8 < largest < 15.5  # the level is set from every fourth sample


def test_no_sound_is_in_a_scene_twice(bank_folder: Path) -> None:
    made = generator(bank_folder, source_counts=(0.0, 0.0, 0.0, 1.0), **PLAIN)
    met = set()
    for scene, _ in scenes(made, 60):
        assert len(set(names(scene))) == len(scene.sources)
        met.add(frozenset(names(scene)))
        # Music already contains instruments: a prompt for one would be ambiguous.
        kinds = {source.clip.kind for source in scene.sources}
        assert not kinds >= {"music", "instrument"}
    # Speakers and animals can be told from each other, so they may meet.
    assert any({"man speaking", "woman speaking"} <= scene for scene in met)
    assert any({"dog barking", "cat meowing"} <= scene for scene in met)


def edited(folder: Path, to: Path, **changes: dict[str, object]) -> Path:
    """A copy of the bank in which some concepts' clips are described otherwise."""
    (to / "clips").symlink_to(folder / "clips")
    lines = map(json.loads, (folder / "manifest.jsonl").read_text().splitlines())
    changed = [line | changes.get(line["concept"].replace(" ", "_"), {}) for line in lines]
    (to / "manifest.jsonl").write_text("".join(json.dumps(line) + "\n" for line in changed))
    return to


def test_concepts_that_share_a_phrase_never_meet(bank_folder: Path, tmp_path: Path) -> None:
    folder = edited(
        bank_folder,
        tmp_path,
        dog_barking={"captions": ["dog barking", "animal noise"]},
        cat_meowing={"captions": ["cat meowing", "animal noise"]},
    )
    law = {"kind_weights": {"effect": 1.0}, "source_counts": (0.0, 0.0, 0.0, 1.0), **PLAIN}
    for scene, _ in scenes(generator(folder, **law), 40):
        assert not {"dog barking", "cat meowing"} <= set(names(scene))


def test_concepts_of_a_group_without_distinctions_never_meet(
    bank_folder: Path, tmp_path: Path
) -> None:
    folder = edited(bank_folder, tmp_path, sword_clash={"groups": ["door", "impact"]})
    law = {"kind_weights": {"effect": 1.0}, "source_counts": (0.0, 0.0, 0.0, 1.0), **PLAIN}
    for scene, _ in scenes(generator(folder, **law), 40):
        assert not {"door slam", "sword clash"} <= set(names(scene))


def test_a_voice_speaks_with_one_voice(bank_folder: Path) -> None:
    """All of a source's speech comes from one speaker's clips: here, from one of two pitches."""
    made = generator(bank_folder, kind_weights={"speech": 1.0}, source_counts=(1, 0, 0, 0), **PLAIN)
    for scene, _ in scenes(made, 20):
        [source] = scene.sources
        own = [c for c in made.bank.clips if c.speaker == source.clip.speaker]
        pitches = [fundamental(made.bank.audio(c)) for c in own]
        frames = source.wave[: len(source.wave) // 4800 * 4800].reshape(-1, 4800)
        loudest = np.square(frames).mean(axis=1).max()
        for frame in frames:
            if np.square(frame).mean() > 0.5 * loudest and (np.abs(frame) > 0).mean() > 0.95:
                assert min(abs(fundamental(frame) - pitch) for pitch in pitches) < 4


@pytest.mark.parametrize(("p_same_clip", "clips"), [(1.0, 1), (0.0, 2)])
def test_a_sound_comes_back_as_the_same_clip_or_another(
    bank_folder: Path, monkeypatch: pytest.MonkeyPatch, p_same_clip: float, clips: int
) -> None:
    made = generator(
        bank_folder,
        kind_weights={"instrument": 1.0},
        source_counts=(1, 0, 0, 0),
        p_same_clip=p_same_clip,
    )
    heard: list[str] = []
    pcm = made.bank.pcm

    def spy(clip: Clip, start: int, end: int) -> np.ndarray:
        heard.append(clip.path)
        return pcm(clip, start, end)

    monkeypatch.setattr(made.bank, "pcm", spy)
    found = set()
    for number in range(30):
        heard.clear()
        made.scene(made.rng(number), SECONDS)
        found.add(len({*heard}))
    # Of the patch that it is played on there are two.
    assert max(found) == clips


def fundamental(wave: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave)), 1 << 17))
    return float(np.argmax(spectrum)) * 48_000 / (1 << 17)


def test_the_sound_asked_for_is_named(bank_folder: Path) -> None:
    made = generator(bank_folder, absent=0.0, group=0.0, drop_text=0.0)
    for scene, rng in scenes(made, 30):
        for wanted, source in enumerate(scene.sources):
            query = made.query(scene, rng, wanted)
            assert query.text in source.clip.captions
            assert query.targets == (wanted,)
            assert np.array_equal(query.target(scene.stems), source.wave)


def test_every_phrasing_and_every_source_comes_up(bank_folder: Path) -> None:
    made = generator(bank_folder, absent=0.0, group=0.0, drop_text=0.0, **PLAIN)
    [(scene, rng)] = scenes(made, 1)
    assert len(scene.sources) > 1
    asked = {(query.text, query.targets) for query in (made.query(scene, rng) for _ in range(200))}
    assert asked == {
        (phrase, (i,)) for i, source in enumerate(scene.sources) for phrase in source.clip.captions
    }


def test_an_absent_sound_has_silence_for_an_answer_and_is_like_nothing_in_the_scene(
    bank_folder: Path,
) -> None:
    made = generator(bank_folder, absent=1.0, group=1.0)
    groups_of = {c.concept: set(c.groups) for c in made.bank.clips}
    owner = {phrase: c.concept for c in made.bank.clips for phrase in c.captions}
    for scene, rng in scenes(made, 40):
        for _ in range(5):
            query = made.query(scene, rng, favourite=0)
            assert query.targets == ()
            assert query.spans == ()
            assert not query.target(scene.stems).any()
            assert query.text is not None
            for source in scene.sources:
                assert query.text not in source.clip.captions
                assert all(query.text not in GROUPS[group] for group in source.clip.groups)
                if query.text in owner:
                    assert not groups_of[owner[query.text]] & set(source.clip.groups)


def test_a_band_is_drums_bass_guitar_keys_and_a_singer(bank_folder: Path, tmp_path: Path) -> None:
    folder = edited(
        bank_folder,
        tmp_path,
        snare_drum={"concept": "drum beat", "groups": ["drums", "percussion", "music"]},
        violin={"concept": "bass guitar", "groups": ["bass", "guitar", "strings", "music"]},
        sword_clash={"concept": "electric guitar", "groups": ["guitar", "strings", "music"]},
        cat_meowing={"concept": "man singing", "kind": "singing", "groups": ["singing", "voice"]},
    )
    made = generator(folder, p_band=1.0, absent=0.0, group=1.0, drop_text=0.0)
    band = {"drum beat", "bass guitar", "electric guitar", "piano", "man singing"}
    met = []
    for scene, rng in scenes(made, 40):
        met.append(set(names(scene)))
        query = made.query(scene, rng)
        wanted = {scene.sources[i].clip.concept for i in query.targets}
        # Who asks for the guitar does not mean the bass.
        if query.text in GROUPS["guitar"]:
            assert wanted == {"electric guitar"}
        if query.text in GROUPS["bass"]:
            assert wanted == {"bass guitar"}
    assert set.union(*met) == band
    assert band in met
    assert len({len(members) for members in met}) > 1


def test_without_musicians_there_is_no_band(bank_folder: Path, tmp_path: Path) -> None:
    lines = (bank_folder / "manifest.jsonl").read_text().splitlines()
    (tmp_path / "clips").symlink_to(bank_folder / "clips")
    spoken = [line for line in lines if json.loads(line)["kind"] in {"speech", "effect"}]
    (tmp_path / "manifest.jsonl").write_text("".join(f"{line}\n" for line in spoken))
    for scene, _ in scenes(generator(tmp_path, p_band=1.0), 5):
        assert {source.clip.kind for source in scene.sources} <= {"speech", "effect"}


def test_a_bed_may_be_music(bank_folder: Path) -> None:
    law = {"kind_weights": {"speech": 1.0}, "source_counts": (1, 0, 0, 0), **PLAIN}
    made = generator(bank_folder, p_bed=1.0, p_music_bed=1.0, bed_db=(-20.0, -20.0), **law)
    for scene, _ in scenes(made, 10):
        _, bed = scene.sources
        assert bed.clip.concept == "rock music"
        assert bed.named


def test_a_group_is_all_of_its_sources(bank_folder: Path) -> None:
    made = generator(
        bank_folder,
        source_counts=(0, 0, 0, 1),
        absent=0.0,
        group=1.0,
        drop_text=0.0,
        **PLAIN,
    )
    sizes = set()
    for scene, rng in scenes(made, 60):
        query = made.query(scene, rng)
        [group] = [name for name, phrases in GROUPS.items() if query.text in phrases]
        members = [i for i, s in enumerate(scene.sources) if group in s.clip.groups]
        assert list(query.targets) == members
        expected = sum(scene.sources[i].wave for i in members)
        assert np.allclose(query.target(scene.stems), expected, atol=1e-6)
        sizes.add(len(members))
    assert {1, 2} <= sizes


def test_conditions_are_withheld_as_often_as_asked_but_never_both(bank_folder: Path) -> None:
    made = generator(bank_folder, absent=0.0, drop_text=0.3, drop_spans=0.5, **PLAIN)
    queries = [made.query(scene, rng) for scene, rng in scenes(made, 60) for _ in range(10)]
    assert all(query.text or query.spans for query in queries)
    without_text = np.mean([query.text is None for query in queries])
    without_spans = np.mean([not query.spans for query in queries])
    assert without_text == pytest.approx(0.3, abs=0.07)
    assert without_spans == pytest.approx(0.5 * 0.7, abs=0.08)


def test_spans_mark_the_target_and_not_the_rest(bank_folder: Path) -> None:
    made = generator(bank_folder, absent=0.0, drop_spans=0.0, **PLAIN)
    for scene, rng in scenes(made, 30):
        query = made.query(scene, rng)
        target = query.target(scene.stems)
        for span in query.spans:
            assert 0 <= span.start < span.end <= SECONDS
            inside = target[round(span.start * 48_000) : round(span.end * 48_000)]
            share = np.square(inside).sum() / np.square(target).sum()
            # Edges may be off by 0.1 s, so a little of the sound may stray into its pauses.
            assert share > 0.01 if span.positive else share < 0.6


def test_augmentation_changes_the_sound_of_the_same_scene(bank_folder: Path) -> None:
    plain = generator(bank_folder, **PLAIN)
    for effect in PLAIN:
        made = generator(bank_folder, **(PLAIN | {effect: 1.0}))
        pairs = [(g.scene(g.rng(2), SECONDS)) for g in (plain, made)]
        assert not np.allclose(*(scene.sources[0].wave for scene in pairs), atol=1e-3), effect


LIFE = {
    "source_counts": (0.0, 0.0, 0.5, 0.3, 0.2),
    "p_company": 0.5,
    "p_quiet": 0.3,
    "p_bed": 1.0,
    "p_slow_gain": 0.5,
    "p_microphone": 0.5,
    "p_far": 0.5,
}


def test_scenes_like_life_are_repeatable_and_their_stems_add_up(bank_folder: Path) -> None:
    first, again = (generator(bank_folder, **LIFE) for _ in range(2))
    for (scene, rng), (same, _) in zip(scenes(first, 12), scenes(again, 12), strict=True):
        assert np.array_equal(scene.stems, same.stems)
        assert np.isfinite(scene.stems).all()
        assert scene.stems.dtype == np.float32
        query = first.query(scene, rng)
        assert set(query.targets) <= set(scene.named)


def test_a_bed_of_noise_lies_under_the_sources_and_is_never_asked_for(bank_folder: Path) -> None:
    law = PLAIN | {"p_bed": 1.0, "p_noise_bed": 1.0, "bed_db": (-15.0, -10.0), "offset_db": 0.0}
    made = generator(bank_folder, source_counts=(0.0, 1.0), absent=0.0, group=1.0, **law)
    for scene, rng in scenes(made, 20):
        assert scene.named == [0, 1]
        levels = [active_level_db(source.wave) for source in scene.sources]
        assert -16 < levels[2] - np.mean(levels[:2]) < -9
        for _ in range(5):
            assert 2 not in made.query(scene, rng).targets


def test_a_quiet_source_is_lower_by_the_range_given(bank_folder: Path) -> None:
    law = PLAIN | {"p_quiet": 0.5, "quiet_db": (15.0, 20.0), "offset_db": 0.0}
    made = generator(bank_folder, source_counts=(0.0, 0.0, 1.0), **law)
    found = [active_level_db(s.wave) for scene, _ in scenes(made, 20) for s in scene.sources]
    below = [-26 - level for level in found]
    quiet = [gap for gap in below if gap > 5]
    assert 15 < len(quiet) < 45
    assert all(14 < gap < 21 for gap in quiet)
    assert all(abs(gap) < 1 for gap in below if gap <= 5)


def test_company_is_heard_at_one_place(bank_folder: Path) -> None:
    """Always together at some place, unlike sources drawn at random."""

    def share(p_company: float) -> float:
        law = PLAIN | {"p_company": p_company, "source_counts": (0.0, 1.0)}
        drawn = [scene for scene, _ in scenes(generator(bank_folder, **law), 60)]
        pairs = [[s.clip for s in scene.sources] for scene in drawn if len(scene.sources) == 2]
        at_home = [any(p.hears(a) and p.hears(b) for p in places().values()) for a, b in pairs]
        return float(np.mean(at_home))

    assert share(1.0) > 0.9
    assert share(1.0) > share(0.0)


def test_places_name_groups_and_kinds_that_exist() -> None:
    assert len(places()) >= 20
    for place in places().values():
        assert place.groups <= GROUPS.keys()
        assert place.kinds <= set(KINDS)
        assert place.groups or place.kinds or place.words
