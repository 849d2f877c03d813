"""Listen for the sounds of prompts in a mixture, while it is separated or before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from soundsift.errors import SoundsiftError
from soundsift.models.codec import Codec
from soundsift.models.components import ModelComponents, SpanPredictor
from soundsift.prompts import Prompt
from soundsift.sampling.buffers import bounded_tee
from soundsift.sampling.windows import Window
from soundsift.separation.occurrences import Finding, any_of, find_occurrences, heard_frames
from soundsift.separation.span_prediction import joined, predict_spans, window_probabilities
from soundsift.spans import Span


def make_listener(
    model: ModelComponents, prompts: Sequence[Prompt], predict: bool | None
) -> tuple[Listener | None, bool]:
    """What listens for the prompts' sounds, and whether it predicts their spans.

    Args:
        model: the model.
        prompts: the prompts.
        predict: whether spans are wanted; None leaves it to the span predictor's calibration.

    Returns:
        No listener if the model cannot hear, or no prompt has text.

    Raises:
        SoundsiftError: spans are wanted, and the model has no span predictor.
    """
    phrases = [[p.text for p in prompt.parts() if p.text is not None] for prompt in prompts]
    if predict and model.span_predictor is None:
        raise SoundsiftError(
            "This model has no span predictor. Give spans, or use a released model such as "
            "facebook/sam-audio-small."
        )
    load = model.span_predictor if predict else model.hearing
    if load is None or not any(phrases):
        return None, False
    predictor = load()
    wanted = predictor.calibration.predict_spans if predict is None else predict
    return Listener(predictor, model.codec, phrases), wanted


class Listener:
    """Listens to a mixture that passes by on its way to the separation.

    Args:
        predictor: hears.
        codec: makes its context.
        prompts: the phrases of each prompt; none for a prompt without text.
    """

    def __init__(
        self, predictor: SpanPredictor, codec: Codec, prompts: Sequence[Sequence[str]]
    ) -> None:
        self._predictor, self._codec, self._prompts = predictor, codec, prompts
        self._phrases = list(dict.fromkeys(phrase for own in prompts for phrase in own))
        self._windows: Iterator[tuple[Window, Tensor]] = iter(())
        self._heard: list[tuple[Window, Tensor]] = []

    def tap(self, waves: Iterator[Tensor]) -> Iterator[Tensor]:
        """Pass a mixture on, each piece once the window that it is in was heard.

        Memory holds a window of 30 s. What was listened to before passes as it is.

        Args:
            waves: at the codec's rate, in pieces `(1, channels, samples)`.

        Yields:
            The same pieces.
        """
        if self._heard:
            yield from waves
            return
        ahead, behind = bounded_tee(waves, 2)
        self._windows = window_probabilities(self._predictor, self._codec, ahead, self._phrases)
        passed = heard = 0
        for piece in behind:
            passed += piece.shape[-1]
            while heard < passed and (answer := next(self._windows, None)) is not None:
                self._heard.append(answer)
                heard = answer[0].end * self._codec.samples_per_frame
            yield piece

    @torch.inference_mode()
    def listen(self, waves: Iterator[Tensor]) -> None:
        """Listen to a whole mixture, in pieces as for `tap`."""
        for _ in self.tap(waves):
            pass

    def probabilities(self) -> dict[str, NDArray[np.float32]]:
        """For each phrase, the probability that a frame holds its sound, `(frames,)`."""
        # The separation reads to the end; if not, the rest is heard now.
        self._heard.extend(self._windows)
        return dict(zip(self._phrases, joined(self._heard).numpy(), strict=True))

    def _spans(self, row: NDArray[np.float64]) -> tuple[Span, ...]:
        """When a sound is heard, as marks; none if it is not surely there."""
        calibration = self._predictor.calibration
        if find_occurrences(row, calibration).confidence < calibration.predict_from:
            return ()
        return predict_spans(heard_frames(row, calibration), threshold=0.5)

    def marked(self, prompts: Sequence[Prompt]) -> list[Prompt]:
        """The prompts, those by text alone with spans where the sound was heard."""
        rows = self.probabilities()
        return [
            replace(p, spans=self._spans(rows[p.text].astype(np.float64)))
            if p.text is not None and not p.spans
            else p
            for p in prompts
        ]

    def findings(self, offset: float = 0.0) -> list[Finding | None]:
        """What was heard of each prompt; None for those without text.

        Args:
            offset: seconds of the recording before the mixture.
        """
        rows = self.probabilities()
        calibration = self._predictor.calibration
        found: list[Finding | None] = []
        for own in self._prompts:
            if not own:
                found.append(None)
                continue
            finding = find_occurrences(any_of([rows[phrase] for phrase in own]), calibration)
            moved = (
                replace(one, start=one.start + offset, end=one.end + offset)
                for one in finding.found
            )
            found.append(replace(finding, found=tuple(moved)))
        return found
