"""Configurations as data: what is accepted, and the limits."""

import pytest
from pydantic import ValidationError

from soundsift.config import FRAME_RATE, SAMPLE_RATE, DacVaeConfig, MelCodecConfig, SeparatorConfig
from tests.tiny_model import TINY


def changed(path: str, value: object) -> dict[str, object]:
    """The tiny model's configuration with one value set."""
    config: dict[str, object] = dict(TINY)
    part = config
    *parents, last = path.split(".")
    for name in parents:
        part[name] = dict(part.get(name) or {})  # type: ignore[call-overload]
        part = part[name]  # type: ignore[assignment]
    part[last] = value
    return config


def test_codecs_share_their_rates() -> None:
    mel, vae = MelCodecConfig(), DacVaeConfig()
    assert mel.sample_rate == vae.sample_rate == SAMPLE_RATE
    assert mel.frame_rate == vae.frame_rate == FRAME_RATE


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("field.transformer.layers", 10**9),
        ("field.transformer.dim", 2**40),
        ("field.transformer.dim", 0),
        ("field.transformer.dim", -64),
        ("field.transformer.norm_eps", float("inf")),
        ("field.transformer.rope_theta", float("nan")),
        ("field.video_dim", 10**12),
        ("codec.window", 10**9),
        ("codec.bands", 10**6),
        ("codec.detail_subframes", 10**6),
        ("window_seconds", float("inf")),
        ("window_seconds", 1e9),
        ("overlap_seconds", float("nan")),
        ("codec", {"encoder_rates": [1000] * 4, "decoder_rates": [1000] * 4}),
        ("codec", {"encoder_rates": [2] * 1000}),
        ("codec", {"encoder_rates": []}),
        ("surprise", 1),
    ],
)
def test_sizes_that_no_model_has(path: str, value: object) -> None:
    SeparatorConfig.model_validate(TINY)
    with pytest.raises(ValidationError):
        SeparatorConfig.model_validate(changed(path, value))
