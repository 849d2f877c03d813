"""Opening a media file with FFmpeg's demuxers: the same limits for every caller."""

from pathlib import Path
from typing import Any

import av

# Formats without any header to recognise them by.
_RAW_FORMATS = {".g722": "g722"}


def open_media(path: Path) -> Any:
    """Open an audio or video file for reading, and no other file.

    Args:
        path: an existing file.

    Returns:
        PyAV's input container, to be closed by the caller.

    Raises:
        av.FFmpegError: FFmpeg does not know the format, or the header is damaged.
        OSError: the file cannot be read.
        ValueError: the name cannot be passed to FFmpeg.
    """
    # `file:`: a name such as "12:30.wav" is no URL. The whitelist keeps playlists off the network.
    return av.open(
        f"file:{path}",
        format=_RAW_FORMATS.get(path.suffix.lower()),
        options={"protocol_whitelist": "file"},
        metadata_errors="replace",
    )
