"""The report of a listening test: JSON, Markdown, and the answers as CSV."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from soundsift.audio.atomic import atomic_files
from soundsift.evaluation.listening_test.analysis import Analysis
from soundsift.evaluation.listening_test.design import AXES
from soundsift.evaluation.listening_test.export import csv_files


def write_report(analysis: Analysis, folder: Path, *, overwrite: bool = False) -> None:
    """Write `report.json`, `report.md` and CSV files, all or none of them.

    Args:
        analysis: what to write.
        folder: where; made if missing.
        overwrite: whether existing files may be replaced.

    Raises:
        SoundsiftError: a file exists and `overwrite` is off, or can't be written.
    """
    texts = {
        "report.json": json.dumps(analysis.report, indent=1) + "\n",
        "report.md": markdown(analysis.report),
        **csv_files(analysis),
    }
    with atomic_files(folder, overwrite=overwrite) as staging:
        for name, text in texts.items():
            staging.file(name).write_text(text, encoding="utf-8")


def markdown(report: Mapping[str, Any]) -> str:
    """The figures of an analysis as tables."""
    listeners = report["listeners"]
    lines = [
        f"# {report['title']}",
        "",
        f"{listeners['kept']} listeners ({len(listeners['excluded'])} excluded, "
        f"{listeners['failed_headphone_check']} failed the headphone check), "
        f"{report['comparisons']} comparisons. 95 % intervals in brackets; they cover the choice "
        "of listeners and of items.",
        "",
        "## Mean opinion, 1 to 5",
        "",
        *_table(
            ["system", *AXES],
            [
                [system, *(_shown(axes[axis]) for axis in AXES)]
                for system, axes in report["mean_opinion"].items()
            ],
        ),
        "## Preference",
        "",
        "Net win rate: comparisons won minus comparisons lost, in % of both. The Bradley-Terry "
        "scale is in natural log-odds: a system that is 1 above another is preferred in 73 % of "
        "comparisons.",
        "",
        *_table(
            ["system", "net win rate, %", "Bradley-Terry"],
            [
                [
                    system,
                    _shown(rate, 100, 1),
                    _shown(report["bradley_terry"].get(system)),
                ]
                for system, rate in report["net_win_rate"].items()
            ],
        ),
        *_table(
            ["pair", "wins", "losses", "net win rate of the first, %"],
            [
                [
                    " against ".join(pair["systems"]),
                    str(pair["wins"]),
                    str(pair["losses"]),
                    _shown(pair["net_win_rate"], 100, 1),
                ]
                for pair in report["pairs"]
            ],
        ),
        "## Agreement",
        "",
        "Between listeners: Krippendorff's alpha (1: all agree; 0: as by chance). Within "
        "listeners: share of the comparisons that came again and were answered alike, and the "
        "mean difference of their ratings.",
        "",
        *_table(
            ["", "between: alpha", "within: same", "within: mean difference"], _agreement(report)
        ),
        *_correlation(report["correlation"]),
        *_excluded(listeners["excluded"]),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _agreement(report: Mapping[str, Any]) -> list[list[str]]:
    between, within = report["agreement_between"], report["agreement_within"]
    rows = [
        [
            axis,
            _number(between[axis]),
            _shown(within[axis]["same"], 100, 0, " %"),
            _number(within[axis]["mean_difference"]),
        ]
        for axis in AXES
    ]
    return [
        *rows,
        ["choice", _number(between["choice"]), _shown(within["choice"], 100, 0, " %"), ""],
    ]


def _correlation(found: Mapping[str, Any]) -> list[str]:
    if not found:
        return []
    rows = [
        [name, kind, *(_shown(axes[axis][kind]) for axis in AXES)]
        for name, axes in found.items()
        for kind in ("pearson", "spearman")
    ]
    return [
        "## Scores against mean ratings",
        "",
        "Correlation over all outputs. A listening test of few items says little about a score.",
        "",
        *_table(["score", "", *AXES], rows),
    ]


def _excluded(excluded: Sequence[Mapping[str, str]]) -> list[str]:
    if not excluded:
        return []
    rows = [[one["listener"], one["reason"]] for one in excluded]
    return ["## Excluded listeners", "", *_table(["listener", "reason"], rows)]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    cells = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return [*("| " + " | ".join(_cell(c) for c in row) + " |" for row in cells), ""]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _shown(
    estimate: Mapping[str, Any] | None, factor: float = 1.0, digits: int = 2, unit: str = ""
) -> str:
    if estimate is None or estimate["value"] is None:
        return ""
    text = f"{factor * estimate['value']:.{digits}f}{unit}"
    if estimate["low"] is None:
        return text
    low, high = (f"{factor * estimate[end]:.{digits}f}" for end in ("low", "high"))
    return f"{text} [{low}, {high}]"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
