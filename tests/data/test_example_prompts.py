"""Questions by an example: cut out of the scene, in front of a window that does not see it."""

from pathlib import Path

import numpy as np

from soundsift.data.bank import Bank
from soundsift.data.example_prompts import SPARE_SECONDS, query_by_example, with_transients
from soundsift.data.scene import Query, Scene, Source
from soundsift.data.scene_config import SceneConfig
from soundsift.data.scenes import SceneGenerator
from soundsift.data.spans import active_spans
from soundsift.spans import POSITIVE, frame_anchors

LENGTH = 100
SECONDS = LENGTH / 25 + SPARE_SECONDS


def asked(folder: Path, count: int = 40) -> list[tuple[Scene, Query]]:
    generator = SceneGenerator(Bank(folder), SceneConfig())
    drawn = []
    for number in range(count):
        rng = generator.rng(number)
        scene = generator.scene(rng, SECONDS)
        drawn.append((scene, query_by_example(scene, LENGTH, rng)))
    return drawn


def test_example_and_window_lie_apart_and_fill_the_length(bank_folder: Path) -> None:
    by_example = [query for _, query in asked(bank_folder) if query.example]
    assert len(by_example) > 20
    for query in by_example:
        example, window = query.parts
        assert sum(end - start for start, end in query.parts) == LENGTH
        assert min(example[0], window[0]) >= 0
        assert max(example[1], window[1]) <= SECONDS * 25
        assert example[1] <= window[0] or window[1] <= example[0]
    assert {q.parts[0] < q.parts[1] for q in by_example} == {True, False}
    assert {q.text is None for q in by_example} == {True, False}


def test_the_mark_begins_in_the_example_and_is_heard_there(bank_folder: Path) -> None:
    for scene, query in asked(bank_folder):
        if not query.example:
            continue
        marked = np.flatnonzero(frame_anchors(query.spans, round(SECONDS * 25)) == POSITIVE)
        start, end = query.parts[0]
        assert start <= marked[0] < end
        # One of up to 3 s, of which the longest example keeps a little less.
        assert marked[-1] < end or end - start >= 51 + 12
        [target] = query.targets
        samples = slice(marked[0] * 1920, (marked[-1] + 1) * 1920)
        wave = scene.sources[target].wave
        assert np.abs(wave[samples]).max() > 1e-4
        # It is a whole occurrence, but for edges that are a little off.
        [mark] = query.spans
        near = [abs(mark.start - a) + abs(mark.end - b) for a, b in active_spans(wave, 48_000)]
        assert min(near) <= 0.21


def test_more_may_be_shown_around_a_mark(bank_folder: Path) -> None:
    """On both sides, and the window keeps about half of the length."""
    generator, seconds = SceneGenerator(Bank(bank_folder), SceneConfig()), 12.0
    shown = []
    for number in range(30):
        rng = generator.rng(number)
        scene = generator.scene(rng, seconds + SPARE_SECONDS)
        query = query_by_example(scene, 300, rng, p_wide_context=1.0)
        if not query.example:
            continue
        (start, end), (first, last) = query.parts
        assert end - start + last - first == 300 and last - first >= 150
        ids = frame_anchors(query.spans, round((seconds + SPARE_SECONDS) * 25))
        marked = np.flatnonzero(ids == POSITIVE)
        shown.append(marked[0] - start)
    assert 24 < max(shown) <= 37


def test_without_a_place_for_an_example_it_asks_by_text(bank_folder: Path) -> None:
    [(scene, _)] = asked(bank_folder, 1)
    silent = Scene(tuple(Source(s.clip, np.zeros_like(s.wave)) for s in scene.sources))
    query = query_by_example(silent, LENGTH, np.random.default_rng(0))
    assert query.text in scene.sources[0].clip.captions
    assert (query.spans, query.example, query.parts) == ((), False, ((0, LENGTH),))


def test_what_passes_is_heard_in_one_part_only(bank_folder: Path) -> None:
    generator = SceneGenerator(Bank(bank_folder), SceneConfig(source_counts=(0, 0, 0, 1)))
    drawn = generator.draw(generator.rng(0), SECONDS)
    whole = generator.rendered(drawn).stems
    rising = set()
    for seed in range(5):
        cut = with_transients(drawn, 1.0, np.random.default_rng(seed))
        for wave, passing, source in zip(
            whole, generator.rendered(cut).stems, cut.sources, strict=True
        ):
            edge = source.transient
            assert edge is not None and 0.15 < edge.at / drawn.samples < 0.85
            before, after = slice(0, int(edge.at)), slice(int(edge.at + edge.samples) + 1, None)
            silent, kept = (before, after) if edge.rises else (after, before)
            assert not passing[silent].any()
            np.testing.assert_allclose(passing[kept], wave[kept], atol=1e-6)
            rising.add(edge.rises)
    assert rising == {True, False}
    assert with_transients(drawn, 0.0, np.random.default_rng(0)) == drawn
