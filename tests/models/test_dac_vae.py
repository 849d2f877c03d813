"""The released codec: the authors' outputs, tiles, the mark, and the fast ways of computing it."""

from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file
from torch import Tensor

from soundsift.checkpoints import dac_vae
from soundsift.config import DacVaeConfig
from soundsift.models.dac_vae import DacVae
from soundsift.models.dac_vae_chain import Interval, decoder_chain, encoder_chain, trace_back
from soundsift.models.dac_vae_native import INSTRUCTIONS, NativeBackend, supported_instructions
from soundsift.models.dac_vae_tiled import (
    TiledCodec,
    decode_blocks,
    decode_tiled,
    encode_tiled,
    optimise_for_inference,
)
from soundsift.models.watermark import draw_message

DATA = Path(__file__).parents[1] / "data"
TINY = DacVaeConfig(encoder_dim=4, latent_dim=24, decoder_dim=96, codebook_dim=8)
ODD = TINY.model_copy(update={"encoder_rates": (2, 3, 5, 7), "decoder_rates": (7, 5, 3, 2)})
#: Every layer's channels come in blocks of 32, which the compiled code asks for.
BLOCKS = DacVaeConfig(
    encoder_dim=32,
    encoder_rates=(2, 2, 3, 2),
    latent_dim=32,
    decoder_dim=1536,
    decoder_rates=(2, 3, 2, 2),
    codebook_dim=32,
)


def distance(ours: Tensor, theirs: Tensor) -> float:
    assert ours.shape == theirs.shape
    return float((ours - theirs).norm() / theirs.norm())


def fresh(config: DacVaeConfig) -> DacVae:
    """A codec with random weights that neither amplifies nor loses the signal much."""
    torch.manual_seed(0)
    codec = DacVae(config).eval().requires_grad_(False)
    for name, weight in codec.named_parameters():
        if name.endswith("alpha"):
            weight.uniform_(0.5, 2.0)
    return codec


def wave_and_latents(config: DacVaeConfig, frames: int, batch: int = 2) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    samples = frames * config.samples_per_frame - config.samples_per_frame // 3
    wave = 0.1 * torch.randn(batch, 1, samples, generator=generator)
    return wave, torch.randn(batch, frames, config.codebook_dim, generator=generator)


def with_weights_of(tensors: dict[str, Tensor], config: DacVaeConfig, strict: bool) -> DacVae:
    codec = DacVae(config).eval().requires_grad_(False)
    released = {k.removeprefix("sd."): v for k, v in tensors.items() if k.startswith("sd.")}
    missing, unexpected = codec.load_state_dict(dac_vae.convert(released), strict=strict)
    assert not unexpected and all(name.startswith("watermark.") for name in missing)
    return codec


@pytest.fixture(scope="module")
def tensors() -> dict[str, Tensor]:
    return load_file(DATA / "dac_vae_tiny.safetensors")


@pytest.fixture(scope="module")
def codec(tensors: dict[str, Tensor]) -> DacVae:
    return with_weights_of(tensors, TINY, strict=True)


# Double precision differs from the authors' float32 as much as ours does: 1e-5.


def test_encoder_matches_the_authors(codec: DacVae, tensors: dict[str, Tensor]) -> None:
    outputs: list[Tensor] = []
    hooks = [
        block.register_forward_hook(lambda _, __, y: outputs.append(y))
        for block in codec.encoder.blocks
    ]
    latents = codec.encode(tensors["in.wav"])
    for hook in hooks:
        hook.remove()
    assert distance(outputs[0][..., ::37], tensors["out.enc_block1"]) < 2e-6
    assert distance(outputs[3], tensors["out.enc_block4"]) < 2e-5
    assert distance(latents.transpose(1, 2), tensors["out.latent"]) < 2e-5


def test_decoder_matches_the_authors(codec: DacVae, tensors: dict[str, Tensor]) -> None:
    x = codec.decoder.first(codec.from_latent(tensors["in.latent"]))
    assert distance(x, tensors["out.dec_block0"]) < 2e-6
    outputs = []
    for block in codec.decoder.blocks:
        x = block(x)
        outputs.append(x)
    assert distance(outputs[0], tensors["out.dec_block1"]) < 2e-6
    assert distance(outputs[3][..., ::37], tensors["out.dec_block4"]) < 5e-5
    wave = codec.decode(tensors["in.latent"].transpose(1, 2))
    assert distance(wave, tensors["out.wav_no_watermark"]) < 5e-5


