"""Models written in the released form: names, shapes and values are those that were published."""

from pathlib import Path

import pytest
import torch
from tests.checkpoints.test_sam_audio import SMALL, listed
from tests.released import TINY_VISION, write_released
from tests.tiny_model import CONFIG

from soundsift.checkpoints import dac_vae, pe_vision, released_form, sam_audio
from soundsift.checkpoints.load import open_model
from soundsift.checkpoints.released_form import (
    inverted,
    open_codec,
    released_codec,
    released_config,
    released_field,
    vision_weights,
    write_codec,
)
from soundsift.checkpoints.sam_audio import RELEASED
from soundsift.checkpoints.state_dict import inside, rename
from soundsift.config import SeparatorConfig
from soundsift.errors import SoundsiftError


def shapes(weights: dict[str, torch.Tensor]) -> dict[str, list[int]]:
    return {name: list(weight.shape) for name, weight in weights.items()}


def on_meta(listed: dict[str, list[int]]) -> dict[str, torch.Tensor]:
    return {name: torch.empty(shape, device="meta") for name, shape in listed.items()}


def test_a_table_is_read_from_right_to_left() -> None:
    table = inverted(inside("a.", ((r"(\d+)\.b\.(.*)", r"x.\1.\2"), (r"c\.(w|v)", r"y.\1")), "z."))
    assert rename("z.x.12.weight", table, "it") == "a.12.b.weight"
    assert rename("z.y.v", table, "it") == "a.c.v"
    with pytest.raises(SoundsiftError, match=r"z\.y\.u"):
        rename("z.y.u", table, "it")


def test_every_name_and_shape_of_the_released_models() -> None:
    codec = listed("dac_vae")
    assert shapes(released_codec(dict(dac_vae.convert(on_meta(codec))))) == codec
    field = listed("velocity_field", "small")
    ours = dict(sam_audio.convert(on_meta(field)))
    assert shapes(released_field(ours, RELEASED["small"])) == field


@pytest.mark.parametrize("size", RELEASED)
def test_a_configuration_is_read_as_it_was(size: str) -> None:
    config = sam_audio.config_from(SMALL, "small", "it")
    config = config.model_copy(update={"field": RELEASED[size]})
    assert sam_audio.config_from(released_config(config), "small", "it") == config


def test_other_widths_text_encoders_and_no_video(monkeypatch: pytest.MonkeyPatch) -> None:
    field = RELEASED["small"].model_dump() | {"video_dim": None}
    field["transformer"] |= {"dim": 96, "heads": 4, "ffn_hidden": 250, "text_dim": 384}
    config = sam_audio.config_from(SMALL, "small", "it").model_dump()
    config |= {"field": field, "vision": None, "text_encoder": "minilm", "span_predictor": None}
    mine = SeparatorConfig.model_validate(config | {"window_seconds": 3.0, "overlap_seconds": 1.0})
    assert sam_audio.config_from(released_config(mine), "small", "it") == mine


def test_values_survive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(pe_vision.CONFIGS, "PE-Core-L14-336", TINY_VISION)
    source, target = write_released(tmp_path / "source"), tmp_path / "target"
    model = open_model(source)
    released_form.write_released(
        target, model.config, model.field, model.codec, vision_weights(source)
    )
    again = open_model(target)
    assert again.config == model.config.model_copy(update={"name": "target"})
    for name, weight in model.field.items():
        assert torch.equal(again.field[name], weight), name
    assert model.vision_encoder is not None and again.vision_encoder is not None
    for name, weight in model.vision_encoder.items():
        assert torch.equal(again.vision_encoder[name], weight), name
    for name, weight in model.codec.items():
        torch.testing.assert_close(again.codec[name], weight, msg=name)


def test_a_codec_alone(tmp_path: Path) -> None:
    sizes, weights = open_codec(write_released(tmp_path / "source"))
    write_codec(tmp_path / "codec", sizes, weights)
    again, found = open_codec(tmp_path / "codec")
    assert again == sizes
    assert found.keys() == weights.keys()
    with pytest.raises(SoundsiftError, match="has no codec"):
        open_codec(tmp_path)


def test_models_of_another_kind_are_refused() -> None:
    with pytest.raises(SoundsiftError, match="has no DAC-VAE"):
        released_config(CONFIG)
