"""What every file sounds like: rules over packages and paths, kept as YAML in `rules/`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

import yaml

KINDS = ("speech", "singing", "music", "instrument", "effect", "ambience")

#: Groups that a prompt may name as a whole ("all animals"), with the words users have for them.
GROUPS: dict[str, tuple[str, ...]] = {
    "speech": ("speech", "someone talking", "people talking", "voice", "spoken words",
               "a person speaking", "talking", "human speech"),
    "voice": ("human voice sounds", "vocal sounds"),
    "singing": ("singing", "someone singing", "vocals", "singing voice"),
    "crowd": ("crowd", "crowd noise", "a crowd of people"),
    "music": ("music", "music playing", "the music", "background music", "musical instruments"),
    "drums": ("drums", "drumming", "drum kit", "drum sounds"),
    "percussion": ("percussion", "percussion instruments"),
    "strings": ("strings", "string instruments", "bowed strings"),
    "brass": ("brass", "brass instruments", "horns playing"),
    "woodwind": ("woodwinds", "woodwind instrument", "wind instrument"),
    "keyboard": ("keyboard instrument", "keys"),
    "guitar": ("guitar", "guitar playing"),
    "bass": ("bass", "bass line", "bass guitar"),
    "synth": ("synthesizer", "synth", "electronic synthesizer sound"),
    "bell": ("bells", "bell ringing", "a bell"),
    "animal": ("animals", "all animals", "animal sounds", "an animal"),
    "bird": ("birds", "bird sounds", "a bird", "birdsong"),
    "insect": ("insects", "insect sounds"),
    "weapon": ("weapons", "fighting with weapons", "weapon sounds"),
    "gunshot": ("gunshots", "gunfire", "shooting", "gun firing"),
    "explosion": ("explosions", "explosion", "something exploding"),
    "fire": ("fire", "fire burning"),
    "water": ("water", "water sounds", "splashing water"),
    "weather": ("weather", "weather sounds"),
    "footsteps": ("footsteps", "someone walking", "steps"),
    "impact": ("impacts", "something hitting", "impact sound"),
    "door": ("door", "door sounds"),
    "tool": ("tools", "working with tools", "tool sounds"),
    "machine": ("machines", "machinery", "machine noise"),
    "engine": ("engine", "engine noise", "motor"),
    "vehicle": ("vehicles", "vehicle", "traffic"),
    "alarm": ("alarm", "alarm sound", "warning signal"),
    "ui": ("interface sounds", "clicks and beeps"),
    "magic": ("magic sounds", "fantasy sound effects", "science fiction sounds"),
    "household": ("household sounds", "objects at home"),
    "crafts": ("people working", "crafting sounds"),
}  # fmt: skip


_GROUP_PHRASES = frozenset(phrase for phrases in GROUPS.values() for phrase in phrases)


@dataclass(frozen=True)
class Concept:
    """One kind of sound that can be told from others by ear.

    Attributes:
        name: the canonical caption.
        kind: one of `KINDS`.
        groups: names in `GROUPS` that include this sound.
        phrases: other ways to say it.
    """

    name: str
    kind: str
    groups: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()

    @property
    def captions(self) -> tuple[str, ...]:
        """Every phrasing, the canonical one first."""
        return tuple(dict.fromkeys((self.name, *self.phrases)))


@dataclass
class Rules:
    """All concepts, and what leads to them from a path or from a sound of General MIDI.

    Attributes:
        concepts: by name.
        packages: ordered (pattern, concept name or None to skip) per package.
        programs: General MIDI program, from 0, to concept name.
        drum_notes: General MIDI drum note to concept name.
    """

    concepts: dict[str, Concept] = field(default_factory=dict)
    packages: dict[str, list[tuple[re.Pattern[str], str | None]]] = field(default_factory=dict)
    programs: dict[int, str] = field(default_factory=dict)
    drum_notes: dict[int, str] = field(default_factory=dict)

    def concept(self, package: str, path: str) -> Concept | None:
        """The concept of a file, or None where a rule skips it or no rule matches."""
        for pattern, name in self.packages.get(package, ()):
            if pattern.search(path):
                return self.concepts[name] if name else None
        return None


def load_rules() -> Rules:
    """Read and check every file in `rules/`.

    Raises:
        ValueError: for an unknown kind or group, a rule without a concept, or two files that
            disagree on a concept's kind.
    """
    rules = Rules()
    documents: list[dict[str, Any]] = []
    for file in sorted((resources.files("soundsift.data") / "rules").iterdir(), key=str):
        if file.name.endswith(".yaml"):
            documents.append(yaml.safe_load(file.read_text()))
    for document in documents:
        for name, entry in document["concepts"].items():
            _add_concept(rules, name, entry)
        rules.programs.update(document.get("programs", {}))
        rules.drum_notes.update(document.get("drums", {}))
    for document in documents:
        for package, entries in document["packages"].items():
            rules.packages[package] = [(re.compile(e["match"]), e.get("is")) for e in entries]
    used = {n for entries in rules.packages.values() for _, n in entries if n}
    used |= set(rules.programs.values()) | set(rules.drum_notes.values())
    if unknown := used - rules.concepts.keys():
        raise ValueError(f"rules name concepts that no file defines: {sorted(unknown)}")
    return rules


def _add_concept(rules: Rules, name: str, entry: dict[str, Any]) -> None:
    kind, groups, phrases = entry["kind"], tuple(entry["groups"]), tuple(entry["phrases"])
    if kind not in KINDS or any(g not in GROUPS for g in groups):
        raise ValueError(f"concept {name!r}: unknown kind {kind!r} or group in {groups}")
    if name in rules.concepts:
        known = rules.concepts[name]
        if known.kind != kind:
            raise ValueError(f"concept {name!r} is both {known.kind} and {kind}")
        groups = tuple(dict.fromkeys(known.groups + groups))
        phrases = tuple(dict.fromkeys(known.phrases + phrases))
    # What names a whole group ("speech") must not mean one of its members.
    phrases = tuple(p for p in phrases if p not in _GROUP_PHRASES)
    rules.concepts[name] = Concept(name, kind, groups, phrases)
