"""Tags (title, artist, ...) of recordings, for the results."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import av

from soundsift.audio.containers import open_media
from soundsift.audio.tracks import sound_track

# Tags about the file that the sound was in, or about its loudness, which has changed.
_OF_THE_FILE = re.compile(
    r"encoder|encoded_by|encoding_tool|software|major_brand|minor_version|compatible_brands|"
    r"duration.*|creation_time|handler_name|vendor_id|language|timecode|time_reference|umid|"
    r"coding_history|origination_.*|originator.*|waveformatextensible_channel_mask|itunsmpb|"
    r"replaygain_.*|r128_.*|bps.*|number_of_.*|_statistics.*|iso_media.*|itunnorm|date_written",
    re.IGNORECASE,
)
_LONGEST = 10_000

# The chunks of a WAV file's INFO list, by FFmpeg's names of the tags.
_INFO = {
    "title": b"INAM",
    "artist": b"IART",
    "album": b"IPRD",
    "date": b"ICRD",
    "genre": b"IGNR",
    "comment": b"ICMT",
    "track": b"IPRT",
    "copyright": b"ICOP",
}


def read_tags(path: Path) -> dict[str, str]:
    """Tags of an audio or video file, without those about the file itself.

    Args:
        path: The file.

    Returns:
        Values by FFmpeg's names in lower case. Empty for files that can't be read: a recording is
        not refused for its tags.
    """
    try:
        with open_media(path) as container:
            stream = sound_track(container)
            # Ogg has tags on the stream, other containers on the file.
            return clean_tags({**(stream.metadata if stream else {}), **container.metadata})
    except (av.FFmpegError, ValueError, OSError):
        return {}


def clean_tags(found: Mapping[str, Any]) -> dict[str, str]:
    """Tags without those about the file itself.

    Args:
        found: Tags as FFmpeg returns them.

    Returns:
        Tags with names in lower case, sorted by name.
    """
    tags = {
        str(name).lower(): str(value).replace("\0", "")
        for name, value in found.items()
        if not _OF_THE_FILE.fullmatch(str(name))
    }
    return {n: v for n, v in sorted(tags.items()) if v.strip() and len(v) <= _LONGEST}


def info_chunk(tags: Mapping[str, str]) -> bytes:
    """LIST chunk of a WAV file with tags.

    Args:
        tags: Values by FFmpeg's names.

    Returns:
        The chunk with its header; empty if it can hold none of the tags.
    """
    body = b""
    for name, chunk in _INFO.items():
        if value := tags.get(name):
            text = value.encode("utf-8", "replace") + b"\0"
            body += struct.pack("<4sI", chunk, len(text)) + text + b"\0" * (len(text) % 2)
    return struct.pack("<4sI4s", b"LIST", 4 + len(body), b"INFO") + body if body else b""
