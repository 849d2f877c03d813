"""`soundsift train`: what it hands over; training is tested with `soundsift.training`."""

import os

import pytest
import yaml

from soundsift.training import trainer


@pytest.fixture
def config(tmp_path, tiny_config):
    path = tmp_path / "run.yaml"
    run = {"bank": str(tmp_path / "bank"), "run": str(tmp_path / "run"), "steps": 3}
    run |= {"model": tiny_config, "loss": {"alignment_block": 0}}
    path.write_text(yaml.safe_dump(run))
    return path


def test_train(run, config, monkeypatch):
    called = []
    monkeypatch.setattr(
        trainer, "train", lambda config, *limits: called.append((config.steps, *limits))
    )
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    monkeypatch.setenv("GOMP_SPINCOUNT", "5")
    assert run("train", config).exit_code == 0
    assert run("train", config, "--until", 2).exit_code == 0
    assert run("train", config, "--minutes", 9).exit_code == 0
    assert called == [(3, None, None), (3, 2, None), (3, None, 9.0)]
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
    assert os.environ["GOMP_SPINCOUNT"] == "5"  # as the user wants it


def test_interruption(run, config, monkeypatch):
    def train(config, until, minutes):
        raise KeyboardInterrupt

    monkeypatch.setattr(trainer, "train", train)
    result = run("train", config)
    assert (result.exit_code, result.stderr) == (130, "Interrupted.\n")


@pytest.mark.parametrize(
    ("text", "word"), [("steps: [", "YAML"), ("stepps: 3", "stepps"), ("", "dictionary")]
)
def test_bad_configuration(text, word, run, config, one_sentence):
    config.write_text(text)
    one_sentence(run("train", config), str(config), word)


def test_missing_configuration(run, tmp_path, one_sentence):
    one_sentence(run("train", tmp_path / "no.yaml"), "no.yaml")
    one_sentence(run("train", tmp_path / "no.yaml", "--until", 0), "--until")
