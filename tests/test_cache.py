"""The cache folder: which ones other users could write in or exchange."""

import os
from pathlib import Path

import pytest

from soundsift import cache
from soundsift.cache import cache_folder, is_private_file, replace_durably

posix = pytest.mark.skipif(os.name != "posix", reason="modes are those of POSIX")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "a" / "cache"))
    return tmp_path


@posix
def test_is_made_for_this_user_alone(root: Path) -> None:
    before = os.umask(0)
    try:
        folder = cache_folder()
    finally:
        os.umask(before)
    assert folder == (root / "a" / "cache" / "soundsift").resolve()
    assert all(path.stat().st_mode & 0o777 == 0o700 for path in (folder, *folder.parents[:2]))


@posix
@pytest.mark.parametrize("name", ["a/cache/soundsift", "a/cache", "a", "."])
@pytest.mark.parametrize("more", [0o020, 0o002])
def test_refused_where_others_can_write(root: Path, name: str, more: int) -> None:
    assert cache_folder() is not None
    place = root / name
    mode = place.stat().st_mode
    place.chmod(mode | more)
    assert cache_folder() is None
    place.chmod(mode)
    assert cache_folder() is not None


@posix
def test_links_are_followed_and_what_they_lead_to_is_examined(root: Path) -> None:
    shared = root / "shared"
    shared.mkdir()
    (root / "a").mkdir()
    (root / "a" / "cache").symlink_to(shared)
    assert cache_folder() == (shared / "soundsift").resolve()
    shared.chmod(0o777)
    assert cache_folder() is None


@posix
def test_refused_where_the_owner_is_another(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_folder() is not None
    monkeypatch.setattr(cache.os, "geteuid", lambda: root.stat().st_uid + 1)
    assert cache_folder() is None


def test_a_file_in_the_way(root: Path) -> None:
    (root / "a").write_text("")
    assert cache_folder() is None


@posix
def test_private_files(tmp_path: Path) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_text("")
    link.symlink_to(file)
    assert is_private_file(file)
    assert not is_private_file(link) and not is_private_file(tmp_path)
    file.chmod(0o666)
    assert not is_private_file(file)


def test_replaced_after_it_is_written_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = []
    sync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda number: (done.append("sync"), sync(number)))
    monkeypatch.setattr(
        Path, "replace", lambda path, to: (done.append("rename"), replace(path, to))
    )
    (tmp_path / "fresh").write_text("new")
    (tmp_path / "file").write_text("old")
    replace_durably(tmp_path / "fresh", tmp_path / "file")
    assert (tmp_path / "file").read_text() == "new"
    assert done[:2] == ["sync", "rename"]
