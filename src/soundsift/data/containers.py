"""Sound files inside the containers that packages bring: archives, and the games' own formats."""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from soundsift.data import sky_disk

AUDIO_ENDINGS = {
    ".wav", ".ogg", ".oga", ".flac", ".mp3", ".g722", ".opus", ".au", ".aif", ".aiff", ".voc",
    ".mka", ".mkv",
}  # fmt: skip

_ZIP_ENDINGS = {".zip", ".pk3", ".wz", ".orgue"}
_GROUP_ENDINGS = {".ocg", ".ocd", ".ocs"}
_GROUP_HEADER, _GROUP_ENTRY = 204, 316

_RESOURCE_DIRECTORY, _RESOURCE_ZLIB, _RESOURCE_ZSTD = 2, 1, 4


def is_container(file: Path) -> bool:
    """Whether `members` can list this file."""
    ending = file.suffix.lower()
    if ending in _ZIP_ENDINGS:
        return zipfile.is_zipfile(file)
    if ending == ".dsk":
        return file.with_suffix(".dnr").exists()
    return ending in _READERS


def members(file: Path) -> list[str]:
    """Names of the sound files in a container, sorted."""
    if file.suffix.lower() == ".dsk":
        return sky_disk.spoken_lines(file)
    if file.suffix.lower() in _ZIP_ENDINGS:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    else:
        names = list(_contents(file))
    if file.suffix.lower() == ".cat":  # titles, without endings
        return names
    return sorted(name for name in names if Path(name).suffix.lower() in AUDIO_ENDINGS)


def read_member(file: Path, member: str) -> bytes:
    """The bytes of one file in a container.

    Raises:
        KeyError: if the container holds no such file.
    """
    if file.suffix.lower() in _ZIP_ENDINGS:
        with zipfile.ZipFile(file) as archive:
            return archive.read(member)
    if file.suffix.lower() == ".dsk":
        return sky_disk.read_line(file, member)
    return _contents(file)[member]


@lru_cache(maxsize=1)  # the files of one container are read one after the other
def _contents(file: Path) -> dict[str, bytes]:
    return _READERS[file.suffix.lower()](file.read_bytes())


def _openttd_sounds(data: bytes) -> dict[str, bytes]:
    """OpenTTD's .cat: a table of (offset, size), then counted titles and WAV files."""
    count = (struct.unpack_from("<I", data)[0] & 0x7FFFFFFF) // 8
    found = {}
    for index in range(count):
        offset, size = struct.unpack_from("<II", data, 8 * index)
        offset &= 0x7FFFFFFF
        length = data[offset]
        title = data[offset + 1 : offset + 1 + length].decode("utf-8", "replace").rstrip("\0")
        if quoted := re.match(r'"([^"]*)"', title):
            title = quoted.group(1)
        start = offset + 1 + length
        found[f"{index:02d} {title.replace('/', ' or ')}"] = data[start : start + size]
    return found


def _openclonk_group(data: bytes) -> dict[str, bytes]:
    """OpenClonk's .ocg, .ocd, .ocs: gzip with two other magic bytes around a tree of groups.

    A group is a scrambled header with the number of entries, a table of entries, and their bytes;
    an entry may be a group itself.
    """
    if data[:2] == b"\x1e\x8c":
        data = b"\x1f\x8b" + data[2:]
    whole = zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(data)
    return dict(_group_entries(whole, ""))


def _group_entries(group: bytes, folder: str) -> list[tuple[str, bytes]]:
    header = bytearray(byte ^ 237 for byte in group[:_GROUP_HEADER])
    for i in range(0, len(header) - 2, 3):
        header[i], header[i + 2] = header[i + 2], header[i]
    (count,) = struct.unpack_from("<i", header, 36)
    start = _GROUP_HEADER + _GROUP_ENTRY * count
    found = []
    for i in range(count):
        entry = group[_GROUP_HEADER + _GROUP_ENTRY * i :][:_GROUP_ENTRY]
        name = folder + entry[:260].split(b"\0")[0].decode("latin-1")
        is_group, size, _, offset = struct.unpack_from("<iiii", entry, 264)
        content = group[start + offset : start + offset + size]
        if is_group:
            found.extend(_group_entries(content, name + "/"))
        else:
            found.append((name, content))
    return found


def _qt_resources(data: bytes) -> dict[str, bytes]:
    """Qt's .rcc: a tree of nodes, their names and their bytes, plain or zlib-compressed.

    Entries compressed with zstandard are left out: sound files never are, being compressed already.
    """
    magic, version, tree, content, names = struct.unpack_from(">4sIIII", data)
    if magic != b"qres":
        raise ValueError("not a Qt resource file")
    node_size = 14 if version == 1 else 22

    def name_at(offset: int) -> str:
        (length,) = struct.unpack_from(">H", data, names + offset)
        start = names + offset + 6
        return data[start : start + 2 * length].decode("utf-16-be")

    def bytes_at(offset: int, flags: int) -> bytes:
        (size,) = struct.unpack_from(">I", data, content + offset)
        raw = data[content + offset + 4 : content + offset + 4 + size]
        return zlib.decompress(raw[4:]) if flags & _RESOURCE_ZLIB else raw

    found: dict[str, bytes] = {}
    pending = [(0, "")]
    while pending:
        index, folder = pending.pop()
        name_offset, flags, first, second = struct.unpack_from(
            ">IHII", data, tree + node_size * index
        )
        name = folder + (name_at(name_offset) if index else "")
        if flags & _RESOURCE_DIRECTORY:
            inside = name + "/" if name else ""
            pending.extend((second + child, inside) for child in range(first))
        elif not flags & _RESOURCE_ZSTD:
            found[name] = bytes_at(second, flags)
    return found


_READERS: dict[str, Callable[[bytes], dict[str, bytes]]] = {
    ".cat": _openttd_sounds,
    ".rcc": _qt_resources,
    **dict.fromkeys(_GROUP_ENDINGS, _openclonk_group),
}
