"""What decides a run of the data engine."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

FilterName = Literal[
    "text-target", "text-residual", "complexity", "silence", "mask-coverage", "picture-sound"
]
FILTERS: tuple[FilterName, ...] = get_args(FilterName)

#: Who can answer for a filter, the first choice first, with the threshold for its numbers. Those of
#: CLAP, Audiobox Aesthetics, silence and pictures are the paper's; those of the hearing network
#: were chosen on stranger validation (docs/data-engine.md).
THRESHOLDS: dict[FilterName, dict[str, float]] = {
    "text-target": {"program": 0.35, "clap": 0.35, "hearing": 0.96},
    "text-residual": {"program": 0.0, "clap": 0.0, "hearing": 0.95},
    "complexity": {"program": 2.5, "aesthetics": 2.5, "hearing": 2.5},
    "silence": {"program": 0.95, "samples": 0.95},
    "mask-coverage": {"program": 0.02},
    "picture-sound": {"program": 0.2},
}
#: Filters that a larger number passes.
LARGER_PASSES: frozenset[FilterName] = frozenset({"text-target", "mask-coverage", "picture-sound"})
#: Filters for recordings with a picture alone.
OF_PICTURES: frozenset[FilterName] = frozenset({"mask-coverage", "picture-sound"})


class EngineConfig(BaseModel):
    """A run of the data engine.

    Attributes:
        model: the checkpoint that separates, as for `soundsift.load`.
        adapter: an adapter of it.
        preset, seed: of the separation.
        captioner: a program that captions recordings (`soundsift.data.engine.captions`); empty for
            the hearing network.
        programs: programs that answer for filters (`soundsift.data.engine.program`).
        off: filters that are left out.
        thresholds: other thresholds than those of `THRESHOLDS`.
        clap: CLAP's folder or name in the Hub's cache; None for no CLAP.
        aesthetics: whether Audiobox Aesthetics rates complexity.
        seconds: length of the excerpts that recordings are cut into.
        shortest: a last excerpt below so many seconds is left out.
        phrases: sounds that are taken from an excerpt, at most.
        least_confidence: of the hearing network, for a sound to be taken.
        keep_rejected: whether the sound of rejected candidates is written, too.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = "default"
    adapter: Path | None = None
    preset: str = "standard"
    seed: int = 0
    captioner: tuple[str, ...] = ()
    programs: dict[FilterName, tuple[str, ...]] = {}
    off: frozenset[FilterName] = frozenset()
    thresholds: dict[FilterName, float] = {}
    clap: str | None = None
    aesthetics: bool = False
    seconds: float = Field(default=10.0, ge=1, le=60)
    shortest: float = Field(default=2.0, ge=0.1)
    phrases: int = Field(default=6, ge=1, le=16)
    least_confidence: float = Field(default=0.5, ge=0, le=1)
    keep_rejected: bool = False

    def scorer(self, name: FilterName) -> str | None:
        """Who answers for a filter; None if it is off, or nothing at hand can."""
        if name in self.off:
            return None
        available = {"hearing", "samples"}
        if name in self.programs:
            available.add("program")
        if self.clap is not None:
            available.add("clap")
        if self.aesthetics:
            available.add("aesthetics")
        return next((who for who in THRESHOLDS[name] if who in available), None)

    def threshold(self, name: FilterName) -> float:
        """The threshold of a filter."""
        who = self.scorer(name)
        assert who is not None, name
        return self.thresholds.get(name, THRESHOLDS[name][who])
