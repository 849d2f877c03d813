"""ONNX Runtime for browsers comes from npm, or from a file, and is checked."""

from pathlib import Path

import pytest

from soundsift.errors import SoundsiftError
from soundsift.export import web_runtime
from soundsift.export.web_runtime import PACKAGE, write_runtime

pytest.importorskip("onnxruntime")


@pytest.fixture(autouse=True)
def nothing_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_runtime, "cache_folder", lambda: tmp_path)


def test_without_npm_the_remedy_is_told(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SoundsiftError, match=rf"npm pack {PACKAGE}.*--runtime"):
        write_runtime(tmp_path)


def test_a_failing_npm_says_why(tmp_path: Path, monkeypatch) -> None:
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho 'no network' >&2\nexit 1\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SoundsiftError, match="no network"):
        write_runtime(tmp_path)


def test_another_package_is_refused(tmp_path: Path, monkeypatch) -> None:
    """Also where npm brings it, or where it lies in the cache."""
    other = tmp_path / "other.tgz"
    other.write_bytes(b"something else")
    with pytest.raises(SoundsiftError, match="SHA-512"):
        write_runtime(tmp_path, other)
    with pytest.raises(SoundsiftError, match="can't be read"):
        write_runtime(tmp_path, tmp_path / "missing.tgz")
    npm = tmp_path / "npm"
    npm.write_text('#!/bin/sh\necho something else > "$4/onnxruntime-web-1.30.0.tgz"\n')
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "onnxruntime-web-1.30.0.tgz").write_bytes(b"damaged")
    with pytest.raises(SoundsiftError, match="SHA-512"):
        write_runtime(tmp_path)
    assert (tmp_path / "onnxruntime-web-1.30.0.tgz").read_bytes() == b"damaged"
