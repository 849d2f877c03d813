"""Scores of an output against the right answer, as every suite of ours has them."""

from __future__ import annotations

from soundsift.evaluation import metrics
from soundsift.evaluation.item import Item, Outputs, Samples, Scores
from soundsift.evaluation.span_iou import heard_spans, span_scores

#: A present sound's output should lie within so many dB of the target's level.
LEVEL_DB = 3.0
#: Names of the scores, in the order of tables.
NAMES = ("si_sdr_i", "sdr_i", "si_sdr", "sdr", "near", "selectivity", "absent_db", "span_iou")


def score_item(item: Item, outputs: Outputs) -> Scores:
    """Every score that an item's references and prompts allow.

    Args:
        item: its main ask is called `target`; reference `other` is the sound that another prompt
            would mean; probe `absent` asks for a sound that is not there.
        outputs: `target`, and those of the probes if the system answers prompts.

    Returns:
        `si_sdr`, `sdr` (also called SNR) and their improvements `si_sdr_i`, `sdr_i` over the
        mixture, in dB, all channels as one wave; `level_db`, the output's level against the
        target's, and `near`, 1 if that is within 3 dB; `selectivity`, SI-SDR against the target
        minus SI-SDR against `other`, averaged with the same of the output for `other` if there is
        one; `absent_db`, how far the output for an absent sound lies below the mixture; SpanIoU.
    """
    output, mixture = _wave(outputs["target"]), _wave(item.mixture)
    scores: Scores = {}
    target = item.references.get("target")
    if target is not None and target.any():
        wanted = _wave(target)
        level = -metrics.attenuation_db(output, wanted)
        scores |= {
            "si_sdr": metrics.si_sdr(output, wanted),
            "sdr": metrics.sdr(output, wanted),
            "si_sdr_i": metrics.si_sdr_improvement(output, wanted, mixture),
            "sdr_i": metrics.sdr_improvement(output, wanted, mixture),
            "level_db": level,
            "near": float(abs(level) <= LEVEL_DB),
        }
        other = item.references.get("other")
        if other is not None and other.any():
            scores["selectivity"] = _selectivity(outputs, wanted, _wave(other))
    elif target is not None:
        scores["absent_db"] = metrics.attenuation_db(output, mixture)
    if "absent" in outputs:
        scores["absent_db"] = metrics.attenuation_db(_wave(outputs["absent"]), mixture)
    if item.heard:
        scores |= span_scores(heard_spans(outputs["target"], item.sample_rate), item.heard)
    return scores


def _selectivity(outputs: Outputs, target: Samples, other: Samples) -> float:
    found = metrics.preference(_wave(outputs["target"]), target, other)
    if "other" in outputs:
        found = (found + metrics.preference(_wave(outputs["other"]), other, target)) / 2
    return found


def _wave(samples: Samples) -> Samples:
    """All channels one after the other: `(C, N)` to `(C * N,)`."""
    return samples.reshape(-1)
