"""Where the sound comes from: Debian packages, Python packages and git repositories."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import yaml

from soundsift.data.containers import AUDIO_ENDINGS, is_container, members, read_member

_MENTIONED = re.compile(
    r"\bL?GPL-[23]|\bCC-BY(?:-SA)?-[\d.]*\d|\bMIT [Ll]icense|\bArtistic|\bBSD\b|[Pp]ublic [Dd]omain"
    r"|Attribution-ShareAlike [\d.]+\d|GNU General\s+Public\s+License"
)


@dataclass(frozen=True)
class Source:
    """A package or repository that sound may be taken from.

    Attributes:
        name: Debian or Python package, or `OWNER/REPOSITORY` on GitHub.
        origin: how it is fetched.
        version: Python package's version or the repository's commit; empty for Debian packages.
        holds: kinds of sound in it, in a few words.
        licence: licence of all its files, where it is stated here.
        stranger: whether it is kept out of training as a whole, for `validation` or for `test`.
    """

    name: str
    origin: Literal["debian", "pypi", "git"]
    version: str = ""
    holds: str = ""
    licence: str = ""
    stranger: Literal["", "validation", "test"] = ""

    @property
    def folder_name(self) -> str:
        """The name with a plus for the slash of a repository."""
        return self.name.replace("/", "+")

    def folder(self, bank: Path) -> Path:
        """Where the bank keeps its files."""
        return bank / ("repositories" if self.origin == "git" else "packages") / self.folder_name


@dataclass(frozen=True)
class GitFile:
    """A file of a git repository: what is known of it besides its sound."""

    path: str
    licence: str
    author: str
    caption: str


@dataclass(frozen=True)
class SourceFile:
    """One sound file of a source, possibly a member of a container (`archive.zip!member`)."""

    source: str
    path: str
    file: Path
    member: str | None = None

    def read(self) -> bytes:
        """The file's bytes, undecoded."""
        if self.member is None:
            return self.file.read_bytes()
        return read_member(self.file, self.member)


@cache
def sources() -> dict[str, Source]:
    """All sources by name, as listed in sources.yaml."""
    text = (resources.files("soundsift.data") / "sources.yaml").read_text()
    found = {}
    for origin, entries in yaml.safe_load(text).items():
        for name, entry in entries.items():
            found[name] = _source(name, origin, entry)
    return found


def _source(name: str, origin: Any, entry: dict[str, Any]) -> Source:
    return Source(
        name=name,
        origin=origin,
        version=str(entry.get("version") or entry.get("commit") or ""),
        holds=entry.get("holds", "sfx"),
        licence=entry.get("licence", ""),
        stranger=entry.get("stranger", ""),
    )


@cache
def git_files() -> dict[str, dict[str, GitFile]]:
    """The files we use of each git repository, by path."""
    table = resources.files("soundsift.data") / "git_files.tsv"
    found: dict[str, dict[str, GitFile]] = {}
    lines = table.read_text().splitlines()
    for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
        repository = row.pop("repository")
        found.setdefault(repository, {})[row["path"]] = GitFile(**row)
    return found


def source_files(bank: Path, name: str) -> Iterator[SourceFile]:
    """Every sound file of a fetched source, in a stable order; of a repository, the listed ones."""
    source = sources().get(name) or Source(name, "debian")
    root = source.folder(bank)
    if source.origin == "git":
        for path in sorted(git_files()[name]):
            if (root / path).is_file():
                yield SourceFile(name, path, root / path)
        return
    for file in sorted(root.rglob("*")):
        if file.is_symlink() or not file.is_file():
            continue
        path = file.relative_to(root).as_posix()
        if file.suffix.lower() in AUDIO_ENDINGS:
            yield SourceFile(name, path, file)
        elif file.suffix == ".cat" and name != "openttd-opensfx":
            continue  # other programs' .cat files are something else
        elif is_container(file):
            for member in members(file):
                yield SourceFile(name, f"{path}!{member}", file, member)


def licence(bank: Path, name: str, path: str = "") -> str:
    """The short names of a source's licences, joined by commas; of a repository, the file's own."""
    source = sources().get(name) or Source(name, "debian")
    if source.origin == "git":
        return git_files()[name][path].licence
    return source.licence or _copyright(source.folder(bank) / "usr/share/doc" / name / "copyright")


@cache
def _copyright(file: Path) -> str:
    text = file.read_text(errors="replace") if file.exists() else ""
    names = dict.fromkeys(re.findall(r"^License:[ \t]*(\S[^\n]*)", text, re.MULTILINE))
    # Older packages tell their licences in prose: what it mentions is the best short answer.
    mentioned = (" ".join(name.split()) for name in re.findall(_MENTIONED, text))
    return ", ".join(names or dict.fromkeys(mentioned)) or "see its copyright file"


def author(name: str, path: str) -> str:
    """The author of a repository's file; empty where only the package's copyright file says it."""
    file = git_files().get(name, {}).get(path)
    return file.author if file else ""