def test_mark_matches_the_authors(codec: DacVae, tensors: dict[str, Tensor]) -> None:
    latents = tensors["in.latent"].transpose(1, 2)
    marked = codec.decode(latents, tensors["in.wm_message"])
    assert distance(marked, tensors["out.wav"]) < 5e-5
    # Of the mark alone too: it is a small part of the wave.
    plain = tensors["out.wav_no_watermark"]
    assert distance(marked - plain, tensors["out.wav"] - plain) < 1e-4


def test_odd_rates_match_the_authors() -> None:
    tensors = load_file(DATA / "dac_vae_tiny_odd_rates.safetensors")
    codec = with_weights_of(tensors, ODD, strict=False)
    # Odd rates lose a frame, as published.
    assert distance(codec.encode(tensors["in.wav"]).transpose(1, 2), tensors["out.latent"]) < 5e-5
    wave = codec.decode(tensors["in.latent"].transpose(1, 2))
    assert distance(wave, tensors["out.wav_no_watermark"]) < 5e-5


@pytest.mark.parametrize("samples", [1, 100, 960, 961, 1919, 1920, 1921])
def test_clips_of_any_length(codec: DacVae, samples: int) -> None:
    wave = torch.linspace(-0.5, 0.5, samples)[None, None]
    latents = codec.encode(wave)
    assert latents.shape == (1, codec.frames(samples), 8)
    assert torch.isfinite(latents).all()
    assert codec.decode(latents).shape == (1, 1, codec.frames(samples) * 1920)


def test_empty_clip(codec: DacVae) -> None:
    with pytest.raises(ValueError, match="no samples"):
        codec.encode(torch.zeros(1, 1, 0))


def test_messages(codec: DacVae) -> None:
    _, latents = wave_and_latents(TINY, 2)
    message = draw_message(7, batch=2)
    assert torch.equal(message, draw_message(7, batch=2))
    assert not torch.equal(message, draw_message(8, batch=2))
    plain, marked = codec.decode(latents), codec.decode(latents, message)
    assert torch.equal(plain, codec.decode(latents))
    assert torch.equal(marked, codec.decode(latents, message))
    assert not torch.equal(marked, codec.decode(latents, 1 - message))
    assert not torch.equal(marked, plain)
    for wrong in (message[:1], message[:, :8], 2 * message + 1):
        with pytest.raises(ValueError, match="16 zeros and ones"):
            codec.decode(latents, wrong)


@pytest.mark.parametrize("config", [TINY, ODD], ids=["published rates", "odd rates"])
@pytest.mark.parametrize("tile", [1, 3, 5, 100])
def test_tiles_equal_the_whole(config: DacVaeConfig, tile: int) -> None:
    codec = fresh(config)
    wave, latents = wave_and_latents(config, 8)
    assert distance(encode_tiled(codec, wave, tile), codec.encode(wave)) < 1e-5
    assert distance(decode_tiled(codec, latents, tile), codec.decode(latents)) < 1e-5


@pytest.mark.parametrize("frames", [1, 2])
def test_shorter_than_the_context(frames: int) -> None:
    codec = fresh(TINY)
    wave, latents = wave_and_latents(TINY, frames)
    assert distance(encode_tiled(codec, wave, 1), codec.encode(wave)) < 1e-5
    assert distance(decode_tiled(codec, latents, 1), codec.decode(latents)) < 1e-5


def test_context_is_the_receptive_field() -> None:
    """Gradients reach exactly as far as the tiles' arithmetic says."""
    codec = fresh(TINY).double()
    wave = torch.randn(1, 1, 30 * 1920, dtype=torch.float64, requires_grad=True)
    codec.encode(wave)[0, 15].sum().backward()
    assert wave.grad is not None
    reached = wave.grad[0, 0].nonzero()[:, 0]
    expected = trace_back(encoder_chain(codec), 30 * 1920, Interval(15, 16))[0]
    assert (int(reached[0]), int(reached[-1]) + 1) == expected

    latents = torch.randn(1, 40, 8, dtype=torch.float64, requires_grad=True)
    begin = 20 * 1920
    codec.decode(latents)[0, 0, begin : begin + 1920].sum().backward()
    assert latents.grad is not None
    reached = latents.grad[0].abs().sum(dim=1).nonzero()[:, 0]
    expected = trace_back(decoder_chain(codec), 40, Interval(begin, begin + 1920))[0]
    assert (int(reached[0]), int(reached[-1]) + 1) == expected


