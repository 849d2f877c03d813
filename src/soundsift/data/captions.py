"""What every file sounds like: rules over sources and paths, kept as YAML in `rules/`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from importlib import resources
from typing import Any

import yaml

from soundsift.data.phrasings import variants, with_same_words
from soundsift.data.sources import git_files

KINDS = ("speech", "singing", "music", "instrument", "effect", "ambience")

#: Groups that a prompt may name as a whole ("all animals"), with the words users have for them.
GROUPS: dict[str, tuple[str, ...]] = {
    "speech": ("speech", "someone talking", "people talking", "voice", "spoken words",
               "a person speaking", "talking", "human speech", "the voice", "dialogue"),
    "voice": ("human voice sounds", "vocal sounds", "sounds made with the mouth", "human sounds"),
    "singing": ("singing", "someone singing", "vocals", "singing voice", "the vocals", "the singer",
                "lead vocals", "a voice singing"),
    "crowd": ("crowd", "crowd noise", "a crowd of people", "many people", "the crowd"),
    "music": ("music", "music playing", "the music", "background music", "musical instruments",
              "all music", "the song", "some music"),
    "drums": ("drums", "drumming", "drum kit", "drum sounds", "the drums", "the drummer"),
    "percussion": ("percussion", "percussion instruments", "the percussion", "percussive sounds"),
    "strings": ("strings", "string instruments", "bowed strings", "the strings"),
    "brass": ("brass", "brass instruments", "horns playing", "the brass section"),
    "woodwind": ("woodwinds", "woodwind instrument", "wind instrument", "the woodwinds"),
    "keyboard": ("keyboard instrument", "keys", "the keyboard player", "keyboards"),
    "guitar": ("guitar", "guitar playing", "the guitar", "a guitar", "guitars"),
    "bass": ("bass", "bass line", "bass guitar", "the bass", "the bass player"),
    "synth": ("synthesizer", "synth", "electronic synthesizer sound", "synthesiser", "the synth"),
    "bell": ("bells", "bell ringing", "a bell", "something ringing like a bell"),
    "animal": ("animals", "all animals", "animal sounds", "an animal", "the animal",
               "animal noises", "creatures"),
    "bird": ("birds", "bird sounds", "a bird", "birdsong", "the bird", "bird calls"),
    "insect": ("insects", "insect sounds", "bugs", "an insect"),
    "weapon": ("weapons", "fighting with weapons", "weapon sounds", "a fight", "combat"),
    "gunshot": ("gunshots", "gunfire", "shooting", "gun firing", "guns", "shots"),
    "explosion": ("explosions", "explosion", "something exploding", "blasts"),
    "fire": ("fire", "fire burning", "burning", "flames"),
    "water": ("water", "water sounds", "splashing water", "the water", "something wet"),
    "weather": ("weather", "weather sounds", "bad weather", "a storm"),
    "footsteps": ("footsteps", "someone walking", "steps", "walking", "the footsteps"),
    "impact": ("impacts", "something hitting", "impact sound", "hits", "something being hit"),
    "door": ("door", "door sounds", "a door", "the door"),
    "tool": ("tools", "working with tools", "tool sounds", "a tool", "power tools"),
    "machine": ("machines", "machinery", "machine noise", "a machine", "the machine"),
    "engine": ("engine", "engine noise", "motor", "the engine", "an engine"),
    "vehicle": ("vehicles", "vehicle", "traffic", "road vehicles", "the vehicle"),
    "alarm": ("alarm", "alarm sound", "warning signal", "alarms", "an alarm"),
    "ui": ("interface sounds", "clicks and beeps", "electronic beeps", "computer sounds"),
    "magic": ("magic sounds", "fantasy sound effects", "science fiction sounds", "sci-fi sounds"),
    "household": ("household sounds", "objects at home", "things in the house", "domestic sounds"),
    "crafts": ("people working", "crafting sounds", "someone working", "manual work"),
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
        confusable: names of concepts that sound alike but are not the same.
    """

    name: str
    kind: str
    groups: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()
    confusable: tuple[str, ...] = ()

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
        recordings: concept name per caption of git_files.tsv.
        programs: General MIDI program, from 0, to concept name.
        drum_notes: General MIDI drum note to concept name.
    """

    concepts: dict[str, Concept] = field(default_factory=dict)
    packages: dict[str, list[tuple[re.Pattern[str], str | None]]] = field(default_factory=dict)
    recordings: dict[str, str] = field(default_factory=dict)
    programs: dict[int, str] = field(default_factory=dict)
    drum_notes: dict[int, str] = field(default_factory=dict)

    def concept(self, source: str, path: str) -> Concept | None:
        """The concept of a file, or None where a rule skips it or no rule matches."""
        if file := git_files().get(source, {}).get(path):
            name = self.recordings.get(file.caption)
            return self.concepts[name] if name else None
        for pattern, name in self.packages.get(source, ()):
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
    # Several times as fast, where PyYAML was built with it.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for file in sorted((resources.files("soundsift.data") / "rules").iterdir(), key=str):
        if file.name.endswith(".yaml"):
            documents.append(yaml.load(file.read_text(), loader))
    for document in documents:
        for name, entry in document.get("concepts", {}).items():
            _add_concept(rules, name, entry)
        rules.programs.update(document.get("programs", {}))
        rules.drum_notes.update(document.get("drums", {}))
    for document in documents:
        for package, entries in document.get("packages", {}).items():
            rules.packages[package] = [(re.compile(e["match"]), e.get("is")) for e in entries]
    for document in documents:
        for package, patterns in document.get("copies", {}).items():
            skipped = [(re.compile(pattern), None) for pattern in patterns]
            rules.packages[package] = [*skipped, *rules.packages[package]]
    _add_recordings(rules, documents)
    used = {n for entries in rules.packages.values() for _, n in entries if n}
    used |= set(rules.programs.values()) | set(rules.drum_notes.values())
    used |= set(rules.recordings.values())
    for document in documents:
        used |= document.get("phrasings", {}).keys()
        used |= {name for cluster in document.get("confusable", ()) for name in cluster}
    if unknown := used - rules.concepts.keys():
        raise ValueError(f"rules name concepts that no file defines: {sorted(unknown)}")
    _add_phrasings(rules, documents)
    _add_confusable(rules, documents)
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


def _add_recordings(rules: Rules, documents: list[dict[str, Any]]) -> None:
    """Captions that are the name or a phrase of one concept need no entry."""
    for concept in rules.concepts.values():
        for phrase in concept.phrases:
            rules.recordings.setdefault(phrase, concept.name)
    rules.recordings.update({name: name for name in rules.concepts})
    for document in documents:
        for name, heard in document.get("recordings", {}).items():
            rules.recordings.update(dict.fromkeys(heard, name))


def _add_phrasings(rules: Rules, documents: list[dict[str, Any]]) -> None:
    """Add written phrasings, then those made by rule, to the concepts' own."""
    written: dict[str, list[str]] = {}
    for document in documents:
        for name, phrases in document.get("phrasings", {}).items():
            written.setdefault(name, []).extend(phrases)
    first = {
        name: with_same_words((name, *concept.phrases, *written.get(name, ())))
        for name, concept in rules.concepts.items()
    }
    # A phrase made by rule must not take another concept's own words.
    owner: dict[str, str] = {}
    for name, phrases in first.items():
        for phrase in phrases:
            owner.setdefault(phrase, name)
    for name, concept in rules.concepts.items():
        made = [p for p in variants(name, concept.kind) if owner.setdefault(p, name) == name]
        phrases = dict.fromkeys((*first[name], *with_same_words(made)))
        kept = tuple(p for p in phrases if p not in _GROUP_PHRASES and p != name)
        rules.concepts[name] = replace(concept, phrases=kept)


def _add_confusable(rules: Rules, documents: list[dict[str, Any]]) -> None:
    """Members of a written cluster are hard negatives of each other."""
    for document in documents:
        for cluster in document.get("confusable", ()):
            for name in cluster:
                concept = rules.concepts[name]
                others = (*concept.confusable, *(other for other in cluster if other != name))
                rules.concepts[name] = replace(concept, confusable=tuple(dict.fromkeys(others)))
