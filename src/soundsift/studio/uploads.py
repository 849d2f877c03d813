"""A file as it comes in: straight to the data folder, counted and hashed on the way."""

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
#: Between the parts of a form, around the file.
_MOST_ELSE = 1 << 16
_UNREADABLE = RequestError(
    HTTPStatus.BAD_REQUEST,
    "The upload can't be read; multipart/form-data with one file named 'file' was expected.",
)


@dataclass(frozen=True)
class Upload:
    """A file that has come in.

    Attributes:
        name: that its sender gave it, for people; never a path.
        sha256: of its bytes, in hexadecimal digits.
        size: in bytes.
    """

    name: str
    sha256: str
    size: int


async def receive(
    chunks: AsyncIterator[bytes], content_type: str, place: Path, most_bytes: int
) -> Upload:
    """Write the file of a form to a place.

    Args:
        chunks: the body of the request.
        content_type: its header.
        place: where to; must not exist.
        most_bytes: of the file.

    Raises:
        RequestError: the body is no such form, or the file is too large.
        OSError: it can't be written.
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
                # Not in the loop, which must not wait for a disk.
                await asyncio.to_thread(parser.write, chunk)
            parser.finalize()
        except (FormParserError, MultipartParseError) as error:
            raise _UNREADABLE from error
        if not form.ended or form.name is None:
            raise _UNREADABLE
    return Upload(form.name, form.digest.hexdigest(), form.size)


class _Form:
    """Takes what the parser finds."""

    def __init__(self, file: BinaryIO, most_bytes: int) -> None:
        self.name: str | None = None
        self.digest, self.size, self.ended = hashlib.sha256(), 0, False
        self._file, self._most = file, most_bytes
        self._else = 0
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
            self._else += end - start
            if self._else > _MOST_ELSE:
                raise _UNREADABLE
            return
        self.size += end - start
        if self.size > self._most:
            raise too_large(
                f"{self.name} is too large; at most {self._most / (1 << 20):g} MiB were expected."
            )
        piece = data[start:end]
        self.digest.update(piece)
        self._file.write(piece)

    def end_part(self) -> None:
        self._is_file = False

    def end(self) -> None:
        self.ended = True


def clean_name(name: str) -> str:
    """A file's name as people may see it: its last part, without control characters."""
    last = name.replace("\\", "/").rpartition("/")[2]
    printable = "".join(c for c in last if not unicodedata.category(c).startswith("C"))
    return " ".join(printable.split())[:_LONGEST_NAME] or "recording"
