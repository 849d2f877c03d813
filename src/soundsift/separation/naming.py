"""Phrases that may mean what is marked, by what they lift out of the marked moment.

The moment is separated by its marks, and by each of the phrases that the model knows well. The
phrases whose answers come nearest need not be its name: "rocket launch" may stand for an explosion.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import resources

import torch
from torch import Tensor

from soundsift.models.mel_codec import MelCodec
from soundsift.models.velocity_field import Conditioning
from soundsift.separation.networks import Networks

#: How many phrases are given. Two and three are no better (docs/experiments.md).
_FEW = 1

#: In dB; answers that are nearer mean that the moment holds hardly anything else. Then any phrase
#: lifts out all of it, and that tells nothing.
_CLEAN_DB = 30.0

#: Frames that go through the network together, of all phrases.
_FRAMES_AT_A_TIME = 3000


@cache
def known_phrases() -> tuple[str, ...]:
    """Canonical captions of the concepts that the default model has 10 or more clips of."""
    text = (resources.files("soundsift.separation") / "phrases.txt").read_text(encoding="utf-8")
    return tuple(text.splitlines())


@torch.inference_mode()
def likely_phrases(
    networks: Networks, wave: Tensor, anchors: Tensor, phrases: Sequence[str] | None = None
) -> tuple[str, ...]:
    """The phrases whose answers come nearest to that of some marks.

    Args:
        networks: the model.
        wave: the marked moment at the codec's rate, `(1, channels, samples)`.
        anchors: `(frames,)`, what is marked of it.
        phrases: to choose from; `known_phrases` unless given.

    Returns:
        The nearest first; none if the moment does not tell, or the codec has no cells to compare.
    """
    codec = networks.codec
    if not isinstance(codec, MelCodec):
        return ()
    spectrum = codec.spectrum(wave)
    weight = codec.cross_energy(spectrum, spectrum).mean(dim=1).clamp(min=0).sqrt()
    context = codec.context(wave, spectrum)
    marked = anchors.to(networks.device)[None]
    wanted = (_cells(networks, codec, context, [None], marked) * weight).flatten()
    names = known_phrases() if phrases is None else phrases
    at_a_time = max(1, _FRAMES_AT_A_TIME // len(anchors))
    found = []
    for first in range(0, len(names), at_a_time):
        some = names[first : first + at_a_time]
        heard = _cells(networks, codec, context, some, torch.zeros_like(marked)) * weight
        found.append(_nearness(heard.flatten(1), wanted))
    nearness = torch.cat(found)
    if float(nearness.max()) > _CLEAN_DB:
        return ()
    return tuple(names[i] for i in nearness.argsort(descending=True)[:_FEW].tolist())


def _cells(
    networks: Networks,
    codec: MelCodec,
    context: Tensor,
    phrases: Sequence[str | None],
    anchors: Tensor,
) -> Tensor:
    """The masks that phrases, or marks, lead to: `(phrases, bands, columns)`."""
    count = len(phrases)
    states, mask = networks.text.encode_batch(list(phrases))
    known = networks.field.prepare(
        Conditioning(
            context=context.expand(count, -1, -1),
            text=states,
            text_mask=mask,
            anchors=anchors.expand(count, -1),
            video=None,
        ),
        [0.0],
    )
    # At time 0 and without noise, where one evaluation gives the mean answer.
    noise = context.new_zeros(count, context.shape[1], 2 * networks.field.config.latent_channels)
    latents = networks.field(noise, torch.tensor(0.0, device=networks.device), known)
    return codec.cell_mask(latents.float())


def _nearness(heard: Tensor, wanted: Tensor) -> Tensor:
    """Signal-to-distortion ratio in dB of each of `(phrases, cells)` against `(cells,)`.

    Level counts: of a sound that is not there the model lets a faint copy of everything through,
    which would match anything if it were scaled.
    """
    error = (heard - wanted).square().sum(dim=1).clamp(min=1e-20)
    return 10 * torch.log10(wanted.square().sum().clamp(min=1e-20) / error)
