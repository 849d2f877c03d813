"""The benchmark's results as JSON, as a Markdown table and as a picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from soundsift.audio import atomic_file, ensure_writable

FILES = ("benchmark.json", "benchmark.md", "benchmark.png", "scenes.json")

#: Rows of the table and colours of the picture: key, label, colour.
_OURS = (
    ("text", "text", "#1f5fbf"),
    ("paraphrase", "text, other words", "#7fa8dd"),
    ("span", "span", "#e08a1e"),
    ("both", "text + span", "#2a9d5c"),
)
_LIMITS = (
    ("ceiling", "codec's ceiling (knows the answer)", "#222222"),
    ("ideal_mask", "ideal ratio mask (knows the answer)", "#888888"),
)
_OTHERS = (
    ("hpss", "harmonic/percussive (best component)", "#b57edc"),
    ("nmf", "NMF (components sorted by the answer)", "#8c564b"),
    ("deepfilternet", "DeepFilterNet 3", "#d62728"),
)
_ABSENT_DB = 15.0


def ensure_free(out: Path, overwrite: bool) -> None:
    """Refuse, before any work, a folder where the report could not be written.

    Raises:
        SoundsiftError: if one of the files exists and `overwrite` is off, or cannot be written.
    """
    for name in FILES:
        ensure_writable(Path(out) / name, overwrite=overwrite)


def write_report(
    results: dict[str, Any], listing: list[dict[str, Any]], out: Path, overwrite: bool = False
) -> None:
    """Write all files, each atomically, the summary last.

    Args:
        results: the summary that `run_benchmark` returns.
        listing: every scene's description and scores.
        out: made if missing.
        overwrite: whether files that exist may be replaced.

    Raises:
        SoundsiftError: as `ensure_free`.
    """
    out = Path(out)
    ensure_free(out, overwrite)
    _write(out / "scenes.json", as_json(listing), overwrite)
    draw(out / "benchmark.png", results, listing, overwrite)
    _write(out / "benchmark.md", markdown(results), overwrite)
    _write(out / "benchmark.json", as_json(results), overwrite)


def write_json(path: Path, content: Any, overwrite: bool = False) -> None:
    """Write indented JSON atomically, the folder made if missing.

    Raises:
        SoundsiftError: if the file exists and `overwrite` is off, or cannot be written.
    """
    _write(path, as_json(content), overwrite)


def as_json(content: Any) -> str:
    """Indented JSON without NaN."""
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def markdown(results: dict[str, Any]) -> str:
    """The results as Markdown tables."""
    scenes, speed, groups = results["scenes"], results["speed"], results["groups"]
    origin = "the published set" if scenes["published"] else "**not the published set**"
    lines = [
        "# Benchmark",
        "",
        f"Suite `{results['suite']}`, model `{results['model']}`, preset `{results['preset']}`, "
        f"soundsift {results['soundsift']}; {scenes['count']} scenes of {scenes['seconds']:g} s "
        f"({origin}, digest `{scenes['digest'][:12]}`).",
        "",
        "## SI-SDR improvement in dB, mean [95 % interval]",
        "",
        *_table(
            ["", *groups],
            [["scenes", *(str(group["count"]) for group in groups.values())]]
            + [
                [label, *(_cell(group.get(key)) for group in groups.values())]
                for key, label in (
                    ("input", "*SI-SDR of the mixture itself*"),
                    *((key, label) for key, label, _ in _OURS),
                    ("both_minus_text", "text + span above text"),
                    *((key, label) for key, label, _ in (*_LIMITS, *_OTHERS)),
                    ("text_minus_deepfilternet", "text above DeepFilterNet 3"),
                )
                if any(group.get(key, {}).get("count") for group in groups.values())
            ],
        ),
        "",
        "## SDR improvement in dB, where a wrong level counts, mean [95 % interval]",
        "",
        *_table(
            ["", *groups],
            [
                [label, *(_cell(group.get(f"{key}_sdr")) for group in groups.values())]
                for key, label, _ in _OURS
            ],
        ),
        "",
        "## Level of the output: share of scenes within 3 dB of the target's (mean level in dB)",
        "",
        *_table(
            ["", *groups],
            [
                [label, *(_level(group, key) for group in groups.values())]
                for key, label, _ in _OURS
            ],
        ),
        "",
        "## Does the output follow the prompt?",
        "",
        *_table(
            ["", *groups],
            [
                [
                    "selectivity, dB [95 %]",
                    *(_cell(group.get("selectivity")) for group in groups.values()),
                ],
                *_rated(groups),
                [
                    "absent sound: median dB below the mixture",
                    *(_number(group["absent"]["median"]) for group in groups.values()),
                ],
                [
                    f"absent sound: at least {_ABSENT_DB:g} dB below",
                    *(_percent(group["absent"]["share"]["mean"]) for group in groups.values()),
                ],
            ],
        ),
        "",
        *_unseen(results),
        "## Speed and memory",
        "",
        *_table(
            ["", ""],
            [
                ["real-time factor (10 s)", f"{speed['real_time_factor']:g}"],
                ["first result after starting Python", f"{speed['first_result_seconds']:g} s"],
                ["load time", f"{speed['load_seconds']:g} s"],
                ["peak memory", f"{speed['peak_memory_mb']:.0f} MiB"],
                ["threads of processors", f"{speed['threads']} of {speed['processors']}"],
                ["machine's load before", _number(speed["load_average"])],
            ],
        ),
        "",
    ]
    lines += [f"Not run: {name}: {why}." for name, why in results["missing"].items()]
    return "\n".join(lines).rstrip() + "\n"


def _rated(groups: dict[str, Any]) -> list[list[str]]:
    """Rows about the judge's ratings of outputs by text, if there are any."""
    if not any(_has(group, "swap") for group in groups.values()):
        return []
    return [
        [
            "swap: judge's rating with the own caption minus with the other's [95 %]",
            *(_cell(group.get("swap")) for group in groups.values()),
        ],
        [
            "judge's rating: rank correlation with the improvement [95 %]",
            *(_correlation(group.get("rating_correlation")) for group in groups.values()),
        ],
    ]


