"""The ledger: every result that we have, with per-item files, versions and hashes, as a page.

`DOCS/results/ledger/SUITE/SYSTEM/` holds `run.json` and `results.jsonl`;
`DOCS/results/claimed.yaml` what others claim; `DOCS/ledger.md` is the page, of which the parts
between marks are written anew.
"""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from soundsift.audio import atomic_file
from soundsift.errors import SoundsiftError
from soundsift.evaluation.results import ROWS, RUN, Results, read_results, rows_digest
from soundsift.evaluation.table import markdown

PAGE = "ledger.md"
_MEASURED = "<!-- measured: written by soundsift results add -->"
_CLAIMED = "<!-- claimed: written by soundsift results add -->"
_END = "<!-- end -->"
#: Endings of files that the page does not list; `run.json` has their hashes too.
_CONFIG = (".json", ".yaml")


class Claim(BaseModel):
    """Figures that a system's authors or others give; not measured here.

    Attributes:
        system: its name.
        test: what it was tested on.
        figures: figure to value, in the order of the source.
        source: where it is claimed.
        note: what a reader must know of it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    system: str
    test: str
    figures: dict[str, float]
    source: str
    note: str = ""


def add_results(results: Results, docs: Path, overwrite: bool = False) -> Path:
    """Copy the per-item file of a system into the ledger, without paths to sound.

    Args:
        results: of one system on one suite.
        docs: folder of the documentation.
        overwrite: whether the system's results on this suite may be replaced.

    Returns:
        The folder.

    Raises:
        SoundsiftError: nothing is finished, or there are results that may not be replaced.
    """
    if not results.done:
        raise SoundsiftError(f"{results.folder}: no item has scores. Run the benchmark first.")
    folder = _folder(docs) / str(results.run["suite"]).replace("/", "-") / results.name
    folder.mkdir(parents=True, exist_ok=True)
    kept = ("id", "prompt", "status", "reason", "seconds", "group", "scores", "chosen", "ranked_by")
    lines = [
        json.dumps({key: row[key] for key in kept if key in row}, ensure_ascii=False)
        for row in sorted(results.rows, key=lambda row: str(row["id"]))
    ]
    with atomic_file(folder / ROWS, overwrite=overwrite) as file:
        file.write("".join(f"{line}\n" for line in lines).encode())
    with atomic_file(folder / RUN, overwrite=overwrite) as file:
        file.write(json.dumps(dict(results.run), indent=1, ensure_ascii=False).encode() + b"\n")
    return folder


def write_page(docs: Path) -> Path:
    """Write the tables of the page anew.

    Args:
        docs: folder of the documentation, with `ledger.md`.

    Raises:
        SoundsiftError: the page lacks a mark, or a file is damaged.
    """
    page = docs / PAGE
    try:
        text = page.read_text(encoding="utf-8")
    except OSError as error:
        raise SoundsiftError(
            f"{page} can't be read ({error.strerror}). Name the docs folder."
        ) from error
    text = _replace(text, _MEASURED, measured(docs), page)
    text = _replace(text, _CLAIMED, claimed(read_claims(docs)), page)
    with atomic_file(page, overwrite=True) as file:
        file.write(text.encode())
    return page


def measured(docs: Path) -> str:
    """Tables of all results in the ledger, a section per suite, and their files."""
    found = [read_results(path.parent) for path in sorted(_folder(docs).glob(f"*/*/{RUN}"))]
    sections = []
    # Runs of other items, settings or numbers of items don't belong into one table.
    by_items = sorted(found, key=_table_key)
    for _, group in groupby(by_items, key=_table_key):
        part = list(group)
        run = part[0].run
        sections.append(
            "\n".join(
                [
                    f"### {run['suite']}, {run['items']} items",
                    "",
                    f"Items `{run['items_sha256'][:12]}`{_settings(run['settings'])}.",
                    "",
                    markdown(part),
                    "| system | version | per-item file | SHA-256 |",
                    "|---|---|---|---|",
                    *(_file_line(docs, each) for each in part),
                ]
            )
        )
    return "\n\n".join(sections) or "None yet."


def claimed(claims: list[Claim]) -> str:
    """Tables of what others claim, one per kind of figures."""
    sections = []
    for names, group in groupby(claims, key=lambda claim: tuple(claim.figures)):
        lines = [
            f"| system | test | {' | '.join(names)} | source | |",
            f"|---|---|{'--:|' * len(names)}---|---|",
        ]
        for claim in group:
            values = " | ".join(f"{value:g}" for value in claim.figures.values())
            lines.append(
                f"| {claim.system} | {claim.test} | {values} | {claim.source} | {claim.note} |"
            )
        sections.append("\n".join(lines))
    return "\n\n".join(sections)


def read_claims(docs: Path) -> list[Claim]:
    """What others claim, from `results/claimed.yaml`.

    Raises:
        SoundsiftError: the file is missing or an entry is wrong.
    """
    path = docs / "results" / "claimed.yaml"
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))
        return [Claim.model_validate(entry) for entry in entries]
    except (OSError, yaml.YAMLError, TypeError, ValidationError) as error:
        raise SoundsiftError(f"{path}: {' '.join(str(error).split())[:200]}.") from error


def _folder(docs: Path) -> Path:
    return docs / "results" / "ledger"


def _table_key(results: Results) -> tuple[str, int, str, str]:
    run = results.run
    settings = json.dumps(run["settings"], sort_keys=True)
    return run["suite"], -int(run["items"]), run["items_sha256"], settings


def _settings(settings: dict[str, Any]) -> str:
    parts = [
        f"{name} `{value[:12] if isinstance(value, str) and len(value) == 64 else value}`"
        for name, value in settings.items()
    ]
    return f"; {', '.join(parts)}" if parts else ""


def _file_line(docs: Path, results: Results) -> str:
    path = (results.folder / ROWS).relative_to(docs).as_posix()
    version = results.run["system"]["version"]
    words = [f"adapter `{version['adapter'][:12]}`"] if version.get("adapter") else []
    words += [f"{name} {value}" for name, value in (version.get("settings") or {}).items()]
    weights = {k: v for k, v in (version.get("weights") or {}).items() if not k.endswith(_CONFIG)}
    words += [f"{name} `{value[:12]}`" for name, value in weights.items()]
    words += [f"packages `{version['packages'][:12]}`"] if version.get("packages") else []
    words.append(f"soundsift {results.run['soundsift']}")
    link = f"[{ROWS}]({path})"
    return f"| {results.name} | {', '.join(words)} | {link} | `{rows_digest(results)[:16]}` |"


def _replace(text: str, mark: str, content: str, page: Path) -> str:
    start = text.find(mark)
    end = text.find(_END, start)
    if start < 0 or end < 0:
        raise SoundsiftError(f"{page} lacks the line {mark} with {_END} after it. Restore it.")
    return f"{text[: start + len(mark)]}\n\n{content.strip()}\n\n{text[end:]}"
