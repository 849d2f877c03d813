"""Where the training sound comes from: Debian packages, unpacked without being installed."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import yaml

from soundsift.errors import SoundsiftError

AUDIO_ENDINGS = {
    ".wav", ".ogg", ".oga", ".flac", ".mp3", ".g722", ".opus", ".au", ".aif", ".aiff", ".voc",
}  # fmt: skip
_MENTIONED = re.compile(
    r"\bL?GPL-[23]|\bCC-BY(?:-SA)?-[\d.]*\d|\bMIT [Ll]icense|\bArtistic|\bBSD\b|[Pp]ublic [Dd]omain"
    r"|Attribution-ShareAlike [\d.]+\d|GNU General\s+Public\s+License"
)
_ZIP_ENDINGS = {".zip", ".pk3", ".wz"}


def packages() -> dict[str, str]:
    """The packages we may use, each with what it holds."""
    text = (resources.files("soundsift.data") / "sources.yaml").read_text()
    return {name: entry["holds"] for name, entry in yaml.safe_load(text).items()}


@dataclass(frozen=True)
class SourceFile:
    """One sound file of a package, possibly a member of an archive (`archive.zip!member`)."""

    package: str
    path: str
    file: Path
    member: str | None = None

    def read(self) -> bytes:
        """The file's bytes, undecoded."""
        if self.member is None:
            return self.file.read_bytes()
        if self.file.suffix == ".cat":
            return _cat_members(self.file)[self.member]
        with zipfile.ZipFile(self.file) as opened:
            return opened.read(self.member)


def fetch(bank: Path, names: list[str]) -> None:
    """Download packages with apt-get into `bank/debs` and unpack them under `bank/packages`.

    What is there already is kept, so an interrupted run goes on where it stopped.

    Raises:
        SoundsiftError: for a package that is not in our list, or where apt-get or dpkg-deb is
            missing.
    """
    known = packages()
    if strangers := [name for name in names if name not in known]:
        raise SoundsiftError(
            f"{', '.join(strangers)}: not in the list of packages whose sound we may use "
            "(soundsift/data/sources.yaml)."
        )
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise SoundsiftError(
                f"{tool} not found: fetching the sound bank needs Debian or Ubuntu."
            )
    debs = bank / "debs"
    debs.mkdir(parents=True, exist_ok=True)
    for name in names:
        target = bank / "packages" / name
        if target.exists():
            continue
        if not list(debs.glob(f"{name}_*.deb")):
            subprocess.run(["apt-get", "download", name], cwd=debs, check=False)
        found = sorted(debs.glob(f"{name}_*.deb"))
        if not found:
            print(f"{name}: will not download, left out")
            continue
        partial = target.with_name(name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["dpkg-deb", "-x", str(found[-1]), str(partial)], check=True)
        partial.rename(target)


def source_files(bank: Path, package: str) -> Iterator[SourceFile]:
    """Every sound file of an unpacked package, in a stable order."""
    root = bank / "packages" / package
    for file in sorted(root.rglob("*")):
        if file.is_symlink() or not file.is_file():
            continue
        path = file.relative_to(root).as_posix()
        ending = file.suffix.lower()
        if ending in AUDIO_ENDINGS:
            yield SourceFile(package, path, file)
        elif ending in _ZIP_ENDINGS and zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                for member in sorted(archive.namelist()):
                    if Path(member).suffix.lower() in AUDIO_ENDINGS:
                        yield SourceFile(package, f"{path}!{member}", file, member)
        elif ending == ".cat" and package == "openttd-opensfx":
            for member in _cat_members(file):
                yield SourceFile(package, f"{path}!{member}", file, member)


def licence(bank: Path, package: str) -> str:
    """The short names of the licences in the package's copyright file, joined by commas."""
    file = bank / "packages" / package / "usr/share/doc" / package / "copyright"
    text = file.read_text(errors="replace") if file.exists() else ""
    names = dict.fromkeys(re.findall(r"^License:[ \t]*(\S[^\n]*)", text, re.MULTILINE))
    # Older packages tell their licences in prose: what it mentions is the best short answer.
    mentioned = (" ".join(name.split()) for name in re.findall(_MENTIONED, text))
    return ", ".join(names or dict.fromkeys(mentioned)) or "see its copyright file"


def _cat_members(archive: Path) -> dict[str, bytes]:
    """OpenTTD's sound container: a table of (offset, size), then counted titles and WAV files."""
    data = archive.read_bytes()
    count = (struct.unpack_from("<I", data)[0] & 0x7FFFFFFF) // 8
    members = {}
    for index in range(count):
        offset, size = struct.unpack_from("<II", data, 8 * index)
        offset &= 0x7FFFFFFF
        length = data[offset]
        title = data[offset + 1 : offset + 1 + length].decode("utf-8", "replace").rstrip("\0")
        if quoted := re.match(r'"([^"]*)"', title):
            title = quoted.group(1)
        start = offset + 1 + length
        members[f"{index:02d} {title.replace('/', ' or ')}"] = data[start : start + size]
    return members
