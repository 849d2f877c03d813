import asyncio
import hashlib
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path

import pytest

pytest.importorskip("python_multipart", reason="pip install 'soundsift[studio]'")

from soundsift.studio.errors import RequestError
from soundsift.studio.uploads import Upload, clean_name, receive

DATA = bytes(range(256)) * 40 + b"\r\n--sep\r\nnot the end"


def form(*parts: tuple[str, bytes], end: bytes = b"--separator--\r\n") -> bytes:
    body = b""
    for disposition, data in parts:
        body += b"--separator\r\n"
        body += f"Content-Disposition: form-data; {disposition}\r\n\r\n".encode() + data + b"\r\n"
    return body + end


def take(
    body: bytes,
    place: Path,
    most: int = 10**6,
    piece: int = 10**6,
    kind: str = "multipart/form-data; boundary=separator",
) -> Upload:
    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), piece):
            yield body[start : start + piece]

    # In a thread of its own: the browser's tests keep a loop running in the main one.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, receive(chunks(), kind, place, most)).result()


FILE = ('name="file"; filename="a b.wav"', DATA)


@pytest.mark.parametrize("piece", [10**6, 997, 7])
def test_uploads_are_stored_byte_for_byte(tmp_path: Path, piece: int) -> None:
    body = form(('name="other"', b"x"), FILE)
    upload = take(body, tmp_path / "o", piece=piece)
    assert upload == Upload("a b.wav", hashlib.sha256(DATA).hexdigest(), len(DATA))
    assert (tmp_path / "o").read_bytes() == DATA


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (form(FILE), "application/json"),
        (form(FILE), "multipart/form-data"),
        (form(FILE), "multipart/form-data; boundary=another"),
        (form(FILE, end=b""), None),
        (form(FILE)[:500], None),
        (form(FILE, FILE), None),
        (form(('name="other"; filename="a.wav"', DATA)), None),
        (form(('name="other"', b"x" * 100_000), FILE), None),
        (form((f'name="file"; {"x" * 10_000}', DATA)), None),
        (b"", None),
        (b"\0" * 1000, None),
    ],
)
def test_malformed_forms_are_refused(tmp_path: Path, body: bytes, kind: str | None) -> None:
    with pytest.raises(RequestError) as caught:
        take(body, tmp_path / "o", kind=kind or "multipart/form-data; boundary=separator")
    assert caught.value.status == HTTPStatus.BAD_REQUEST


def test_large_uploads_are_refused_early(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"a b\.wav is too large") as caught:
        take(form(FILE), tmp_path / "o", most=1000, piece=100)
    assert caught.value.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert (tmp_path / "o").stat().st_size <= 1000


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("street.wav", "street.wav"),
        ("../../etc/passwd", "passwd"),
        ("C:\\music\\a.wav", "a.wav"),
        ("a\0b\r\nc.wav", "abc.wav"),
        ("  Straße  1.wav ", "Straße 1.wav"),
        ("", "recording"),
        ("/", "recording"),
        ("\u202egnp.exe", "gnp.exe"),
        ("x" * 1000, "x" * 200),
    ],
)
def test_file_names_are_cleaned(given: str, kept: str) -> None:
    assert clean_name(given) == kept