def _unseen(results: dict[str, Any]) -> list[str]:
    if not results["unseen"]:
        return []
    return [
        "## Prompts that training never used",
        "",
        *_table(
            ["prompt", "meaning", "scenes", "improvement, dB", "by the known caption, dB"],
            [
                [
                    entry["prompt"],
                    entry["concept"],
                    str(entry["scenes"]),
                    _number(entry["improvement"]),
                    _number(entry["canonical"]),
                ]
                for entry in results["unseen"]
            ],
        ),
        "",
        f"Mean over all their scenes: {_cell(results['unseen_mean'])} dB.",
        "",
    ]


def draw(
    path: Path, results: dict[str, Any], listing: list[dict[str, Any]], overwrite: bool = False
) -> None:
    """Draw improvement, selectivity, absent sounds and levels into a PNG of 1800 x 1200.

    Args:
        path: where to.
        results: the summary.
        listing: every scene with its scores.
        overwrite: whether the file may be replaced.

    Raises:
        SoundsiftError: if it cannot be written.
    """
    # matplotlib is loaded only to draw; no pyplot, which has global state.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(18, 12), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.add_gridspec(2, 3, height_ratios=[1.15, 1])
    _draw_groups(figure.add_subplot(panels[0, :]), results["groups"])
    _draw_selectivity(figure.add_subplot(panels[1, 0]), results["groups"])
    _draw_absent(figure.add_subplot(panels[1, 1]), listing)
    _draw_level(figure.add_subplot(panels[1, 2]), listing)
    count = results["scenes"]["count"]
    figure.suptitle(
        f"soundsift benchmark: {results['model']}, {results['suite']}, {count} scenes",
        fontsize=15,
        parse_math=False,
    )
    with atomic_file(path, overwrite=overwrite) as file:
        figure.savefig(file, format="png", metadata={"Software": None})


