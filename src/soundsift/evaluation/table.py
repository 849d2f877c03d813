"""Results of several systems on one suite as a table."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from soundsift.audio import atomic_file
from soundsift.evaluation.item import Figure
from soundsift.evaluation.results import Results, read_results
from soundsift.evaluation.suites import summariser
from soundsift.evaluation.summary import correlation_figure, score_figures

#: Marks of systems, explained below a table.
_ORACLE, _RANKED = "*", "†"
#: First parts of the names of scores beside a suite's own.
_BESIDE = frozenset({"clap", "judge", "pesq", "stoi", "aes"})
_REFERENCE_FREE = frozenset({"clap", "judge_overall"})
#: Figures that are shares.
_SHARES = frozenset({"near", "under", "equal", "over", "span_iou", "span_recall", "span_precision"})
_LABELS = {
    "si_sdr": "SI-SDR, dB",
    "si_sdr_i": "SI-SDR improvement, dB",
    "sdr": "SDR, dB",
    "sdr_i": "SDR improvement, dB",
    "near": "level within 3 dB",
    "selectivity": "selectivity, dB",
    "clap_swap": "CLAP, swap",
    "clap_corr": "CLAP's correlation with SI-SDR improvement",
    "judge_swap": "judge, swap",
    "judge_overall_corr": "judge's correlation with SI-SDR improvement",
    "absent_db": "absent sound: below the mixture, dB",
    "span_iou": "SpanIoU",
}


def summarise(results: Results) -> dict[str, Figure]:
    """The published figures of a suite, then those of scorers beside it."""
    rows = results.done
    figures = summariser(results.run["suite"])(rows)
    names = {name for row in rows for name in row["scores"]}
    beside = [name for name in sorted(names) if name.partition("_")[0] in _BESIDE]
    # How well scores without a right answer follow the true improvement, where that is known.
    judged = [name for name in beside if name in _REFERENCE_FREE]
    followed = {f"{name}_corr": correlation_figure(rows, name, "si_sdr_i") for name in judged}
    found = {name: figure for name, figure in followed.items() if figure.value is not None}
    return figures | score_figures(rows, beside) | found


def as_data(results: Sequence[Results]) -> list[dict[str, Any]]:
    """What the table shows, as data: one entry per system."""
    return [
        {
            "system": found.name,
            "title": found.run["system"]["title"],
            "suite": found.run["suite"],
            "prompted": found.run["system"]["prompted"],
            "ranked_by": list(found.ranked_by),
            "items": found.run["items"],
            "finished": len(found.done),
            "failures": failures(found),
            "figures": {name: asdict(figure) for name, figure in summarise(found).items()},
            "groups": _groups(found),
        }
        for found in results
    ]


def write_table(out: Path, names: Sequence[str]) -> list[dict[str, Any]]:
    """Write `table.md` and `table.json` of systems into their folder.

    Args:
        out: holds a folder of results for every system.
        names: the systems, in order.

    Returns:
        What `table.json` holds.

    Raises:
        SoundsiftError: results are missing, or the files can't be written.
    """
    results = [read_results(out / name) for name in names]
    data = as_data(results)
    for name, text in (("table.md", markdown(results)), ("table.json", json.dumps(data, indent=1))):
        with atomic_file(out / name, overwrite=True) as file:
            file.write(text.encode())
    return data


def failures(results: Results) -> dict[str, int]:
    """How many items have no scores, by the reason; `not run` for those without a row."""
    counts = Counter(row["status"] for row in results.rows if row["status"] != "ok")
    if left := results.run["items"] - len(results.rows):
        counts["not run"] = left
    return dict(sorted(counts.items()))


def markdown(results: Sequence[Results]) -> str:
    """A table with a row per system, and what its marks mean.

    Args:
        results: of one suite.
    """
    figures = {found.name: summarise(found) for found in results}
    names = list(dict.fromkeys(n for f in figures.values() for n, x in f.items() if x.count))
    lines = [
        "| " + " | ".join(["system", "items", *(_LABELS.get(n, n) for n in names)]) + " |",
        "|---|--:|" + "--:|" * len(names),
    ]
    for found in results:
        cells = [_title(found), f"{len(found.done)} of {found.run['items']}"]
        cells += [_cell(n, figures[found.name].get(n)) for n in names]
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", *_notes(results)]
    return "\n".join(lines).rstrip() + "\n"


def _notes(results: Sequence[Results]) -> list[str]:
    notes = []
    if any(not found.run["system"]["prompted"] for found in results):
        notes.append(
            f"{_ORACLE} takes no prompt: its stem, or the sum of its stems, nearest to the target "
            "was taken by the right answer."
        )
    for found in results:
        if found.ranked_by:
            notes.append(
                f"{_RANKED} {found.name} chose among candidates by {', '.join(found.ranked_by)}, "
                "which is therefore not reported."
            )
    for found in results:
        counts = failures(found)
        if counts:
            what = ", ".join(f"{count} {reason}" for reason, count in counts.items())
            notes.append(f"{found.name}: without scores: {what}; means are over the others.")
    missing = results[0].run["missing"] if results else []
    if missing:
        notes.append(f"{len(missing)} items of the suite are missing from the data.")
    return [line for note in notes for line in (note, "")]


def _groups(found: Results) -> dict[str, dict[str, Any]]:
    """Means of the headline scores per group, where there are a few groups."""
    groups = sorted({row["group"] for row in found.done if row["group"]})
    if not 1 < len(groups) <= 12:
        return {}
    keys = ("si_sdr_i", "sdr_i", "near")
    return {
        group: {
            key: asdict(figure)
            for key, figure in score_figures(
                [row for row in found.done if row["group"] == group], keys
            ).items()
        }
        for group in groups
    }


def _title(found: Results) -> str:
    marks = "" if found.run["system"]["prompted"] else _ORACLE
    marks += _RANKED if found.ranked_by else ""
    return f"{found.run['system']['title']}{marks}".replace("|", "\\|")


def _cell(name: str, figure: Figure | None) -> str:
    if figure is None or figure.value is None or figure.low is None or figure.high is None:
        return "–"
    if name in _SHARES:
        return f"{100 * figure.value:.0f} % [{100 * figure.low:.0f}, {100 * figure.high:.0f}]"
    return f"{figure.value:.2f} [{figure.low:.2f}, {figure.high:.2f}]"
