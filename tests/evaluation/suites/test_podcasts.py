from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.evaluation.test_long_recordings import write_bank

from soundsift import SoundsiftError
from soundsift.data.bank import active_level_db
from soundsift.evaluation import podcasts as drawing
from soundsift.evaluation.item import Item
from soundsift.evaluation.podcasts import Podcasts
from soundsift.evaluation.suites import open_suite, podcasts

RATE = 48_000


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bank(tmp_path_factory.mktemp("podcasts") / "bank", ["stranger-test"])


@pytest.fixture
def item(bank: Path, monkeypatch: pytest.MonkeyPatch) -> Item:
    monkeypatch.setattr(drawing.Podcasts.podcast, "__defaults__", (60.0,))
    return open_suite("podcasts", bank=bank).load("0003")


def test_parts_are_at_their_levels_and_voices_take_turns(bank: Path) -> None:
    podcast = Podcasts(bank).podcast(3, 60.0)
    man, woman = podcast.voices
    assert not (np.abs(man) > 1e-3)[np.abs(woman) > 1e-3].any()
    voices = max(active_level_db(man), active_level_db(woman))
    for event in podcast.events:
        assert -23.0 - 20.1 <= active_level_db(event.wave) <= -23.0 - 14.9 < voices
        assert len(event.times) >= 8
    assert {event.text for event in podcast.events} == {"dog barking", "glass breaking"}
    assert np.array_equal(podcast.mixture, Podcasts(bank).podcast(3, 60.0).mixture)


def test_right_answers_score_best(item: Item) -> None:
    scores = podcasts.score(item, item.references)
    assert scores["event_softer"] == 1.0
    assert min(scores[name] or 0.0 for name in ("si_sdr_i", "event_si_sdr_i")) > 50
    assert scores["voice_selectivity"] == 150.0


def test_an_event_that_is_missed_or_twice_as_loud_stays(item: Item) -> None:
    silent = {name: np.zeros_like(wave) for name, wave in item.references.items()}
    assert podcasts.score(item, silent)["event_softer"] == 0.0
    loud = {name: 2 * wave for name, wave in item.references.items()}
    assert podcasts.score(item, loud)["event_softer"] == 0.0
    half = dict(item.references) | {"event-1": 0.4 * item.references["event-1"]}
    counts = [len(item.extra["times"][name]) for name in ("event-0", "event-1")]
    assert podcasts.score(item, half)["event_softer"] == pytest.approx(counts[0] / sum(counts))


def test_a_system_without_prompts_is_scored_by_its_speech(item: Item) -> None:
    assert set(podcasts.score(item, {"target": item.references["target"]})) == {"si_sdr_i"}


def test_swapped_voices_are_not_told_apart(item: Item) -> None:
    swapped = {"man": item.references["woman"], "woman": item.references["man"]}
    both = dict(item.references) | swapped
    assert (podcasts.score(replace(item), both)["voice_selectivity"] or 0.0) < -100


def test_a_bank_without_a_womans_voice_is_refused(bank: Path, tmp_path: Path) -> None:
    (tmp_path / "clips").symlink_to(bank / "clips")
    lines = (bank / "manifest.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "manifest.jsonl").write_text("".join(x for x in lines if "woman" not in x))
    with pytest.raises(SoundsiftError, match="too few stranger-test clips for podcasts"):
        open_suite("podcasts", bank=tmp_path)
