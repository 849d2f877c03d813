"""Leftovers of killed processes, and output folders that a stranger has prepared."""

import fcntl
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from soundsift.audio.atomic import atomic_file, atomic_files
from soundsift.audio.leftovers import clear_leftovers
from soundsift.audio.staging import StagingFolder

STAGING = ".soundsift-0123456789abcdef"
CALLS = ("open", "mkdir", "link", "replace", "rename", "unlink", "rmdir", "fsync")


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def run_killed(work: Callable[[], None], call: int) -> bool:
    """Run in a process that is killed at its nth call of the system; False if it needs fewer."""
    if child := os.fork():
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert code in (0, -signal.SIGKILL)
        return code != 0
    left = call

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*args, **kwargs)

        return wrapper

    for name in CALLS:
        setattr(os, name, counted(getattr(os, name)))
    work()
    os._exit(0)


@pytest.mark.parametrize("existing", [None, "old"])
def test_all_files_are_old_or_all_are_new_wherever_a_process_is_killed(
    tmp_path: Path, existing: str | None
) -> None:
    names = ("a.wav", "b.wav", "a.json")
    old = dict.fromkeys(names, existing) if existing else {}
    new = dict.fromkeys(names, "new")

    def work() -> None:
        with atomic_files(folder, overwrite=existing is not None) as staging:
            for name in names:
                staging.file(name).write_text("new")

    seen = []
    for call in range(200):
        folder = tmp_path / str(call)
        folder.mkdir()
        for name, text in old.items():
            (folder / name).write_text(str(text))
        killed = run_killed(work, call)
        clear_leftovers(folder)
        seen.append(contents(folder))
        if not killed:
            break
    assert len(seen) > 15 and not killed
    assert all(found in (old, new) for found in seen)
    # Once the note is there, the result is.
    assert seen == sorted(seen, key=[old, new].index)
    assert seen[0] == old and seen[-2:] == [new, new]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_single_file_is_old_or_new_wherever_a_process_is_killed(
    tmp_path: Path, overwrite: bool
) -> None:
    old = {"a": "old"} if overwrite else {}

    def work() -> None:
        with atomic_file(folder / "a", overwrite=overwrite) as file:
            file.write(b"new")

    for call in range(50):
        folder = tmp_path / str(call)
        folder.mkdir()
        if overwrite:
            (folder / "a").write_text("old")
        killed = run_killed(work, call)
        clear_leftovers(folder)
        assert contents(folder) in (old, {"a": "new"})
        if not killed:
            break
    assert call > 3 and contents(folder) == {"a": "new"}


def unfinished(folder: Path, names: tuple[str, ...] = ("a", "b"), *, overwrite: bool) -> Path:
    """A complete staging folder whose process was killed before it moved a file."""
    staging = StagingFolder(folder)
    for name in names:
        staging.file(name).write_text("new")
    if child := os.fork():
        os.waitpid(child, 0)
    else:
        staging._move = lambda overwrite: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[method-assign]
        staging.complete(overwrite=overwrite)
    os.close(staging._descriptor)
    assert (staging.path / ".complete").is_file()
    return staging.path


def test_what_was_added_since_is_not_replaced(tmp_path: Path) -> None:
    unfinished(tmp_path, overwrite=False)
    (tmp_path / "a").write_text("of the user")
    clear_leftovers(tmp_path)
    assert contents(tmp_path) == {"a": "of the user", "b": "new"}


@pytest.mark.parametrize("change", ["written", "replaced", "touched"])
def test_what_was_changed_since_is_not_replaced(tmp_path: Path, change: str) -> None:
    (tmp_path / "a").write_text("old")
    (tmp_path / "b").write_text("old")
    unfinished(tmp_path, overwrite=True)
    if change == "written":
        (tmp_path / "a").write_text("old")
    elif change == "replaced":
        (tmp_path / "c").write_text("old")
        (tmp_path / "c").replace(tmp_path / "a")
    else:
        (tmp_path / "a").touch()
    clear_leftovers(tmp_path)
    assert contents(tmp_path) == {"a": "old", "b": "new"}


