"""Label tracks of Audacity: spans in, spans out.

One label a line: start and end in seconds, and a title, with tabs between. Lines that begin with a
backslash hold the frequencies of a label, which say nothing here.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from soundsift.errors import SoundsiftError
from soundsift.spans import Span

#: Longer files are no labels.
_MOST_BYTES = 2**22


def read_labels(path: Path) -> tuple[Span, ...]:
    """The labels of a file as spans, in their order.

    A title that begins with "-" or "not" says that the sound is not heard there.

    Raises:
        SoundsiftError: the file can't be read, holds no label, or a line is none.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise SoundsiftError(f"{path} is too large for labels. Export a label track.")
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise SoundsiftError(
            f"{path} can't be read ({reason}). Use a label track that Audacity has exported."
        ) from error
    spans = [
        _span(line, f"{path}, line {number}")
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip() and not line.startswith("\\")
    ]
    if not spans:
        raise SoundsiftError(f"{path} holds no label. Mark a region in Audacity and export it.")
    return tuple(spans)


def format_labels(spans: Iterable[Span], title: str) -> str:
    """Content of a label file.

    Args:
        spans: the regions; those where the sound is not heard are left out.
        title: of every label; tabs and line breaks in it become spaces.
    """
    plain = " ".join(title.split())
    return "".join(f"{s.start:.6f}\t{s.end:.6f}\t{plain}\n" for s in spans if s.positive)


def _span(line: str, where: str) -> Span:
    start, _, rest = line.partition("\t")
    end, _, title = rest.partition("\t")
    try:
        first, last = float(start), float(end)
    except ValueError as error:
        raise SoundsiftError(
            f"{where} is no label: {line.strip()[:60]!r}. Expected start, end and title with tabs "
            "between."
        ) from error
    if first == last:
        raise SoundsiftError(
            f"{where} is a label without length. Drag it over a region in Audacity."
        )
    word = title.strip().lower()
    try:
        return Span(first, last, not (word.startswith("-") or word.split()[:1] == ["not"]))
    except SoundsiftError as error:
        raise SoundsiftError(f"{where}: {error}") from error
