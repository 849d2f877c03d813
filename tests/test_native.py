"""Compiling C at run time, and doing without."""

import os
import shutil
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
@pytest.mark.parametrize("what", ["folder", "library"])
def test_nothing_is_loaded_that_others_can_write(source: Path, tmp_path: Path, what: str) -> None:
    assert compile_library(source, ["-O2"]) is not None
    folder = tmp_path / "cache" / "soundsift"
    (library,) = folder.iterdir()
    path = folder if what == "folder" else library
    mode = path.stat().st_mode
    for more in (0o020, 0o002):
        path.chmod(mode | more)
        assert compile_library(source, ["-O2"]) is None
    path.chmod(mode)
    assert compile_library(source, ["-O2"]) is not None


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
