"""Models whose files are not those that their manifest lists."""

import json
import os
import stat
from pathlib import Path

import pytest
from tests.tiny_model import write_tiny_model

import soundsift
from soundsift.checkpoints import manifest
from soundsift.checkpoints.convert import convert
from soundsift.checkpoints.manifest import check_files, check_files_once, read_manifest
from soundsift.errors import SoundsiftError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    write_tiny_model(tmp_path / "source")
    convert(tmp_path / "source", tmp_path / "model", "bfloat16")
    return tmp_path / "model"


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files whose content was read."""
    names: list[str] = []
    digest = manifest.file_digest

    def watched(path: Path) -> str:
        names.append(path.name)
        return digest(path)

    monkeypatch.setattr(manifest, "file_digest", watched)
    return names


def flip(path: Path) -> None:
    """Change one bit and put the time stamp back."""
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_each_file_is_read_once(folder: Path, hashed: list[str]) -> None:
    check_files_once(folder)
    assert sorted(hashed) == ["config.yaml", "model.safetensors"]
    check_files_once(folder)
    assert len(hashed) == 2
    os.utime(folder / "config.yaml")
    check_files_once(folder)
    assert hashed[2:] == ["config.yaml"]
    check_files(folder)
    assert len(hashed) == 5


@pytest.mark.parametrize("name", ["model.safetensors", "config.yaml"])
@pytest.mark.parametrize("seen", [False, True])
def test_a_changed_file_is_refused(folder: Path, name: str, seen: bool) -> None:
    """Also if its size and time are the same as when it was found right."""
    if seen:
        soundsift.load(folder, device="cpu")
    flip(folder / name)
    with pytest.raises(SoundsiftError, match=rf"{name}: not the file .* SHA-256 .* expected"):
        soundsift.load(folder, device="cpu")
    with pytest.raises(SoundsiftError, match="Convert the model again"):
        soundsift.load(folder, device="cpu")


def test_a_shorter_file_is_refused_unread(folder: Path, hashed: list[str]) -> None:
    file = folder / "model.safetensors"
    size = file.stat().st_size
    os.truncate(file, size - 1)
    with pytest.raises(SoundsiftError, match=f"it has {size - 1} bytes, expected {size}"):
        check_files_once(folder)
    assert hashed == []


def test_a_missing_file_is_refused(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(SoundsiftError, match=r"model\.safetensors is missing"):
        soundsift.load(folder, device="cpu")


def test_converting_a_changed_model_is_refused(folder: Path, tmp_path: Path) -> None:
    flip(folder / "model.safetensors")
    with pytest.raises(SoundsiftError, match="not the file"):
        convert(folder, tmp_path / "other", "bfloat16")
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("damage", ["[1]", "{", "\udcff", "{}" * 9, '{"config.yaml": 1}'])
def test_damaged_notes_are_made_anew(folder: Path, hashed: list[str], damage: str) -> None:
    check_files_once(folder)
    (notes,) = (folder.parent / "cache" / "soundsift" / "verified").iterdir()
    notes.write_bytes(damage.encode(errors="surrogateescape"))
    check_files_once(folder)
    assert len(hashed) == 4
    check_files_once(folder)
    assert len(hashed) == 4


def test_notes_that_others_can_write_are_not_believed(folder: Path, hashed: list[str]) -> None:
    check_files_once(folder)
    cache = folder.parent / "cache" / "soundsift"
    cache.chmod(cache.stat().st_mode | stat.S_IWOTH)
    check_files_once(folder)
    assert len(hashed) == 4


def test_a_copy_is_verified_for_itself(folder: Path, hashed: list[str]) -> None:
    check_files_once(folder)
    folder.rename(folder.with_name("moved"))
    check_files_once(folder.with_name("moved"))
    assert len(hashed) == 4


GOOD = {"sha256": "0" * 64, "bytes": 1}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        "[" * 100_000,
        '{"a":' * 100_000,
        "\udcff\udcfe",
        "{}",
        json.dumps({"soundsift": "1", "name": "n", "stored": "int8", "files": []}),
        json.dumps({"soundsift": "1", "name": "n", "stored": "int8", "files": {"a": 1}}),
        json.dumps({"soundsift": "1", "name": "n", "stored": "int8", "files": {"a": {}}}),
        *(
            json.dumps({"soundsift": "1", "name": "n", "stored": "int8", "files": files})
            for files in (
                {"a": GOOD | {"sha256": "x" * 64}},
                {"a": GOOD | {"bytes": -1}},
                {"a": GOOD | {"bytes": "many"}},
                {"../a": GOOD},
                {"/etc/passwd": GOOD},
                {"text_encoder/../../a": GOOD},
                {"a\0b": GOOD},
                {str(number): GOOD for number in range(2000)},
            )
        ),
        "{" + " " * 5_000_000 + "}",
    ],
    ids=lambda content: content[:40] + "..." if len(content) > 40 else content,
)
def test_damaged_manifests(folder: Path, content: str) -> None:
    (folder / "manifest.json").write_bytes(content.encode(errors="surrogateescape"))
    for use in (read_manifest, lambda folder: soundsift.load(folder, device="cpu")):
        with pytest.raises(SoundsiftError) as caught:
            use(folder)
        message = str(caught.value)
        assert "manifest.json" in message and "\n" not in message and len(message) < 1000
