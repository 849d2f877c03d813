"""The answers as CSV, also with the column names of webMUSHRA and of the P.808 toolkit."""

from __future__ import annotations

import csv
import io
import statistics
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from soundsift.evaluation.listening_test.analysis import Analysis
from soundsift.evaluation.listening_test.answers import Answer
from soundsift.evaluation.listening_test.design import AXES, Axis

#: Names of the axes where the P.808 toolkit has names of its own.
_P808 = {"overall": "MOS_OVRL"}


def csv_files(analysis: Analysis) -> dict[str, str]:
    """Texts of the CSV files by name.

    `answers.csv` has every answer. The others have the comparisons of the listeners who are not
    excluded.
    """
    kept = [
        answer
        for answer in analysis.answers
        if answer.listener not in analysis.excluded and answer.trial.kind == "comparison"
    ]
    title = analysis.report["title"]
    return {
        "answers.csv": _answers(analysis),
        "webmushra_lms.csv": _webmushra_lms(title, kept),
        "webmushra_paired_comparison.csv": _webmushra_pairs(title, kept),
        "p808_votes_per_worker.csv": _p808_votes(kept),
        **{f"p808_votes_per_clip_{axis}.csv": _p808_clips(kept, axis) for axis in AXES},
    }


def _answers(analysis: Analysis) -> str:
    head = ["listener", "excluded", "position", "kind", "item", "system_a", "system_b"]
    head += [f"{side}_{axis}" for side in ("a", "b") for axis in AXES]
    rows = [
        [
            answer.listener,
            int(answer.listener in analysis.excluded),
            answer.position,
            *(answer.trial.kind, answer.trial.item, answer.trial.a, answer.trial.b),
            *(answer.ratings_a[axis] for axis in AXES),
            *(answer.ratings_b[axis] for axis in AXES),
            answer.winner,
            round(answer.seconds, 2),
        ]
        for answer in analysis.answers
    ]
    return _text([*head, "choice", "seconds"], rows)


def _webmushra_lms(title: str, answers: Sequence[Answer]) -> str:
    """Ratings as webMUSHRA's page `likert_multi_stimulus` writes them, one trial for each axis."""
    rows = [
        [
            title,
            answer.listener,
            f"{answer.trial.item}.{axis}",
            ratings[axis],
            system,
            _milliseconds(answer),
        ]
        for answer in answers
        for axis in AXES
        for system, ratings in answer.rated
    ]
    head = ["session_test_id", "listener", "trial_id", "stimuli_rating", "stimuli", "rating_time"]
    return _text(head, rows)


def _webmushra_pairs(title: str, answers: Sequence[Answer]) -> str:
    """Choices as webMUSHRA's page `paired_comparison` writes them; A stands for the reference."""
    head = ["session_test_id", "listener", "trial_id", "choice_reference", "choice_non_reference"]
    rows = [
        [
            title,
            answer.listener,
            answer.trial.item,
            answer.trial.a,
            answer.trial.b,
            answer.winner,
            _milliseconds(answer),
            "",
        ]
        for answer in answers
    ]
    return _text([*head, "choice_answer", "choice_time", "choice_comment"], rows)


def _p808_votes(answers: Sequence[Answer]) -> str:
    head = ["HITId", "workerid", "assignment_id", "assignmentstatus", "file", "short_file_name"]
    rows = [
        [
            answer.trial.item,
            answer.listener,
            f"{answer.listener}-{answer.position}",
            "Submitted",
            f"{answer.trial.item}/{system}",
            system,
            ratings[axis],
            _P808.get(axis, f"MOS_{axis.upper()}"),
            system,
        ]
        for answer in answers
        for system, ratings in answer.rated
        for axis in AXES
    ]
    return _text([*head, "vote", "question_type", "condition_name"], rows)


def _p808_clips(answers: Sequence[Answer], axis: Axis) -> str:
    votes: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for answer in answers:
        for system, ratings in answer.rated:
            votes[answer.trial.item, system].append(ratings[axis])
    most = max(map(len, votes.values()), default=0)
    rows = []
    for (item, system), given in sorted(votes.items()):
        deviation = statistics.stdev(given) if len(given) > 1 else None
        half = None if deviation is None else 1.96 * deviation / len(given) ** 0.5
        mean = statistics.mean(given)
        facts = [f"{item}/{system}", len(given), mean, deviation, half, system, system]
        rows.append([*facts, *given, *[""] * (most - len(given))])
    head = ["file_url", "n", "MOS", "std", "95%CI", "short_file_name", "condition_name"]
    return _text([*head, *(f"vote_{n}" for n in range(1, most + 1))], rows)


def _milliseconds(answer: Answer) -> int:
    return round(1000 * answer.seconds)


def _text(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(head)
    writer.writerows([_plain(cell) for cell in row] for row in rows)
    return buffer.getvalue()


def _plain(cell: Any) -> Any:
    # A cell that begins so is a formula to spreadsheets.
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@") else cell
