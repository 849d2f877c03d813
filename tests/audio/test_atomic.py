"""Files that appear whole or not at all."""

import errno
import os
import threading
import time
from pathlib import Path

import pytest

from soundsift.audio.atomic import atomic_file, atomic_files, ensure_writable
from soundsift.audio.staging import exclusive_access
from soundsift.errors import SoundsiftError


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_error_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error), atomic_files(tmp_path / "new" / "er") as staging:
        staging.file("a").write_text("1")
        raise error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../a", "/a", "a/b", "", "..", ".complete", "a\0"])
def test_names_that_are_paths(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="plain file name"), atomic_files(tmp_path) as staging:
        staging.file(name)
    assert list(tmp_path.iterdir()) == []


def test_files_made_meanwhile_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By another program, between the last look and the move: none of ours stays."""
    link = os.link

    def racing(source: str, target: Path, **more: object) -> None:
        if Path(target).name == "b":
            Path(target).write_text("of another")
        link(source, target, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "link", racing)
    with pytest.raises(SoundsiftError, match="b exists already"), atomic_files(tmp_path) as staging:
        for name in "abc":
            staging.file(name).write_text("ours")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"b": "of another"}
    exists = pytest.raises(SoundsiftError, match="b exists already")
    with exists, atomic_file(tmp_path / "b") as file:
        file.write(b"ours")
    (tmp_path / "b").unlink()
    with exists, atomic_file(tmp_path / "b") as file:
        file.write(b"ours")
    assert (tmp_path / "b").read_text() == "of another"


def test_file_systems_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refusing(source: object, target: Path, **_: object) -> None:
        if Path(target).name == "raced":
            Path(target).write_text("of another")
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refusing)
    with atomic_files(tmp_path / "1") as staging:
        staging.file("a").write_text("1")
    with atomic_file(tmp_path / "1" / "b") as file:
        file.write(b"2")
    found = {path.name: path.read_text() for path in (tmp_path / "1").iterdir()}
    assert found == {"a": "1", "b": "2"}
    exists = pytest.raises(SoundsiftError, match="raced exists already")
    with exists, atomic_files(tmp_path / "2") as staging:
        staging.file("raced").write_text("ours")
    (tmp_path / "2" / "raced").unlink()
    with exists, atomic_file(tmp_path / "2" / "raced") as file:
        file.write(b"ours")
    assert (tmp_path / "2" / "raced").read_text() == "of another"


def test_links_are_replaced_not_followed(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("of the user")
    folder = tmp_path / "out"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / name).symlink_to(kept)
    with atomic_files(folder, overwrite=True) as staging:
        staging.file("a").write_text("1")
    with atomic_file(folder / "b", overwrite=True) as file:
        file.write(b"2")
    assert kept.read_text() == "of the user"
    assert not (folder / "a").is_symlink() and not (folder / "b").is_symlink()


def test_links_to_nothing_exist(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("nowhere")
    with pytest.raises(SoundsiftError, match="exists already"):
        ensure_writable(tmp_path / "a")
    ensure_writable(tmp_path / "a", overwrite=True)


def test_a_staging_folder_exchanged_for_a_link(tmp_path: Path) -> None:
    """As another user of a shared folder could: what he put there does not move."""
    elsewhere, folder = tmp_path / "elsewhere", tmp_path / "out"
    elsewhere.mkdir()
    (elsewhere / "a").write_text("planted")
    with pytest.raises(SoundsiftError, match="can't be written"), atomic_files(folder) as staging:
        staging.path.rename(tmp_path / "aside")
        staging.path.symlink_to(elsewhere)
        staging.file("a")
    assert (elsewhere / "a").read_text() == "planted"
    assert not (folder / "a").exists()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_named(tmp_path: Path, code: int) -> None:
    for writing in (atomic_files(tmp_path / "new"), atomic_file(tmp_path / "new" / "a")):
        with pytest.raises(SoundsiftError, match="no space left on the disk"), writing:
            raise OSError(code, os.strerror(code))
    assert [path.name for path in tmp_path.rglob("*")] in ([], ["new"])


def test_programs_that_replace_the_same_files_do_not_mix_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = os.replace

    def slow(source: str, target: Path, **more: object) -> None:
        replace(source, target, **more)  # type: ignore[arg-type]
        time.sleep(0.01)

    monkeypatch.setattr(os, "replace", slow)

    def work(text: str) -> None:
        for _ in range(5):
            with atomic_files(tmp_path, overwrite=True) as staging:
                for name in "abc":
                    staging.file(name).write_text(text)

    def looked() -> set[str]:
        with exclusive_access(tmp_path):
            return {path.read_text() for path in tmp_path.glob("[abc]")}

    threads = [threading.Thread(target=work, args=(text,)) for text in "12"]
    for thread in threads:
        thread.start()
    seen = []
    while any(thread.is_alive() for thread in threads):
        seen.append(looked())
    for thread in threads:
        thread.join()
    assert max(map(len, seen)) == 1 and len(looked()) == 1
    assert {path.name for path in tmp_path.iterdir()} == set("abc")


def test_a_folder_that_vanishes_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when another program fails and removes the empty folder that it made."""
    mkdir, count = Path.mkdir, 0

    def racing(self: Path, *args: int, **more: bool) -> None:
        nonlocal count
        count += 1
        if count == 2:
            (tmp_path / "out").rmdir()
        mkdir(self, *args, **more)

    monkeypatch.setattr(Path, "mkdir", racing)
    with atomic_files(tmp_path / "out") as staging:
        staging.file("a").write_text("1")
    assert (tmp_path / "out" / "a").read_text() == "1"
