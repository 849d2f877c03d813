"""CLAP (arXiv 2211.06687): similarity of sounds and phrases, by Transformers.

The authors rank candidates with LAION's `630k-best.pt` (HTSAT-tiny, no fusion). The nearest that
the Hub has in Transformers' layout is `laion/clap-htsat-unfused`, the same network trained by the
same people on AudioSet too; it is the default here, by our choice.
"""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor

from soundsift.checkpoints.hub import find_folder, read_tokenizer
from soundsift.checkpoints.pretrained import load_pretrained
from soundsift.errors import SoundsiftError, one_line
from soundsift.optional import library

CLAP = "laion/clap-htsat-unfused"


class Clap:
    """Similarities of sounds and phrases.

    Args:
        model: folder with `config.json`, weights, `tokenizer.json` and `preprocessor_config.json`,
            or a name in the Hub's cache.
        device: where it computes.
        dtype: type of its weights.

    Raises:
        SoundsiftError: if a file is missing or damaged, or weights and configuration disagree.
    """

    def __init__(
        self,
        model: str | Path = CLAP,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        folder = find_folder(model)
        self.device, self.dtype = torch.device(device), dtype
        self.tokenizer = read_tokenizer(folder)
        try:
            features = library("transformers").ClapFeatureExtractor
            self.features = features.from_pretrained(folder, local_files_only=True)
        except SoundsiftError:
            raise
        except Exception as error:  # of a damaged file, the library raises anything
            raise SoundsiftError(
                f"{folder}: has no usable preprocessor_config.json: {one_line(error)}."
            ) from error
        self.model = load_pretrained("ClapModel", folder, dtype=dtype, device=device)
        self._embedded: dict[str, Tensor] = {}

    @property
    def sample_rate(self) -> int:
        """Sample rate in Hz of the sounds that it takes: 48000."""
        return int(self.features.sampling_rate)

    @torch.no_grad()
    def similarity(self, waves: Tensor, phrases: str | list[str]) -> Tensor:
        """Cosine between sounds and phrases.

        CLAP takes ten seconds. Shorter sounds are repeated, as in its training. Longer ones are cut
        into windows that overlap as little as possible, whose embeddings are averaged. The authors
        take ten seconds at random, which makes the ranking random, too.

        Args:
            waves: `(batch, samples)`, mono, within -1..1, at `sample_rate`.
            phrases: one per item, or one for all.

        Returns:
            `(batch,)`, float32, from -1 to 1.
        """
        phrases = [phrases] * len(waves) if isinstance(phrases, str) else phrases
        text = torch.stack([self.embed_text(phrase) for phrase in phrases])
        audio = torch.stack([self.embed_audio(wave) for wave in waves])
        return (audio * text).sum(dim=-1)

    @torch.no_grad()
    def embed_audio(self, wave: Tensor) -> Tensor:
        """Embed one sound: `(samples,)` to `(dim,)`, float32, of length 1."""
        # CLAP was trained on 16-bit samples.
        wave = (wave.detach().float().cpu().clamp(-1, 1) * 32767).trunc() / 32767
        windows = _windows(wave, int(self.features.nb_max_samples))
        features = self.features(
            [window.numpy() for window in windows],
            sampling_rate=self.sample_rate,
            return_tensors="pt",
        )
        out = self.model.get_audio_features(
            input_features=features["input_features"].to(self.device, self.dtype),
            is_longer=features["is_longer"].to(self.device),
        )
        return torch.nn.functional.normalize(_pooled(out).mean(dim=0), dim=0)

    @torch.no_grad()
    def embed_text(self, phrase: str) -> Tensor:
        """Embed one phrase, once: `(dim,)`, float32, of length 1."""
        if phrase not in self._embedded:
            tokens = torch.tensor([self.tokenizer.encode(phrase).ids], device=self.device)
            embedded = _pooled(self.model.get_text_features(input_ids=tokens))[0]
            self._embedded[phrase] = torch.nn.functional.normalize(embedded, dim=0)
        return self._embedded[phrase]


def _windows(wave: Tensor, length: int) -> list[Tensor]:
    """The fewest windows of a length that cover a sound, evenly spaced; a short sound whole."""
    extra = len(wave) - length
    if extra <= 0:
        return [wave]
    count = math.ceil(extra / length)
    starts = [round(index * extra / count) for index in range(count + 1)]
    return [wave[start : start + length] for start in starts]


def _pooled(out: object) -> Tensor:
    """The pooled output, which the library returned alone before version 5."""
    pooled = out if isinstance(out, Tensor) else getattr(out, "pooler_output")  # noqa: B009
    assert isinstance(pooled, Tensor)
    return pooled.float()
