"""Receive a form with a file: written to the data folder, counted and hashed on the way.

Starlette's `UploadFile` would store it elsewhere first, and check its size only then.
"""

from __future__ import annotations

import asyncio
import hashlib
import unicodedata
from collections.abc import AsyncIterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO

from python_multipart.exceptions import FormParserError, MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from soundsift.studio.errors import RequestError, too_large

_LONGEST_NAME = 200
#: Bytes of a form besides the file.
_MOST_OTHER_BYTES = 1 << 16
_UNREADABLE = RequestError(
    HTTPStatus.BAD_REQUEST,
    "The upload can't be read. Send multipart/form-data with one file in the field 'file'.",
)


@dataclass(frozen=True)
class Upload:
    """A received file.

    Attributes:
        name: file name for display; never used as a path.
        sha256: SHA-256 of the file, in hexadecimal digits.
        size: size in bytes.
    """

    name: str
    sha256: str
    size: int


async def receive(
    chunks: AsyncIterator[bytes], content_type: str, place: Path, most_bytes: int
) -> Upload:
    """Write the file of a form to the disk.

    Args:
        chunks: body of the request.
        content_type: header `Content-Type`.
        place: path to write; must not exist.
        most_bytes: largest accepted file.

    Raises:
        RequestError: the body is no form with one file, or the file is too large.
        OSError: the file can't be written.
    """
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise _UNREADABLE
    with place.open("xb") as file:
        form = _Form(file, most_bytes)
        try:
            parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": form.begin_part,
                    "on_header_field": form.header_name,
                    "on_header_value": form.header_value,
                    "on_header_end": form.end_header,
                    "on_headers_finished": form.end_headers,
                    "on_part_data": form.data,
                    "on_part_end": form.end_part,
                    "on_end": form.end,
                },
            )
            async for chunk in chunks:
                # Not in the event loop, which must not wait for a disk.
                await asyncio.to_thread(parser.write, chunk)
            parser.finalize()
        except (FormParserError, MultipartParseError) as error:
            raise _UNREADABLE from error
        if not form.ended or form.name is None:
            raise _UNREADABLE
    return Upload(form.name, form.digest.hexdigest(), form.size)


class _Form:
    """Callbacks of the multipart parser."""

    def __init__(self, file: BinaryIO, most_bytes: int) -> None:
        self.name: str | None = None
        self.digest, self.size, self.ended = hashlib.sha256(), 0, False
        self._file, self._most = file, most_bytes
        self._other = 0
        self._header, self._value = b"", b""
        self._disposition = b""
        self._is_file = False

    def begin_part(self) -> None:
        self._disposition, self._is_file = b"", False

    def header_name(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header, self._value = b"", b""

    def end_headers(self) -> None:
        _, options = parse_options_header(self._disposition)
        if options.get(b"name") != b"file":
            return
        if self.name is not None:
            raise _UNREADABLE
        self._is_file = True
        self.name = clean_name(options.get(b"filename", b"").decode("utf-8", "replace"))

    def data(self, data: bytes, start: int, end: int) -> None:
        if not self._is_file:
            self._other += end - start
            if self._other > _MOST_OTHER_BYTES:
                raise _UNREADABLE
            return
        self.size += end - start
        if self.size > self._most:
            raise too_large(
                f"{self.name} is too large. Send at most {self._most / (1 << 20):g} MiB."
            )
        piece = data[start:end]
        self.digest.update(piece)
        self._file.write(piece)

    def end_part(self) -> None:
        self._is_file = False

    def end(self) -> None:
        self.ended = True


def clean_name(name: str) -> str:
    """A file name for display: its last part, without control characters."""
    last = name.replace("\\", "/").rpartition("/")[2]
    printable = "".join(c for c in last if not unicodedata.category(c).startswith("C"))
    return " ".join(printable.split())[:_LONGEST_NAME] or "recording"
