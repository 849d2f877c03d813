"""What a suite asks of a separator: a mixture, prompts and, where they exist, the right answers.

Shapes: C channels, N samples at the item's own sample rate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundsift.spans import Span

Samples = NDArray[np.float32]
#: Figures of one item by name; None where a figure does not exist.
Scores = dict[str, float | None]
#: Outputs of one item by the names of its asks, each `(C, N)`.
Outputs = Mapping[str, Samples]


@dataclass(frozen=True)
class Ask:
    """One prompt for one mixture.

    Attributes:
        name: names the output.
        text: the phrase, if any.
        spans: where the sound is heard, if given.
        masks: file of the object's masks in the item's video, if given.
    """

    name: str
    text: str | None = None
    spans: tuple[Span, ...] = ()
    masks: Path | None = None


@dataclass(frozen=True)
class Item:
    """One mixture of a suite.

    Attributes:
        id: its name, unique in the suite and safe as a file name.
        mixture: `(C, N)`.
        sample_rate: in Hz.
        asks: the prompts that are scored, the main one first.
        references: right answers `(C, N)` by name; those of the asks, and any that scores need.
        probes: further prompts, for systems that answer prompts.
        group: kind of the item, for tables.
        heard: where the main target is heard, for SpanIoU; None if that is unknown.
        speech: whether the main target is speech.
        video: picture that belongs to the mixture.
        extra: what else scoring needs.
    """

    id: str
    mixture: Samples
    sample_rate: int
    asks: tuple[Ask, ...]
    references: Mapping[str, Samples] = field(default_factory=dict)
    probes: tuple[Ask, ...] = ()
    group: str = ""
    heard: tuple[Span, ...] | None = None
    speech: bool = False
    video: Path | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Figure:
    """A figure that a suite publishes.

    Attributes:
        value: None if no item has it.
        low, high: 95 % bootstrap interval over items.
        count: number of items, classes or frames behind it.
    """

    value: float | None
    low: float | None
    high: float | None
    count: int


#: A finished row of a results file, as a suite's arithmetic sees it.
Scored = Mapping[str, Any]


@dataclass(frozen=True)
class Suite:
    """A set of items with its arithmetic.

    Attributes:
        name: of the suite and, if any, its subset.
        ids: the items, each once, in order.
        load: the item of an id.
        score: figures of an item from its outputs.
        summarise: the published figures, from rows with `scores` and `group`.
        settings: what else decides the items; two runs with other settings can't be compared.
        missing: items that the user's data lacks, which are left out.
        headline: names of the figures that tables show first.
        assign: outputs of an item from the stems of a system without prompts, where the suite has
            its own rule; by default the stem nearest to the main target is taken.
    """

    name: str
    ids: tuple[str, ...]
    load: Callable[[str], Item]
    score: Callable[[Item, Outputs], Scores]
    summarise: Callable[[Sequence[Scored]], dict[str, Figure]]
    settings: Mapping[str, Any] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    headline: tuple[str, ...] = ("si_sdr_i", "sdr_i")
    assign: Callable[[Item, Outputs], Outputs] | None = None
