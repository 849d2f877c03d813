"""Sound inside the containers of games."""

import gzip
import struct
import zipfile
import zlib
from pathlib import Path

import pytest

from soundsift.data.containers import is_container, members, read_member


def group(entries: dict[str, bytes | dict]) -> bytes:
    """OpenClonk's group, not yet compressed: a header, a table and the contents."""
    header = bytearray(204)
    header[:24] = b"RedWolf Design GrpFolder"
    struct.pack_into("<iii", header, 28, 1, 2, len(entries))
    for i in range(0, len(header) - 2, 3):
        header[i], header[i + 2] = header[i + 2], header[i]
    table, body = b"", b""
    for name, content in entries.items():
        inside = group(content) if isinstance(content, dict) else content
        fields = struct.pack("<iiiii", 0, isinstance(content, dict), len(inside), 0, len(body))
        table += name.encode().ljust(260, b"\0") + fields.ljust(56, b"\0")
        body += inside
    return bytes(byte ^ 237 for byte in header) + table + body


def resources(files: dict[str, bytes], version: int = 2) -> bytes:
    """Qt's resource file: a root folder with one folder "sounds" that holds the files."""
    names, offsets = b"", {}
    for name in ("sounds", *files):
        offsets[name] = len(names)
        names += struct.pack(">HI", len(name), 0) + name.encode("utf-16-be")
    modified = bytes(8) if version > 1 else b""
    tree = struct.pack(">IHII", 0, 2, 1, 1) + modified
    tree += struct.pack(">IHII", offsets["sounds"], 2, len(files), 2) + modified
    data = b""
    for number, (name, content) in enumerate(files.items()):
        packed = number % 2  # every other file is compressed
        stored = struct.pack(">I", len(content)) + zlib.compress(content) if packed else content
        tree += struct.pack(">IHII", offsets[name], packed, 0, len(data)) + modified
        data += struct.pack(">I", len(stored)) + stored
    start = 20
    places = (start, start + len(tree), start + len(tree) + len(data))
    return struct.pack(">4sIIII", b"qres", version, *places) + tree + data + names


def test_openclonks_groups_hold_groups(tmp_path: Path) -> None:
    inner = {"Bark1.wav": b"bark", "Notes.txt": b"not sound"}
    packed = gzip.compress(group({"Dog.ocg": inner, "Rain.ogg": b"rain", "Icon.png": b""}))
    file = tmp_path / "Sound.ocg"
    file.write_bytes(b"\x1e\x8c" + packed[2:])
    assert is_container(file)
    assert members(file) == ["Dog.ocg/Bark1.wav", "Rain.ogg"]
    assert read_member(file, "Dog.ocg/Bark1.wav") == b"bark"
    assert read_member(file, "Rain.ogg") == b"rain"


@pytest.mark.parametrize("version", [1, 2])
def test_qt_resources_are_read_plain_and_compressed(tmp_path: Path, version: int) -> None:
    file = tmp_path / "farm.rcc"
    files = {"cow.ogg": b"moo" * 100, "dog.wav": b"bark" * 100, "farm.svg": b"<svg/>"}
    file.write_bytes(resources(files, version))
    assert members(file) == ["sounds/cow.ogg", "sounds/dog.wav"]
    assert read_member(file, "sounds/cow.ogg") == files["cow.ogg"]
    assert read_member(file, "sounds/dog.wav") == files["dog.wav"]


@pytest.mark.parametrize("ending", ["zip", "pk3", "orgue"])
def test_archives_are_read_whatever_they_are_called(tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"data.{ending}"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("b.wav", b"second")
        archive.writestr("a/a.ogg", b"first")
        archive.writestr("readme.txt", b"text")
    assert members(file) == ["a/a.ogg", "b.wav"]
    assert read_member(file, "b.wav") == b"second"


def test_other_files_are_no_containers(tmp_path: Path) -> None:
    for name in ("sound.wav", "broken.zip", "text.txt"):
        (tmp_path / name).write_bytes(b"nothing")
        assert not is_container(tmp_path / name)
