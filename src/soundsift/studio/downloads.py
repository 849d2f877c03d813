"""Sound files as answers."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from fastapi.responses import FileResponse

_TYPES = {
    ".wav": "audio/wav",
    ".flac": "audio/flac",
    ".mp3": "audio/mpeg",
    ".opus": "audio/ogg",
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".mkv": "video/x-matroska",
    ".webm": "video/webm",
}


def sound_response(
    path: Path, name: str, stem: str, download: bool, suffix: str | None = None
) -> FileResponse:
    """A file of ours; it answers `Range` and `If-Range`.

    Args:
        path: of the file.
        name: of the recording; goes into a header only.
        stem: which part of it; empty for the whole.
        download: whether a browser is to save it.
        suffix: of the name it is saved under, and so its type; that of the file unless given.
    """
    suffix = path.suffix if suffix is None else suffix
    base = PurePosixPath(name).stem or "recording"
    return FileResponse(
        path,
        media_type=_TYPES.get(suffix, "application/octet-stream"),
        filename=f"{base}.{stem}{suffix}" if stem else f"{base}{suffix}",
        content_disposition_type="attachment" if download else "inline",
        # What is under an id never changes; whether it may be seen still has to be asked.
        headers={"cache-control": "private, no-cache"},
    )
