"""Analysis of the answers to a listening test."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from soundsift.evaluation.listening_test.answers import Answer, Answers, Listener
from soundsift.evaluation.listening_test.design import AXES, Axis
from soundsift.evaluation.listening_test.folder import TestFolder
from soundsift.evaluation.listening_test.sessions import knows_better
from soundsift.evaluation.listening_test.statistics import (
    Crossed,
    Estimate,
    bradley_terry,
    correlations,
    krippendorff_alpha,
    share,
)

#: Fewer gold items say nothing about a listener.
LEAST_GOLD = 2

Scores = Mapping[str, Mapping[str, Mapping[str, float]]]


@dataclass(frozen=True)
class Exclusion:
    """Why a listener's answers are left out."""

    listener: str
    reason: str


@dataclass(frozen=True)
class Analysis:
    """Answers and what they say.

    Attributes:
        report: figures, as JSON takes them.
        answers: all answers.
        excluded: ids of listeners whose answers are left out.
    """

    report: dict[str, Any]
    answers: list[Answer]
    excluded: frozenset[str]


def analyse(folder: TestFolder, gold_share: float, headphones_only: bool) -> Analysis:
    """Analyse a test, which may still be running.

    Args:
        folder: the test.
        gold_share: share of gold items that a listener must get right.
        headphones_only: leave out who failed the headphone check.

    Raises:
        SoundsiftError: the database of answers can't be used.
    """
    database = Answers(folder.answers)
    try:
        listeners, answers = database.listeners(), database.answers()
    finally:
        database.close()
    checked = gold_share if folder.settings.gold else 0.0
    excluded = exclusions(listeners, answers, checked, headphones_only)
    out = frozenset(one.listener for one in excluded)
    scores = {item.id: item.scores for item in folder.description.items}
    report = {
        "title": folder.settings.title,
        "listeners": _listeners(listeners, excluded),
        **summarise([answer for answer in answers if answer.listener not in out], scores),
    }
    return Analysis(report, answers, out)


def exclusions(
    listeners: Sequence[Listener],
    answers: Sequence[Answer],
    gold_share: float,
    headphones_only: bool = False,
) -> list[Exclusion]:
    """Listeners whose answers are left out, and why.

    A gold item is right if the known better output was preferred and rated higher overall. Who has
    answered fewer than `LEAST_GOLD` of them can't be checked and is left out, too.

    Args:
        listeners: all sessions.
        answers: all answers.
        gold_share: share of gold items that must be right; 0 checks none.
        headphones_only: leave out who failed the headphone check.
    """
    gold: defaultdict[str, list[bool]] = defaultdict(list)
    for answer in answers:
        if answer.trial.kind == "gold":
            gold[answer.listener].append(knows_better(answer))
    found = []
    for listener in listeners:
        right = gold[listener.id]
        if headphones_only and listener.headphones is False:
            found.append(Exclusion(listener.id, "failed the headphone check"))
        elif gold_share > 0 and len(right) < LEAST_GOLD:
            found.append(Exclusion(listener.id, f"answered {len(right)} gold items only"))
        elif gold_share > 0 and sum(right) < gold_share * len(right):
            found.append(
                Exclusion(listener.id, f"{sum(right)} of {len(right)} gold items were right")
            )
    return found


def summarise(answers: Sequence[Answer], scores: Scores) -> dict[str, Any]:
    """All figures of the answers that are kept.

    Args:
        answers: answers of the listeners who are not left out.
        scores: metrics by item, system and name.
    """
    main = _comparisons(answers)
    crossed, systems = _crossed(main), _systems(main)
    return {
        "comparisons": len(main),
        "systems": systems,
        "mean_opinion": {
            system: {axis: _opinion(main, crossed, system, axis).as_dict() for axis in AXES}
            for system in systems
        },
        "net_win_rate": {
            system: crossed.mean(_outcomes(main, system, None), -1.0, 1.0).as_dict()
            for system in systems
        },
        "pairs": pair_preferences(main),
        "bradley_terry": _scale(main, crossed, systems),
        "agreement_between": _between(main),
        "agreement_within": _within(answers),
        "correlation": _correlation(main, scores),
    }


def pair_preferences(answers: Sequence[Answer]) -> list[dict[str, Any]]:
    """Wins, losses and net win rate of each pair of systems.

    Args:
        answers: answers of the listeners who are not left out.
    """
    main = _comparisons(answers)
    crossed = _crossed(main)
    found = []
    for one, other in combinations(_systems(main), 2):
        rows = _outcomes(main, one, other)
        found.append(
            {
                "systems": [one, other],
                "wins": sum(value > 0 for *_, value in rows),
                "losses": sum(value < 0 for *_, value in rows),
                "net_win_rate": crossed.mean(rows, -1.0, 1.0).as_dict(),
            }
        )
    return found


def _comparisons(answers: Sequence[Answer]) -> list[Answer]:
    return [answer for answer in answers if answer.trial.kind == "comparison"]


def _systems(answers: Sequence[Answer]) -> list[str]:
    return sorted({system for answer in answers for system in (answer.trial.a, answer.trial.b)})


