"""Options of a separation. Imports no PyTorch, so that the command line starts fast."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from numbers import Real
from typing import Literal, TypedDict, cast

from soundsift.errors import SoundsiftError

#: Each candidate takes as long as a separation.
MOST_CANDIDATES = 64

Windowing = Literal["multi-diffusion", "chunks", "one-shot"]


class OptionWords(TypedDict, total=False):
    """`Options` as keyword arguments."""

    preset: str
    seed: int | None
    consistent: bool
    windowing: Windowing
    window: float | None
    overlap: float | None
    predict_spans: bool | None
    candidates: int
    judge: bool
    start: float | None
    end: float | None
    by: float | None


@dataclass(frozen=True)
class Options:
    """Options of a separation.

    Attributes:
        preset: draft, standard or best (`soundsift.presets`).
        seed: of the initial noise; None draws one.
        consistent: for a model that generates its stems, use them to guide a mask on the mixture,
            so that target and residual add up to it. The default model's stems always do.
        windowing: how the windows of a long recording are combined: "multi-diffusion" averages
            their velocities at every evaluation; for comparison, "chunks" separates each alone and
            crossfades the waves, and "one-shot" makes the recording one window.
        window: length of a window in seconds; the model's own unless given. Not with "one-shot".
        overlap: overlap of consecutive windows in seconds. Unless given, the model's own, 0.08
            for chunks, and a quarter of the window for windows that are shorter than that. Not
            with "one-shot".
        predict_spans: let the model's span predictor mark when the sound of a text prompt is heard,
            for prompts without spans (arXiv 2512.18099, section 4). None: where the model's
            configuration says that it helps.
        candidates: noises to draw for each prompt: the result that the rankers score best is
            returned (`soundsift.separation.ranking`), with the scores of all in its settings.
            Released models only; not with "chunks".
        judge: let the default model's judge rate each result (`soundsift.separation.judging`); its
            ratings go into the settings. Default model only.
        start: separate only the part of the recording from here on, in seconds; outside of it the
            target is silent and the residual is the recording, bit for bit.
        end: and only up to here.
        by: lower the sound by so many dB in the residual, instead of taking it out; the target is
            what is taken out. None: all of it.
    """

    preset: str = "standard"
    seed: int | None = 0
    consistent: bool = False
    windowing: Windowing = "multi-diffusion"
    window: float | None = None
    overlap: float | None = None
    predict_spans: bool | None = None
    candidates: int = 1
    judge: bool = False
    start: float | None = None
    end: float | None = None
    by: float | None = None

    def words(self) -> OptionWords:
        """The same as keyword arguments."""
        return cast(OptionWords, asdict(self))


def make_options(words: OptionWords) -> Options:
    """The options of keyword arguments.

    Raises:
        SoundsiftError: an option of a wrong type.
        TypeError: an unknown option.
    """
    known = {field.name for field in fields(Options)}
    if unknown := sorted(set(words) - known):
        raise TypeError(f"Unknown option {unknown[0]!r}. Use some of {', '.join(sorted(known))}.")
    for name in ("seed", "window", "overlap", "start", "end", "by"):
        value = words.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, Real)):
            raise SoundsiftError(f"Invalid {name} {value!r}: expected a number.")
    return Options(**words)
