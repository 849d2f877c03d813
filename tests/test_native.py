"""Compiling C at run time, and doing without."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from soundsift.native import compile_library

SOURCE = "int twice(int x) { return 2 * x; }\n"

needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("CC", raising=False)
    path = tmp_path / "twice.c"
    path.write_text(SOURCE)
    return path


@needs_compiler
def test_compiles_once(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = compile_library(source, ["-O2"])
    assert library is not None and library.twice(21) == 42
    (made,) = (tmp_path / "cache" / "soundsift").iterdir()
    before = made.stat().st_mtime_ns
    assert compile_library(source, ["-O2"]) is not None
    assert made.stat().st_mtime_ns == before
    source.write_text(SOURCE.replace("2 *", "3 *"))
    changed = compile_library(source, ["-O2"])
    assert changed is not None and changed.twice(21) == 63
    monkeypatch.setenv("SOUNDSIFT_NATIVE", "0")
    assert compile_library(source, ["-O2"]) is None


@needs_compiler
def test_refused_source(source: Path) -> None:
    assert compile_library(source, ["-march=no-such-processor"]) is None
    source.write_text("not C")
    assert compile_library(source, ["-O2"]) is None


def test_no_compiler(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    assert compile_library(source, []) is None


@needs_compiler
def test_no_place_for_the_library(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert compile_library(source, ["-O2"]) is None


@needs_compiler
@pytest.mark.parametrize("levels", [0, 1, 2])
def test_no_library_from_a_folder_that_others_can_exchange(
    source: Path, tmp_path: Path, levels: int
) -> None:
    """The cache folder, its parent, and that one's parent."""
    assert compile_library(source, ["-O2"]) is not None
    folder = [tmp_path / "cache" / "soundsift", tmp_path / "cache", tmp_path][levels]
    mode = folder.stat().st_mode
    for more in (0o020, 0o002):
        folder.chmod(mode | more)
        assert compile_library(source, ["-O2"]) is None
    folder.chmod(mode)
    assert compile_library(source, ["-O2"]) is not None


@needs_compiler
def test_a_sticky_parent_is_safe(source: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache").chmod(0o1777)
    assert compile_library(source, ["-O2"]) is not None


@needs_compiler
def test_a_library_that_others_can_write_is_made_anew(source: Path, tmp_path: Path) -> None:
    assert compile_library(source, ["-O2"]) is not None
    (library,) = (tmp_path / "cache" / "soundsift").iterdir()
    for more in (0o020, 0o002):
        before = library.stat()
        library.chmod(before.st_mode | more)
        assert compile_library(source, ["-O2"]) is not None
        assert library.stat().st_mode == before.st_mode
        assert library.stat().st_mtime_ns > before.st_mtime_ns


@needs_compiler
@pytest.mark.parametrize("damage", ["cut", "emptied", "one bit", "a link", "a folder"])
def test_a_damaged_library_is_made_anew(source: Path, tmp_path: Path, damage: str) -> None:
    """In a process of its own, so that damage that is loaded ends that one only."""
    assert compile_library(source, ["-O2"]) is not None
    (library,) = (tmp_path / "cache" / "soundsift").iterdir()
    content = library.read_bytes()
    library.unlink()
    if damage == "a link":
        (tmp_path / "planted.so").write_bytes(content)
        library.symlink_to(tmp_path / "planted.so")
    elif damage == "a folder":
        library.mkdir()
    else:
        middle = len(content) // 2
        flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        damaged = {"cut": content[:middle], "emptied": b"", "one bit": flipped}
        library.write_bytes(damaged[damage])
        library.chmod(0o700)
    program = (
        "import sys; from pathlib import Path; from soundsift.native import compile_library\n"
        "library = compile_library(Path(sys.argv[1]), ['-O2'])\n"
        "print(library and library.twice(21))"
    )
    said = subprocess.run(
        [sys.executable, "-c", program, str(source)], capture_output=True, text=True, check=True
    )
    # A folder in its place was not made by this package: it stays, and the portable path is taken.
    assert said.stdout.strip() == ("None" if damage == "a folder" else "42")
    if damage != "a folder":
        assert library.is_file() and not library.is_symlink()


@needs_compiler
def test_two_at_once(source: Path, tmp_path: Path) -> None:
    """Eight processes start with an empty cache; all get a whole library, and one is left."""
    program = (
        "import sys; from pathlib import Path; from soundsift.native import compile_library\n"
        "print(compile_library(Path(sys.argv[1]), ['-O2']).twice(21))"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(source)], stdout=subprocess.PIPE, text=True
        )
        for _ in range(8)
    ]
    assert [process.communicate()[0].strip() for process in running] == ["42"] * 8
    assert len(list((tmp_path / "cache" / "soundsift").iterdir())) == 1


@needs_compiler
def test_nothing_is_loaded_that_others_own(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert compile_library(source, ["-O2"]) is not None
    monkeypatch.setattr(os, "geteuid", lambda: source.stat().st_uid + 1)
    assert compile_library(source, ["-O2"]) is None


@needs_compiler
def test_the_umask_does_not_matter(source: Path) -> None:
    before = os.umask(0)
    try:
        assert compile_library(source, ["-O2"]) is not None
    finally:
        os.umask(before)
    assert compile_library(source, ["-O2"]) is not None


@needs_compiler
def test_what_a_killed_process_left_is_removed(source: Path, tmp_path: Path) -> None:
    assert compile_library(source, ["-O2"]) is not None
    folder = tmp_path / "cache" / "soundsift"
    old, fresh = folder / "a-0.so.00.partial", folder / "a-0.so.11.partial"
    for path in (old, fresh):
        path.write_text("half")
    os.utime(old, (0, 0))
    assert compile_library(source, ["-O2"]) is not None
    # The other one may still be at work.
    assert fresh.exists() and not old.exists()
