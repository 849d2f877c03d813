"""Label tracks of Audacity."""

from pathlib import Path

import pytest

from soundsift.errors import SoundsiftError
from soundsift.labels import format_labels, read_labels
from soundsift.spans import Span


def test_labels_are_spans(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_text(
        "\ufeff0.500000\t1.250000\tdog\n\\\t100.000000\t2000.000000\n2\t3\tnot the dog\n4\t5\t\n"
    )
    spans = read_labels(path)
    assert spans == (Span(0.5, 1.25), Span(2, 3, False), Span(4, 5))
    path.write_text(format_labels(spans, "dog\tbarking"))
    assert path.read_text().splitlines()[0] == "0.500000\t1.250000\tdog barking"
    assert read_labels(path) == (Span(0.5, 1.25), Span(4, 5))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no label"),
        ("1,5\t2\tdog\n", "line 1 is no label"),
        ("1\t2\tdog\n3\t3\tdog\n", "line 2 is a label without length"),
        ("3\t2\tdog\n", "line 1: .*ends before"),
        ("nan\t2\tdog\n", "line 1: .*nan"),
    ],
)
def test_what_is_no_label(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "labels.txt"
    path.write_text(content)
    with pytest.raises(SoundsiftError, match=message):
        read_labels(path)
    with pytest.raises(SoundsiftError, match="can't be read"):
        read_labels(tmp_path / "gone.txt")
