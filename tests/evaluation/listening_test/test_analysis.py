"""The analysis, on simulated listeners whose preference is known."""

from __future__ import annotations

from typing import Any

import pytest
from tests.evaluation.listening_test.simulated import Panel, net_win_rate

from soundsift.evaluation.listening_test.analysis import exclusions, pair_preferences, summarise
from soundsift.evaluation.listening_test.answers import Listener
from soundsift.evaluation.listening_test.design import AXES, TestSettings

SETTINGS = TestSettings(comparisons=15, training=0, gold=5, repeats=3)
QUALITY = {"good": 0.6, "fair": 0.0, "poor": -0.9}
PAIRS = [("fair", "good"), ("fair", "poor"), ("good", "poor")]


def panel(seed: int, listeners: int = 200, careless: int = 20, items: int = 40) -> Panel:
    return Panel(QUALITY, listeners, careless, items, SETTINGS, seed)


def analysed(made: Panel) -> tuple[set[str], dict[str, Any]]:
    excluded = {one.listener for one in exclusions(made.listeners, made.answers, 0.75)}
    kept = [answer for answer in made.answers if answer.listener not in excluded]
    return excluded, summarise(kept, made.scores)


def recovered(report: dict[str, Any]) -> list[bool]:
    """Whether the known net win rate of each pair is within its interval."""
    found = {tuple(pair["systems"]): pair["net_win_rate"] for pair in report["pairs"]}
    return [
        found[pair]["low"] <= net_win_rate(QUALITY, *pair) <= found[pair]["high"] for pair in PAIRS
    ]


@pytest.fixture(scope="module")
def one() -> tuple[Panel, set[str], dict[str, Any]]:
    made = panel(1)
    return made, *analysed(made)


def test_the_known_preference_is_recovered(one) -> None:
    _, _, report = one
    assert all(recovered(report))
    rates = {tuple(pair["systems"]): pair["net_win_rate"] for pair in report["pairs"]}
    # The intervals say who wins.
    assert rates["fair", "good"]["high"] < 0 < rates["fair", "poor"]["low"]
    scale = report["bradley_terry"]
    assert scale["good"]["value"] > scale["fair"]["value"] > scale["poor"]["value"]
    assert sum(s["value"] for s in scale.values()) == pytest.approx(0, abs=1e-3)
    assert report["net_win_rate"]["good"]["value"] > 0.3
    for axis in AXES:
        means = [report["mean_opinion"][system][axis] for system in ("poor", "fair", "good")]
        assert means[0]["high"] < means[1]["low"] and means[1]["high"] < means[2]["low"]
        # The middle of the scale is 3, and so is the middle system.
        assert means[1]["low"] < 3 < means[1]["high"]


def test_careless_listeners_are_excluded(one) -> None:
    made, excluded, report = one
    assert len(made.careless) == 20
    assert len(made.careless - excluded) <= 1
    assert len(excluded - made.careless) <= 2
    # Their answers would draw the figures to the middle.
    everyone = summarise(made.answers, made.scores)
    assert everyone["net_win_rate"]["good"]["value"] < report["net_win_rate"]["good"]["value"]
    assert everyone["agreement_between"]["overall"] < report["agreement_between"]["overall"]


def test_agreement_and_correlation(one) -> None:
    _, excluded, report = one
    assert 0.3 < report["agreement_between"]["overall"] < 0.9
    within = report["agreement_within"]
    assert within["choice"]["low"] > 0.5
    assert within["choice"]["count"] == 3 * (200 - len(excluded))
    assert 0 < within["overall"]["mean_difference"] < 1
    for kind in ("pearson", "spearman"):
        found = report["correlation"]["metric"]["overall"][kind]
        assert found["low"] > 0.85
        assert found["count"] == 120


def test_who_can_not_be_checked_is_excluded() -> None:
    made = panel(3, listeners=4, careless=0, items=6)
    stopped = made.listeners[0].id
    kept = [a for a in made.answers if a.listener != stopped or a.position < 2]
    found = exclusions(made.listeners, kept, 0.75)
    assert [(one.listener, one.reason) for one in found] == [
        (stopped, "answered 0 gold items only")
    ] or found[0].reason == "answered 1 gold items only"
    # Without gold items, everyone is kept but for the headphones.
    failed = Listener("listener 1", 1, made.listeners[1].plan, 2, False, True)
    everyone = [made.listeners[0], failed, *made.listeners[2:]]
    assert exclusions(everyone, kept, 0.0) == []
    assert [one.listener for one in exclusions(everyone, kept, 0.0, headphones_only=True)] == [
        "listener 1"
    ]


def test_no_answers() -> None:
    report = summarise([], {})
    assert report["comparisons"] == 0
    assert report["pairs"] == [] and report["systems"] == []


@pytest.mark.slow
def test_coverage_in_a_hundred_runs() -> None:
    hits = dict.fromkeys(PAIRS, 0)
    careless = kept_careless = wrongly = 0
    for seed in range(100):
        made = panel(1000 + seed)
        excluded = {one.listener for one in exclusions(made.listeners, made.answers, 0.75)}
        pairs = pair_preferences([a for a in made.answers if a.listener not in excluded])
        for pair, hit in zip(PAIRS, recovered({"pairs": pairs}), strict=True):
            hits[pair] += hit
        careless += len(made.careless)
        kept_careless += len(made.careless - excluded)
        wrongly += len(excluded - made.careless)
    print("recovered in 100 runs:", hits)
    print("careless kept:", kept_careless, "of", careless)
    print("careful excluded:", wrongly, "of", 100 * 180)
    assert min(hits.values()) >= 95
    assert kept_careless <= 0.015 * careless
    assert wrongly <= 0.01 * 100 * 180
