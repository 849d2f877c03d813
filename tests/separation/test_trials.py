"""Which ways of asking work on a recording."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.separation.test_exercises import tone
from tests.separation.test_references import model
from tests.separation.test_separator import noise
from torch import Tensor

from soundsift.prompts import OPEN
from soundsift.separation import asking, trials
from soundsift.separation.excerpts import Excerpt, analyse
from soundsift.separation.separator import Separator
from soundsift.separation.trials import Moment, try_ways
from soundsift.separation.wanted import Way

RATE = 48_000
WAYS = (Way(None), Way("right"), Way("right", example=False), Way("wrong", example=False))
#: Bands of a share, and the logarithm of a ratio of energies as a difference of latents.
BANDS, NEPERS = 128, 15 * np.log(10) / 10


def quiet(_: float) -> None:
    """For trials whose progress nobody follows."""


@pytest.fixture(scope="module")
def separator(tmp_path_factory: pytest.TempPathFactory) -> Separator:
    return model(tmp_path_factory.mktemp("open"), 4, std=0.1)


def excerpt(separator: Separator, wave: Tensor, *marked: tuple[int, int]) -> Excerpt:
    anchors = torch.zeros(-(-len(wave) // 1920), dtype=torch.int64)
    for start, end in marked:
        anchors[start:end] = 1
    return analyse(separator.networks.codec, wave[None, None], anchors)


@pytest.fixture(scope="module")
def moment(separator: Separator) -> Moment:
    """A high whistle of one second in a low hum, seen closely and from afar."""
    wave = tone(8, 200)
    wave[3 * RATE : 4 * RATE] += tone(1, 4000)
    near = excerpt(separator, wave[2 * RATE : 5 * RATE], (25, 50))
    return Moment(near, excerpt(separator, wave, (75, 100)))


@pytest.fixture(scope="module")
def elsewhere(separator: Separator) -> list[Excerpt]:
    """A louder hum, and one in which the whistle is heard again."""
    loud, again = 4 * tone(6, 200), tone(6, 200)
    again[RATE : 2 * RATE] += tone(1, 4000)
    return [excerpt(separator, wave) for wave in (loud, again)]


@pytest.fixture
def shares(monkeypatch: pytest.MonkeyPatch) -> dict[str | None, tuple[float, float]]:
    """What of low and high bands is answered, by phrase; None is the example alone or the mark."""
    found: dict[str | None, tuple[float, float]] = {
        None: (0.02, 0.9),
        "right": (0.02, 0.9),
        "wrong": (0.9, 0.02),
    }

    def answer(*given: object) -> Tensor:
        _, context, phrases, anchors = given[:4]
        assert isinstance(context, Tensor) and isinstance(anchors, Tensor)
        assert isinstance(phrases, Sequence) and len(context) in (1, len(phrases))
        latents = torch.zeros(len(phrases), context.shape[1], 2 * BANDS)
        for i, phrase in enumerate(phrases):
            for part, share in zip((slice(0, 64), slice(64, BANDS)), found[phrase], strict=True):
                latents[i, :, part] = np.log(share / (1 - share)) / NEPERS
        return latents

    for module in (asking, trials):
        monkeypatch.setattr(module, "mean_answer", answer)
    return found


def kept(separator: Separator, *given: object) -> dict[tuple[str | None, bool], float]:
    trial = try_ways(separator.networks, *given, 3, quiet)  # type: ignore[arg-type]
    assert trial is not None
    assert sum(way.share for way in trial.ways) == pytest.approx(1)
    return {(way.phrase, way.example): way.share for way in trial.ways}


Shares = dict[str | None, tuple[float, float]]


def test_ways_that_lift_the_sound_out_again_are_kept(
    separator: Separator, moment: Moment, elsewhere: list[Excerpt], shares: Shares
) -> None:
    found = kept(separator, moment, elsewhere, WAYS)
    assert ("wrong", False) not in found
    assert [*found.values()] == pytest.approx([1 / 3] * 3, abs=1e-4)
    # A little of the hum in it costs some of the share.
    shares["right"] = (0.2, 0.9)
    found = kept(separator, moment, elsewhere, WAYS)
    assert next(iter(found)) == (None, True)
    assert found[None, True] > 0.5 > 2 * found.get(("right", True), 0.0)
    # Without stretches from elsewhere, too.
    assert ("wrong", False) not in kept(separator, moment, [], WAYS)


def test_far_louder_answers_count_against_a_way(
    separator: Separator, moment: Moment, elsewhere: list[Excerpt], shares: Shares
) -> None:
    """Though it does as well as others in exercises: there, what is taken elsewhere is wanted."""
    shares[None] = shares["right"] = shares["wrong"] = (0.05, 0.9)
    codec = separator.networks.codec
    loud = tone(6, 200)
    loud[RATE : 2 * RATE] += 30 * tone(1, 4000)
    levels: list[float] = []
    find = trials._excess_db

    def spy(*given: object) -> Tensor:
        excess = find(*given)  # type: ignore[arg-type]
        levels.extend(excess.tolist())
        excess[0] = 0.0
        return excess

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trials, "_excess_db", spy)
        found = kept(
            separator, moment, [analyse(codec, loud[None, None], torch.zeros(150).long())], WAYS
        )
    # 29.5 dB louder, 6 of which are allowed.
    assert levels == pytest.approx([23.5] * 4, abs=0.3)
    assert found == {(None, True): 1.0}
    assert trials._excess_db(separator.networks, codec, moment.example, [], [0, 0]).tolist() == [  # type: ignore[list-item,arg-type]
        0.0,
        0.0,
    ]


def test_few_ways_are_asked() -> None:
    few = trials._few(torch.tensor([0.02, 0.3, 0.1, 0.2, 0.1, 0.07, 0.21]))
    assert few.tolist() == pytest.approx(
        [0, 0.3 / 0.91, 0.1 / 0.91, 0.2 / 0.91, 0.1 / 0.91, 0, 0.21 / 0.91]
    )
    assert trials._few(torch.tensor([0.97, 0.03])).tolist() == [1, 0]


def test_what_exercises_are_made_of(
    separator: Separator, moment: Moment, elsewhere: list[Excerpt], shares: Shares
) -> None:
    """The sound as its marks lift it out, what is left of it, and what is taken elsewhere."""
    shares[None], shares["right"] = (0.1, 0.1), (0.3, 0.3)
    trial = try_ways(separator.networks, moment, elsewhere, [Way("right")], 3, quiet)
    assert trial is not None
    made, whole = trial.material, moment.whole
    assert len(made.sound) == RATE
    inner = slice(RATE // 10, -RATE // 10)
    torch.testing.assert_close(
        made.sound[inner], 0.1 * whole.wave[0, 3 * RATE : 4 * RATE][inner], atol=1e-4, rtol=1e-3
    )
    # Before and after the mark all of it is something else.
    assert torch.equal(made.near.wave[: 2 * RATE], whole.wave[0, : 2 * RATE])
    assert torch.equal(made.near.wave[5 * RATE :], whole.wave[0, 5 * RATE :])
    assert not made.near.wanted.any()
    for far, stretch in zip(made.far, elsewhere, strict=True):
        assert torch.equal(far.wave, stretch.wave[0])
        torch.testing.assert_close(far.wanted, 0.3 * stretch.wave[0], atol=1e-4, rtol=1e-3)


def test_stretches_are_asked_as_windows_will_be(
    separator: Separator,
    moment: Moment,
    elsewhere: list[Excerpt],
    shares: Shares,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[tuple[str | None, int, list[int]]] = []
    answer = asking.mean_answer

    def spy(*given: object) -> Tensor:
        _, _, phrases, anchors = given[:4]
        assert isinstance(anchors, Tensor) and isinstance(phrases, list)
        seen.append((phrases[0], anchors.shape[1], anchors[0].unique().tolist()))
        return answer(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(asking, "mean_answer", spy)
    monkeypatch.setattr(trials, "_FRAMES_AT_A_TIME", 200)  # one at a time
    kept(separator, moment, elsewhere, WAYS[:3])
    # Two stretches of 150 frames, beside the 75 of the example or alone; and batches of exercises.
    beside, alone = (75 + 150, [0, 1, OPEN]), (150, [0])
    for phrase, form in ((None, beside), ("right", beside), ("right", alone)):
        assert seen.count((phrase, *form)) == 2 + 2


def test_a_seed_is_a_trial(separator: Separator, moment: Moment, elsewhere: list[Excerpt]) -> None:
    """By a real network, whose answers differ."""
    ways = (Way(None), Way("hum"), Way("hum", example=False))
    found = [
        try_ways(separator.networks, moment, elsewhere, ways, seed, quiet) for seed in (3, 3, 4)
    ]
    assert found[0] and found[1] and found[2]
    assert found[0].ways == found[1].ways
    assert found[0].ways != found[2].ways


def test_a_trial_tells_how_far_it_is_and_can_be_stopped(
    separator: Separator, moment: Moment, elsewhere: list[Excerpt]
) -> None:
    told: list[float] = []
    try_ways(separator.networks, moment, elsewhere, WAYS, 0, told.append)
    assert told == [i / 8 for i in range(8)]

    def stop(fraction: float) -> None:
        if fraction > 0.6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        try_ways(separator.networks, moment, elsewhere, WAYS, 0, stop)


def test_where_there_is_nothing_to_try(
    separator: Separator, moment: Moment, elsewhere: list[Excerpt]
) -> None:
    other = replace(separator.networks, codec=object())  # type: ignore[arg-type]
    assert try_ways(other, moment, elsewhere, WAYS, 0, quiet) is None
    wave = torch.from_numpy(noise(1, RATE * 8)[0])
    wave[2 * RATE : 5 * RATE] = 0.0
    silent = Moment(
        excerpt(separator, wave[2 * RATE : 5 * RATE], (25, 50)), excerpt(separator, wave, (75, 100))
    )
    assert try_ways(separator.networks, silent, [], WAYS, 0, quiet) is None