def _draw_groups(axes: Any, groups: dict[str, Any]) -> None:
    methods = [
        m for m in (*_OURS, *_OTHERS, *_LIMITS) if any(_has(g, m[0]) for g in groups.values())
    ]
    width = 0.86 / len(methods)
    for index, (key, label, colour) in enumerate(methods):
        shown = [(at, g[key]) for at, g in enumerate(groups.values()) if _has(g, key)]
        places = [at + (index - (len(methods) - 1) / 2) * width for at, _ in shown]
        axes.bar(
            places,
            [interval["mean"] for _, interval in shown],
            0.92 * width,
            label=label,
            color=colour,
            yerr=_errors([interval for _, interval in shown]),
            error_kw={"elinewidth": 1, "ecolor": "#444444"},
            # What knows the answer, or is sorted by it, is not a rival.
            hatch="///" if key in {"ceiling", "ideal_mask", "hpss", "nmf"} else None,
            edgecolor="white",
            linewidth=0,
        )
    axes.axhline(0, color="black", linewidth=0.8)
    names = [f"{name}\n({group['count']})" for name, group in groups.items()]
    axes.set_xticks(range(len(names)), names)
    axes.set(ylabel="SI-SDR improvement in dB, mean and 95 %", xlim=(-0.6, len(names) - 0.4))
    axes.set_title("Improvement by group (hatched: the right answer is used)", loc="left")
    axes.legend(fontsize=9, ncols=5, loc="upper left", framealpha=0.85)
    low, high = axes.get_ylim()
    # Room for the legend above the bars.
    axes.set_ylim(low, high + 0.15 * (high - low))
    axes.grid(axis="y", alpha=0.3)


def _draw_selectivity(axes: Any, groups: dict[str, Any]) -> None:
    shown = [(name, g["selectivity"]) for name, g in groups.items() if _has(g, "selectivity")][::-1]
    axes.barh(
        range(len(shown)),
        [interval["mean"] for _, interval in shown],
        0.6,
        color="#1f5fbf",
        xerr=_errors([interval for _, interval in shown]),
        error_kw={"elinewidth": 1},
    )
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_yticks(range(len(shown)), [name.replace(", ", ",\n") for name, _ in shown])
    axes.set(xlabel="right minus wrong reference, dB, mean and 95 %")
    axes.set_title("Selectivity (0: the prompt is ignored)", loc="left")
    axes.grid(axis="x", alpha=0.3)


def _draw_absent(axes: Any, listing: list[dict[str, Any]]) -> None:
    levels = sorted(scene["scores"]["absent"] for scene in listing)
    shares = [100 * (1 - index / len(levels)) for index in range(len(levels))]
    axes.step(levels, shares, where="post", color="#1f5fbf")
    axes.axvline(_ABSENT_DB, color="#2a9d5c", linestyle="--", linewidth=1)
    axes.set(
        xlabel="output below the mixture, dB", ylabel="% of scenes at least so far", ylim=(0, 102)
    )
    axes.set_xlim(min(0.0, levels[0]), max(40.0, levels[-1] * 1.02))
    axes.set_title("Absent sounds", loc="left")
    axes.grid(alpha=0.3)


def _draw_level(axes: Any, listing: list[dict[str, Any]]) -> None:
    for key, label, colour in _OURS:
        levels = sorted(scene["scores"][f"{key}_level"] for scene in listing)
        shares = [100 * (index + 1) / len(levels) for index in range(len(levels))]
        axes.step(levels, shares, where="post", label=label, color=colour)
    axes.axvspan(-3, 3, color="#2a9d5c", alpha=0.15)
    axes.set(xlabel="output's level against the target's, dB", ylabel="% of scenes at most so loud")
    axes.set(xlim=(-30, 15), ylim=(0, 102))
    axes.set_title("Level of present sounds (band: within 3 dB)", loc="left")
    axes.legend(fontsize=9, loc="upper left")
    axes.grid(alpha=0.3)


def _errors(intervals: list[dict[str, float]]) -> list[list[float]]:
    below = [max(0.0, i["mean"] - i["low"]) for i in intervals]
    return [below, [max(0.0, i["high"] - i["mean"]) for i in intervals]]


def _has(group: dict[str, Any], key: str) -> bool:
    return bool(group.get(key, {}).get("count"))


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    body = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in body]


def _cell(interval: dict[str, Any] | None) -> str:
    if not interval or not interval["count"]:
        return "–"
    return f"{interval['mean']:.1f} [{interval['low']:.1f}, {interval['high']:.1f}]"


def _correlation(figure: dict[str, Any] | None) -> str:
    if not figure or figure["value"] is None:
        return "–"
    return f"{figure['value']:.2f} [{figure['low']:.2f}, {figure['high']:.2f}]"


def _level(group: dict[str, Any], prompt: str) -> str:
    near, level = group.get(f"{prompt}_near"), group.get(f"{prompt}_level")
    if not near or not level or not near["count"]:
        return "–"
    return f"{100 * near['mean']:.0f} % ({level['mean']:+.1f})"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.0f} %"


def _write(path: Path, text: str, overwrite: bool) -> None:
    with atomic_file(path, overwrite=overwrite) as file:
        file.write(text.encode())