def test_work_for_a_tile_does_not_grow_with_the_clip() -> None:
    chain = decoder_chain(fresh(TINY))
    tile = 4 * 1920

    def most(frames: int) -> list[int]:
        traced = [
            trace_back(chain, frames, Interval(begin, begin + tile))
            for begin in range(0, frames * 1920, tile)
        ]
        return [max(stop - start for start, stop in layer) for layer in zip(*traced, strict=True)]

    assert most(400) == most(40)
    assert most(40)[0] < 4 + 2 * 10  # frames


def test_blocks_come_one_by_one() -> None:
    codec = fresh(TINY)
    _, latents = wave_and_latents(TINY, 7)
    blocks = decode_blocks(codec, latents, 3)
    first = next(blocks)
    assert first.shape == (2, 1, 3 * 1920)
    rest = list(blocks)
    assert [block.shape[-1] // 1920 for block in rest] == [3, 1]
    assert torch.equal(torch.cat([first, *rest], dim=-1), decode_tiled(codec, latents, 3))


def test_tile_without_frames() -> None:
    with pytest.raises(ValueError, match="at least one frame"):
        encode_tiled(fresh(TINY), torch.zeros(1, 1, 1920), 0)


def test_optimised_codec_gives_the_same() -> None:
    codec = fresh(TINY)
    wave, latents = wave_and_latents(TINY, 3)
    message = draw_message(0, batch=2)
    expected = codec.encode(wave), codec.decode(latents), codec.decode(latents, message)
    fast = optimise_for_inference(codec)
    assert fast is codec and fast.fast is not None
    assert distance(fast.encode(wave), expected[0]) < 1e-5
    assert distance(fast.decode(latents), expected[1]) < 1e-5
    assert distance(fast.decode(latents, message), expected[2]) < 1e-5
    # Where gradients are wanted, it is the plain network again.
    latents.requires_grad_()
    fast.decode(latents).sum().backward()
    assert latents.grad is not None and latents.grad.norm() > 0


def compiled_by(way: str) -> NativeBackend:
    backend = NativeBackend.create([way]) if way in supported_instructions() else None
    if backend is None:
        pytest.skip(f"needs a processor with {way} and a C compiler")
    return backend


@pytest.mark.parametrize(("way", "error"), [("amx", 1e-4), ("avx512", 2e-6), ("avx2", 2e-6)])
def test_compiled_code_gives_the_same(way: str, error: float) -> None:
    backend = compiled_by(way)
    codec = fresh(BLOCKS)
    wave, latents = wave_and_latents(BLOCKS, 40)
    compiled, portable = TiledCodec(codec, backend), TiledCodec(codec)
    for tile in (7, 40):
        assert distance(compiled.encode(wave, tile), portable.encode(wave, tile)) < error
        assert distance(compiled.decode(latents, tile), portable.decode(latents, tile)) < error


@pytest.mark.parametrize("way", INSTRUCTIONS)
def test_compiled_code_leaves_other_sizes_alone(way: str) -> None:
    backend = compiled_by(way)
    codec = fresh(TINY)
    wave, _ = wave_and_latents(TINY, 3)
    assert distance(TiledCodec(codec, backend).encode(wave), codec.encode(wave)) < 1e-5


def test_ways_of_lesser_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cpu.get_capabilities", dict, raising=False)
    for level, ways in (("AVX512", ["avx512", "avx2"]), ("AVX2", ["avx2"]), ("DEFAULT", [])):
        monkeypatch.setattr("torch.backends.cpu.get_cpu_capability", lambda level=level: level)
        assert supported_instructions() == ways


def test_no_compiler_no_compiled_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    assert NativeBackend.create() is None
    codec = fresh(TINY)
    wave, _ = wave_and_latents(TINY, 2)
    expected = codec.encode(wave)
    assert distance(optimise_for_inference(codec).encode(wave), expected) < 1e-5


def test_config() -> None:
    config = DacVaeConfig()
    assert (config.samples_per_frame, config.frame_rate) == (1920, 25.0)
    assert (config.latent_channels, config.context_channels) == (128, 512)
    with pytest.raises(ValidationError, match="same product"):
        DacVaeConfig(encoder_rates=(2, 8, 10, 10))
    with pytest.raises(ValidationError, match="multiple of 96"):
        DacVaeConfig(decoder_dim=1000)
    with pytest.raises(ValidationError, match="2 or more"):
        DacVaeConfig(encoder_rates=(1, 16, 10, 12))
    with pytest.raises(ValidationError, match="mean"):
        DacVaeConfig.model_validate({"mean": 0})
