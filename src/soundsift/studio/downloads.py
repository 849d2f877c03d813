"""Responses with media files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, BinaryIO

from fastapi.responses import FileResponse
from starlette.types import Receive, Scope, Send

from soundsift.studio.errors import not_found

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
_BYTES = {"schema": {"type": "string", "format": "binary"}}
_WORDS = {"text/plain": {"schema": {"type": "string"}}}
_SOUNDS = dict.fromkeys(sorted(set(_TYPES.values())), _BYTES)

#: OpenAPI description of `sound_response`: its responses, and the `Range` header.
SOUND_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"content": _SOUNDS},
    206: {
        "description": "The requested ranges.",
        "content": _SOUNDS | {"multipart/byteranges": _BYTES},
    },
    400: {"description": "The header `Range` is invalid.", "content": _WORDS},
    416: {"description": "The file has no such range.", "content": _WORDS},
}
RANGE = {
    "parameters": [
        {
            "name": "range",
            "in": "header",
            "required": False,
            "schema": {"type": "string"},
            "description": "Requested range: bytes=0-999",
        }
    ]
}


class _OpenFileResponse(FileResponse):
    """A file that may be deleted while it is sent: it stays open where the system offers that."""

    def __init__(self, file: BinaryIO, **options: Any) -> None:
        self._file = file
        again = Path(f"/proc/self/fd/{file.fileno()}")
        path = again if again.exists() else Path(file.name)
        super().__init__(path, stat_result=os.fstat(file.fileno()), **options)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        with self._file:
            await super().__call__(scope, receive, send)


def sound_response(
    path: Path, name: str, download: bool, suffix: str | None = None
) -> FileResponse:
    """A media file; supports `Range` and `If-Range`.

    Args:
        path: the file.
        name: of the download, without its suffix.
        download: whether browsers save the file.
        suffix: suffix of the download's name, which sets its type; that of the file by default.

    Raises:
        RequestError: the file has just been deleted.
    """
    suffix = path.suffix if suffix is None else suffix
    try:
        file = path.open("rb")
    except OSError as error:
        raise not_found("sound of", name) from error
    return _OpenFileResponse(
        file,
        media_type=_TYPES.get(suffix, "application/octet-stream"),
        filename=f"{name}{suffix}",
        content_disposition_type="attachment" if download else "inline",
        # The content of an id never changes, but access to it has to be checked.
        headers={"cache-control": "private, no-cache"},
    )
