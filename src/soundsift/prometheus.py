"""Counters in Prometheus's text format, for its node exporter's textfile collector."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from soundsift.cache import partial_path, replace_durably


@dataclass(frozen=True)
class Sample:
    """A number.

    Attributes:
        name: without the prefix; samples of one name follow each other.
        value: the number.
        labels: what it is of.
    """

    name: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


def text_of(prefix: str, samples: Iterable[Sample]) -> str:
    """The text of samples; all are gauges, since each run starts anew.

    Args:
        prefix: of their names.
        samples: the numbers.
    """
    lines: list[str] = []
    typed: set[str] = set()
    for sample in samples:
        name = f"{prefix}_{sample.name}"
        if name not in typed:
            typed.add(name)
            lines.append(f"# TYPE {name} gauge")
        labels = ",".join(f'{label}="{value}"' for label, value in sample.labels.items())
        lines.append(f"{name}{{{labels}}} {sample.value}" if labels else f"{name} {sample.value}")
    return "\n".join(lines) + "\n"


def write_samples(path: Path, prefix: str, samples: Iterable[Sample]) -> None:
    """Write a file that the collector never sees half of.

    Raises:
        OSError: it can't be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = partial_path(path)
    part.write_text(text_of(prefix, samples))
    replace_durably(part, path)
