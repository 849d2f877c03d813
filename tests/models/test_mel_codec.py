import pytest
import torch

from soundsift.config import MelCodecConfig
from soundsift.models.mel_codec import MelCodec, fold, mel_filters, unfold

RATE = 48_000


def tone(hertz: float, seconds: float = 1.0, amplitude: float = 0.1) -> torch.Tensor:
    time = torch.arange(int(RATE * seconds)) / RATE
    return amplitude * torch.sin(2 * torch.pi * hertz * time)


def stem_latents(codec: MelCodec, target: torch.Tensor, rest: torch.Tensor) -> torch.Tensor:
    spectra = [codec.spectrum(wave[None]) for wave in (target, rest)]
    own, other = (codec.cross_energy(s, s) for s in spectra)
    return torch.cat([codec.shares(own, other), codec.shares(other, own)], dim=-1)


@pytest.fixture(params=[1, 2], ids=["25 Hz cells", "50 Hz cells"])
def codec(request: pytest.FixtureRequest) -> MelCodec:
    return MelCodec(MelCodecConfig(subframes=request.param, bands=128 // request.param))


def test_filters_are_a_partition_of_unity() -> None:
    filters = mel_filters(128, 1537, RATE, 40.0)
    assert filters.min() >= 0
    torch.testing.assert_close(filters.sum(0), torch.ones(1537))


def test_fold_and_unfold_are_inverse() -> None:
    cells = torch.randn(2, 5, 12)
    assert torch.equal(unfold(fold(cells, 3), 3), cells)


def test_a_click_falls_into_the_frame_that_covers_it(codec: MelCodec) -> None:
    wave = torch.zeros(10 * codec.samples_per_frame)
    wave[6 * codec.samples_per_frame + codec.samples_per_frame // 2] = 1.0
    spectrum = codec.spectrum(wave[None])
    energy = codec.cross_energy(spectrum, spectrum).sum(1)[0]
    assert energy.argmax().item() // codec.config.subframes == 6


@pytest.mark.parametrize("samples", [1, 1919, 1920, 1921, 48_000, 50_001])
def test_every_length_has_its_frames_and_comes_back(codec: MelCodec, samples: int) -> None:
    mixture = torch.randn(1, 2, samples) * 0.1
    context = codec.context(mixture)
    frames = codec.frames(samples)
    assert context.shape == (1, frames, codec.config.context_channels)
    assert frames == -(-samples // 1920)
    latents = torch.zeros(1, frames, 2 * codec.config.latent_channels)
    decoded = codec.decode(latents, mixture)
    # Equal latents say that target and residual have the same share: half of everything.
    torch.testing.assert_close(decoded, mixture / 2, atol=1e-5, rtol=0)


def test_true_shares_separate_what_does_not_overlap(codec: MelCodec) -> None:
    low, high = tone(440), tone(5000)
    decoded = codec.decode(stem_latents(codec, low, high), (low + high)[None, None])[0, 0]
    error = (decoded - low).square().sum() / low.square().sum()
    assert 10 * error.log10() < -25


def test_an_absent_target_is_nearly_silent(codec: MelCodec) -> None:
    mixture = torch.randn(RATE) * 0.1
    decoded = codec.decode(stem_latents(codec, torch.zeros(RATE), mixture), mixture[None, None])
    level = 10 * (decoded.square().mean() / mixture.square().mean()).log10()
    assert level < -50


def test_context_ignores_gain_and_channel_polarity(codec: MelCodec) -> None:
    wave = torch.randn(1, 1, RATE) * 0.1
    quiet = codec.context(wave * 0.01)
    torch.testing.assert_close(quiet, codec.context(wave), atol=1e-3, rtol=0)
    opposite = codec.context(torch.cat([wave, -wave], dim=1))
    torch.testing.assert_close(opposite, codec.context(wave), atol=1e-3, rtol=0)


def test_stereo_keeps_its_image(codec: MelCodec) -> None:
    low, high = tone(440), tone(5000)
    mixture = torch.stack([low + 0.5 * high, 0.25 * low + high])[None]
    left, right = codec.decode(stem_latents(codec, low, high), mixture)[0]
    ratio = (left @ right) / (left @ left)
    assert ratio.item() == pytest.approx(0.25, abs=0.02)


def test_cross_energy_is_linear_in_the_stems(codec: MelCodec) -> None:
    a, b = (codec.spectrum(torch.randn(1, RATE)) for _ in range(2))
    whole = codec.cross_energy(a + b, a + b)
    parts = codec.cross_energy(a, a) + 2 * codec.cross_energy(a, b) + codec.cross_energy(b, b)
    torch.testing.assert_close(whole, parts, rtol=1e-4, atol=1e-2)