def prepared(folder: Path, names: object, *, marker: object = None) -> Path:
    """A staging folder as in an unpacked archive; its note is as good as it can be made."""
    staging = folder / STAGING
    staging.mkdir(parents=True)
    (staging / ".unfinished").touch()
    (staging / "x").write_text("planted")
    found = (staging / ".unfinished").stat()
    if isinstance(names, list):
        planted = (staging / "x").stat()
        fact = [planted.st_ino, planted.st_size, planted.st_mtime_ns]
        names = {
            "marker": marker or [found.st_ino, found.st_ctime_ns],
            "files": dict.fromkeys(names, fact),
            "replaces": {},
        }
    (staging / ".complete").write_text(json.dumps(names))
    return staging


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """An output folder two levels below one that must not change."""
    folder = tmp_path / "home" / "out"
    folder.mkdir(parents=True)
    (tmp_path / "home" / ".bashrc").write_text("of the user")
    return folder


def everything(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): "link" if path.is_symlink() else path.read_text()
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file()
    }


@pytest.mark.parametrize(
    "name",
    ["../.bashrc", "../new", "./x", "sub/x", "", ".", "..", "x/", "x\0", ".complete", STAGING],
)
def test_notes_with_paths_for_names_move_nothing(out: Path, name: str) -> None:
    staging = prepared(out, [name, "x"])
    before = everything(out.parent)
    clear_leftovers(out)
    assert everything(out.parent) == before and staging.is_dir()


def test_notes_with_absolute_names_move_nothing(out: Path) -> None:
    prepared(out, [str(out.parent / "new")])
    before = everything(out.parent)
    clear_leftovers(out)
    assert everything(out.parent) == before


@pytest.mark.parametrize(
    "note",
    [
        ["x"],  # as versions before wrote it
        {},
        [],
        None,
        1,
        {"marker": 1, "files": {"x": 1}, "replaces": {}},
        {"marker": [], "files": None, "replaces": None},
    ],
)
def test_notes_of_other_shapes_move_nothing(out: Path, note: object) -> None:
    (prepared(out, {}) / ".complete").write_text(json.dumps(note))
    before = everything(out.parent)
    clear_leftovers(out)
    assert everything(out.parent) == before


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "\xff", " " * 2**21])
def test_notes_that_are_damaged_move_nothing(out: Path, text: str) -> None:
    (prepared(out, {}) / ".complete").write_text(text, encoding="latin-1")
    clear_leftovers(out)
    assert not (out / "x").exists()