def _crossed(answers: Sequence[Answer]) -> Crossed:
    listeners = sorted({answer.listener for answer in answers})
    return Crossed(listeners, sorted({answer.trial.item for answer in answers}))


def _listeners(listeners: Sequence[Listener], excluded: Sequence[Exclusion]) -> dict[str, Any]:
    return {
        "all": len(listeners),
        "kept": len(listeners) - len(excluded),
        "finished": sum(listener.finished for listener in listeners),
        "failed_headphone_check": sum(listener.headphones is False for listener in listeners),
        "excluded": [{"listener": one.listener, "reason": one.reason} for one in excluded],
    }


def _opinion(answers: Sequence[Answer], crossed: Crossed, system: str, axis: Axis) -> Estimate:
    rows = [
        (answer.listener, answer.trial.item, float(ratings[axis]))
        for answer in answers
        for rated, ratings in answer.rated
        if rated == system
    ]
    return crossed.mean(rows, 1.0, 5.0)


def _outcomes(
    answers: Sequence[Answer], system: str, other: str | None
) -> list[tuple[str, str, float]]:
    """1 for each comparison that a system wins and -1 for each that it loses."""
    return [
        (answer.listener, answer.trial.item, 1.0 if answer.winner == system else -1.0)
        for answer in answers
        if system in (answer.trial.a, answer.trial.b)
        and other in (None, answer.trial.a, answer.trial.b)
    ]


def _scale(answers: Sequence[Answer], crossed: Crossed, systems: Sequence[str]) -> dict[str, Any]:
    count = len(systems)
    if count < 2:
        return {}
    wins = np.zeros((count, count))
    drawn: Any = None
    for i, one in enumerate(systems):
        for j, other in enumerate(systems):
            rows = [r for r in _outcomes(answers, one, other) if r[2] > 0] if i != j else []
            table = crossed.table(rows)
            wins[i, j] = table.sum()
            resampled = crossed.resampled(table)
            drawn = np.zeros((len(resampled), count, count)) if drawn is None else drawn
            drawn[:, i, j] = resampled
    value, values = bradley_terry(wins), bradley_terry(drawn)
    found = {}
    for number, system in enumerate(systems):
        games = int(wins[number].sum() + wins[:, number].sum())
        estimate = crossed.interval(float(value[number]), values[:, number], games)
        found[system] = estimate.as_dict()
    return found


def _between(answers: Sequence[Answer]) -> dict[str, float | None]:
    """Krippendorff's alpha of the ratings on each axis, and of the choices."""
    found: dict[str, float | None] = {}
    for axis in AXES:
        # A listener who heard an output in two comparisons counts once.
        units: defaultdict[Any, defaultdict[str, list[float]]] = defaultdict(
            lambda: defaultdict(list)
        )
        for answer in answers:
            for system, ratings in answer.rated:
                units[answer.trial.item, system][answer.listener].append(ratings[axis])
        means = {
            unit: [sum(values) / len(values) for values in given.values()]
            for unit, given in units.items()
        }
        found[axis] = _rounded(krippendorff_alpha(means))
    choices: defaultdict[Any, list[float]] = defaultdict(list)
    for answer in answers:
        first = min(answer.trial.a, answer.trial.b)
        choices[answer.trial.cell].append(float(answer.winner == first))
    found["choice"] = _rounded(krippendorff_alpha(choices))
    return found


def _within(answers: Sequence[Answer]) -> dict[str, Any]:
    """How listeners answered a comparison that came again, with A and B exchanged."""
    first = {(a.listener, a.trial.cell): a for a in answers if a.trial.kind == "comparison"}
    pairs = [
        (first[a.listener, a.trial.cell], a)
        for a in answers
        if a.trial.kind == "repeat" and (a.listener, a.trial.cell) in first
    ]
    same = sum(one.winner == other.winner for one, other in pairs)
    found: dict[str, Any] = {"choice": share(same, len(pairs)).as_dict()}
    for axis in AXES:
        gaps = [
            abs(dict(one.rated)[system][axis] - ratings[axis])
            for one, other in pairs
            for system, ratings in other.rated
        ]
        found[axis] = {
            "same": share(sum(gap == 0 for gap in gaps), len(gaps)).as_dict(),
            "mean_difference": _rounded(float(np.mean(gaps))) if gaps else None,
        }
    return found


def _correlation(answers: Sequence[Answer], scores: Scores) -> dict[str, Any]:
    """Each metric against the mean rating of each output, by metric and axis."""
    ratings: defaultdict[tuple[str, str], list[Mapping[Axis, int]]] = defaultdict(list)
    for answer in answers:
        for system, rated in answer.rated:
            ratings[answer.trial.item, system].append(rated)
    names = sorted({n for by_system in scores.values() for s in by_system.values() for n in s})
    found: dict[str, Any] = {}
    for name in names:
        known = {
            (item, system): scores[item][system][name]
            for item, system in ratings
            if name in scores.get(item, {}).get(system, {})
        }
        found[name] = {
            axis: {
                kind: estimate.as_dict()
                for kind, estimate in correlations(
                    [
                        (key[0], value, sum(r[axis] for r in ratings[key]) / len(ratings[key]))
                        for key, value in known.items()
                    ]
                ).items()
            }
            for axis in AXES
        }
    return found


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
