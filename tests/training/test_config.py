"""A run as a YAML file: what is wrong in it is named."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from soundsift.errors import SoundsiftError
from soundsift.training.codec.config import CodecTrainingConfig
from soundsift.training.config import (
    TrainingConfig,
    load_training_config,
    read_yaml,
    validated,
)
from soundsift.training.hearing.config import HearingTrainingConfig
from soundsift.training.judge.config import JudgeTrainingConfig
from soundsift.training.latents.config import LatentTrainingConfig

RECIPES = Path(__file__).parents[2] / "configs"

MINIMAL = """
bank: some/bank
run: some/run
steps: 100
model:
  name: small
  prediction: data
  codec: {}
  field:
    context_channels: 384
    transformer: {dim: 64, heads: 2, layers: 3, ffn_hidden: 96, text_dim: 384}
"""


def write(folder: Path, text: str) -> Path:
    file = folder / "run.yaml"
    file.write_text(text)
    return file


def test_a_file_needs_only_what_has_no_default(tmp_path: Path) -> None:
    config = load_training_config(write(tmp_path, MINIMAL))
    assert (config.bank, config.run, config.steps) == (Path("some/bank"), Path("some/run"), 100)
    assert config.model.field.latent_channels == config.model.codec.latent_channels == 128


def test_parts_can_be_set_one_by_one(tmp_path: Path) -> None:
    text = MINIMAL + "optimiser: {rate: 0.5}\nscenes: {room: 0}\nbatch: {seconds: [2, 3.5]}\n"
    config = load_training_config(write(tmp_path, text))
    assert config.optimiser.rate == 0.5
    assert config.optimiser.clip == TrainingConfig.model_fields["optimiser"].default.clip
    assert config.scenes.room == 0
    assert config.batch.seconds == (2.0, 3.5)


def test_what_is_written_is_what_is_read(
    tmp_path: Path, make_config: Callable[..., TrainingConfig]
) -> None:
    config = make_config()
    file = write(tmp_path, yaml.safe_dump(config.model_dump(mode="json")))
    assert load_training_config(file) == config


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "dictionary"),
        ("[1, 2]", "dictionary"),
        ("steps: [", "read as YAML"),
        (MINIMAL + "speed: 3\n", "speed"),
        (MINIMAL + "optimiser: {learning_rate: 3}\n", "optimiser.learning_rate"),
        (MINIMAL + "scenes: {rooms: 1}\n", "scenes.rooms"),
        (MINIMAL + "loss: {mean_share: 1.5}\n", "loss.mean_share"),
        (MINIMAL.replace("steps: 100", "steps: 0"), "steps"),
        (MINIMAL.replace("steps: 100", "steps: many"), "steps"),
        (MINIMAL.replace("bank: some/bank", ""), "bank"),
        (MINIMAL.replace("heads: 2", "heads: 5"), "5 heads"),
        (MINIMAL.replace("384\n", "512\n"), "512"),
        (MINIMAL + "scenes: {p_inline_example: 0.1}\n", "anchor_count is 3"),
        (MINIMAL + "released_with: {a: 0.5, b: 0.5}\n", "sum to less than 1"),
        (MINIMAL + "released_with: {a: -0.5}\n", "shares above 0"),
    ],
)
def test_faults_are_named_with_the_file(tmp_path: Path, text: str, named: str) -> None:
    file = write(tmp_path, text)
    with pytest.raises(SoundsiftError) as caught:
        load_training_config(file)
    assert str(file) in str(caught.value)
    assert named in str(caught.value)


def test_all_faults_are_named_at_once(tmp_path: Path) -> None:
    file = write(tmp_path, MINIMAL.replace("steps: 100", "steps: 0") + "speed: 3\n")
    with pytest.raises(SoundsiftError, match=r"(?s)steps.*speed|speed.*steps"):
        load_training_config(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SoundsiftError, match=r"nowhere\.yaml: no such file"):
        load_training_config(tmp_path / "nowhere.yaml")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_bytes(b"\xff\xfe\x00bank")
    with pytest.raises(SoundsiftError, match=r"run\.yaml"):
        load_training_config(file)


@pytest.mark.parametrize("recipe", sorted(RECIPES.glob("*.yaml")), ids=lambda path: path.stem)
def test_recipes_of_the_repository_are_valid(recipe: Path) -> None:
    values = read_yaml(recipe)
    kinds: dict[str | None, type[BaseModel]] = {
        None: TrainingConfig,
        "hearing": HearingTrainingConfig,
        "judge": JudgeTrainingConfig,
        "codec": CodecTrainingConfig,
        "latents": LatentTrainingConfig,
    }
    config = validated(recipe, values, kinds[values.get("network")]).model_dump()
    # Runs and what they write go where .gitignore expects them.
    assert config["run"].parts[0] == "runs"
    assert config.get("bank", Path("bank")) == Path("bank")