def test_a_copied_staging_folder_moves_nothing(tmp_path: Path) -> None:
    """An archive keeps names, contents and times, but not when the kernel changed a file."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    original = unfinished(first, overwrite=False)
    copy = second / original.name
    copy.mkdir()
    for path in original.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
        found = path.stat()
        os.utime(copy / path.name, ns=(found.st_atime_ns, found.st_mtime_ns))
    clear_leftovers(second)
    assert [path.name for path in second.iterdir()] == [original.name]
    clear_leftovers(first)
    assert contents(first) == {"a": "new", "b": "new"}


def test_the_note_of_another_staging_folder_moves_nothing(out: Path) -> None:
    prepared(out, ["x"], marker=[1, 1])
    before = everything(out.parent)
    clear_leftovers(out)
    assert everything(out.parent) == before


def link_as_file(out: Path, staging: Path) -> None:
    (staging / "a").unlink()
    (staging / "a").symlink_to(out.parent / ".bashrc")


def link_as_note(out: Path, staging: Path) -> None:
    (staging / ".complete").rename(out.parent / "note")
    (staging / ".complete").symlink_to(out.parent / "note")


def link_as_marker(out: Path, staging: Path) -> None:
    (staging / ".unfinished").rename(out.parent / "marker")
    (staging / ".unfinished").symlink_to(out.parent / "marker")


def link_as_folder(out: Path, staging: Path) -> None:
    staging.rename(out.parent / "elsewhere")
    staging.symlink_to(out.parent / "elsewhere")


def pipe_as_note(out: Path, staging: Path) -> None:
    (staging / ".complete").unlink()
    os.mkfifo(staging / ".complete")


def pipe_as_file(out: Path, staging: Path) -> None:
    (staging / "a").unlink()
    os.mkfifo(staging / "a")


def pipe_as_folder(out: Path, staging: Path) -> None:
    os.mkfifo(out / STAGING)
    os.mkfifo(out / f"{STAGING}.tmp")
    staging.rename(out.parent / "elsewhere")


def hard_link_as_note(out: Path, staging: Path) -> None:
    os.link(staging / ".complete", out.parent / "note")


def folder_as_file(out: Path, staging: Path) -> None:
    (staging / "a").unlink()
    (staging / "a").mkdir()


@pytest.mark.parametrize(
    "attack",
    [
        link_as_file,
        link_as_note,
        link_as_marker,
        link_as_folder,
        pipe_as_note,
        pipe_as_file,
        pipe_as_folder,
        hard_link_as_note,
        folder_as_file,
    ],
)
def test_what_is_no_plain_file_is_not_followed(
    out: Path, attack: Callable[[Path, Path], None]
) -> None:
    """Even where the note is one of our own."""
    staging = unfinished(out, ("a",), overwrite=False)
    attack(out, staging)
    outside = everything(out.parent) if attack is not pipe_as_folder else {}
    clear_leftovers(out)
    assert not (out / "a").exists()
    assert (out.parent / ".bashrc").read_text() == "of the user"
    if outside:
        kept = {name: text for name, text in outside.items() if not name.startswith("out")}
        assert kept.items() <= everything(out.parent).items()


def test_hard_linked_files_do_not_move(out: Path) -> None:
    """The other name could be used to change the result afterwards."""
    staging = unfinished(out, ("a",), overwrite=False)
    os.link(staging / "a", out.parent / "second")
    clear_leftovers(out)
    assert list(out.iterdir()) == []
    assert (out.parent / "second").read_text() == "new"


def test_a_link_in_the_place_of_a_result_is_kept(out: Path) -> None:
    unfinished(out, ("a",), overwrite=False)
    (out / "a").symlink_to(out.parent / ".bashrc")
    clear_leftovers(out)
    assert (out / "a").is_symlink()
    assert (out.parent / ".bashrc").read_text() == "of the user"


@pytest.mark.parametrize("what", ["folder", "file"])
def test_what_others_own_stays(out: Path, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    staging = unfinished(out, ("a",), overwrite=False)
    (out / f"{STAGING}.tmp").write_text("x")
    own = os.geteuid()
    if what == "file" and own == 0:
        os.chown(staging / "a", 12345, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: own + 1)
    clear_leftovers(out)
    assert staging.is_dir() and not (out / "a").exists()
    assert (out / f"{STAGING}.tmp").exists() == (what == "folder" or own != 0)


@pytest.mark.parametrize(
    "name",
    [
        ".soundsift-notes",
        ".soundsift-1.tmp",
        ".soundsift-0123456789ABCDEF",
        "soundsift",
        f"{STAGING}1",
    ],
)
def test_folders_of_the_user_stay(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    (folder / "diary").write_text("mine")
    clear_leftovers(tmp_path)
    assert (folder / "diary").read_text() == "mine"


def test_a_folder_without_a_marker_stays_unless_it_is_empty(tmp_path: Path) -> None:
    full, empty = tmp_path / STAGING, tmp_path / STAGING.replace("0", "1")
    full.mkdir()
    empty.mkdir()
    (full / "diary").write_text("mine")
    clear_leftovers(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [STAGING]


def test_what_is_being_written_stays(tmp_path: Path) -> None:
    with atomic_files(tmp_path) as staging:
        staging.file("a").write_text("1")
        clear_leftovers(tmp_path)
        assert staging.path.is_dir()
    assert contents(tmp_path) == {"a": "1"}
    temporary = tmp_path / f"{STAGING}.tmp"
    temporary.write_text("x")
    with temporary.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        clear_leftovers(tmp_path)
        assert temporary.exists()
    clear_leftovers(tmp_path)
    assert not temporary.exists()


def test_output_folders_that_are_none(tmp_path: Path) -> None:
    clear_leftovers(tmp_path / "missing")
    (tmp_path / "file").touch()
    clear_leftovers(tmp_path / "file")
    os.mkfifo(tmp_path / "pipe")
    clear_leftovers(tmp_path / "pipe")
    assert {path.name for path in tmp_path.iterdir()} == {"file", "pipe"}
