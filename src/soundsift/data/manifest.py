"""The bank's manifest: what each decoded clip is, and to which split it belongs."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from soundsift.data.captions import Concept, Rules
from soundsift.data.sources import author, git_files, licence
from soundsift.data.split import is_of_first_bank, split_of

#: Of equal sounds in several sources, the copy whose split comes first here is kept: training gives
#: way to strangers, and these to the familiar validation and test.
_KEPT = ("test", "validation", "stranger-test", "stranger-validation", "train")


@dataclass(frozen=True)
class _Entry:
    """A decoded clip with its concept and split."""

    source: str
    index: dict[str, Any]
    concept: Concept
    split: str
    speaker: str


def write_manifest(bank: Path, rules: Rules) -> Counter[str]:
    """Caption and split every decoded clip; of sounds that occur more than once, one is kept.

    Writes `manifest.jsonl`, a line per clip, and `concepts.json`, what is true of all clips of a
    concept.

    Returns:
        Clips per split.
    """
    entries = list(_entries(bank, rules))
    copies: dict[str, list[_Entry]] = defaultdict(list)
    for entry in entries:
        copies[entry.index["digest"]].append(entry)
    kept = {id(_best(same)) for same in copies.values()}
    counts: Counter[str] = Counter()
    used: dict[str, Concept] = {}
    partial = bank / "manifest.jsonl.partial"
    with partial.open("w") as out:
        for entry in entries:
            if id(entry) not in kept:
                continue
            counts[entry.split] += 1
            used[entry.concept.name] = entry.concept
            out.write(json.dumps(_line(bank, entry)) + "\n")
    _write_concepts(bank, used)
    partial.rename(bank / "manifest.jsonl")
    return counts


def _best(same: list[_Entry]) -> _Entry:
    """The copy to keep; of the first bank's copies only the first counts, as it always did."""
    first = [entry for entry in same if is_of_first_bank(entry.source)]
    copies = first[:1] + [entry for entry in same if not is_of_first_bank(entry.source)]
    if any(entry.split.startswith("stranger") for entry in copies):
        return min(copies, key=lambda entry: _KEPT.index(entry.split))
    return copies[0]


def _entries(bank: Path, rules: Rules) -> Iterator[_Entry]:
    repositories = {name.replace("/", "+"): name for name in git_files()}
    for index in sorted((bank / "clips").glob("*.json")):
        stem = index.stem.removesuffix(".rendered")
        source = repositories.get(stem, stem)
        for entry in json.loads(index.read_text()):
            concept = _concept(rules, source, entry)
            if concept is not None:
                split, speaker = split_of(source, entry["path"], concept.kind)
                yield _Entry(source, entry, concept, split, speaker)


def _concept(rules: Rules, source: str, entry: dict[str, Any]) -> Concept | None:
    # Rendered stems carry their concept; recorded files get theirs from the rules.
    if "concept" in entry:
        return rules.concepts[entry["concept"]]
    return rules.concept(source, entry["path"])


def _line(bank: Path, entry: _Entry) -> dict[str, Any]:
    path = entry.index["path"]
    line = {
        "source": entry.source,
        "path": path,
        # Procedural sound states its licence in its index.
        "licence": entry.index.get("licence") or licence(bank, entry.source, path),
        "author": author(entry.source, path),
        "concept": entry.concept.name,
        "split": entry.split,
        "speaker": entry.speaker,
        **{k: entry.index[k] for k in ("shard", "offset", "samples", "seconds", "level_db")},
    }
    if entry.source in git_files():
        line["caption"] = git_files()[entry.source][path].caption
    return line


def _write_concepts(bank: Path, used: dict[str, Concept]) -> None:
    """The concepts that occur; of what is confused with them, likewise what occurs."""
    document = {
        name: {
            "kind": concept.kind,
            "groups": concept.groups,
            "captions": concept.captions,
            "confusable": [other for other in concept.confusable if other in used],
        }
        for name, concept in sorted(used.items())
    }
    partial = bank / "concepts.json.partial"
    partial.write_text(json.dumps(document, indent=1))
    partial.rename(bank / "concepts.json")
