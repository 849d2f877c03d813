"""Graphs of tiny networks answer as PyTorch does."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.tiny_hearing import write_tiny_hearing
from tests.tiny_model import CONFIG, write_tiny_model

from soundsift.checkpoints.hearing import load_hearing
from soundsift.checkpoints.load import open_model
from soundsift.checkpoints.state_dict import build
from soundsift.export.graphs import write_graph
from soundsift.export.networks import MeanAnswer, PhraseHearing
from soundsift.models.velocity_field import VelocityField

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


def answers(path: Path, **inputs: torch.Tensor) -> np.ndarray:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {name: tensor.numpy() for name, tensor in inputs.items()})[0]


@pytest.mark.slow
def test_separator_at_any_length(tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path / "model")
    field = build(
        partial(VelocityField, CONFIG.field),
        open_model(folder).field,
        folder,
        torch.device("cpu"),
        torch.float32,
    )
    network = MeanAnswer(field).eval()
    axes = ("batch", "frames"), ("batch", "tokens")
    names = ("context", "states", "mask", "anchors")
    given = inputs(2, 12, 5)
    write_graph(
        network,
        tmp_path / "graph.onnx",
        given,
        dict(zip(names, (axes[0], axes[1], axes[1], axes[0]), strict=True)),
        "latents",
    )
    for batch, frames, tokens in ((1, 1, 1), (3, 31, 7)):
        for mask in ("all", "some", "none"):
            own = inputs(batch, frames, tokens)
            own["mask"][:] = mask != "none"
            if mask == "some":
                own["mask"][0, tokens // 2 :] = False
            with torch.no_grad():
                expected = network(*own.values()).numpy()
            np.testing.assert_allclose(
                answers(tmp_path / "graph.onnx", **own), expected, atol=2e-4, rtol=2e-4
            )


@pytest.mark.slow
def test_hearing_at_any_length(tmp_path: Path) -> None:
    network = PhraseHearing(load_hearing(write_tiny_hearing(tmp_path))).eval()
    given = {name: tensor for name, tensor in inputs(2, 12, 5).items() if name != "anchors"}
    write_graph(
        network,
        tmp_path / "graph.onnx",
        {**given, "states": torch.randn(3, 5, 384), "mask": torch.ones(3, 5, dtype=torch.bool)},
        {
            "context": ("batch", "frames"),
            "states": ("phrases", "tokens"),
            "mask": ("phrases", "tokens"),
        },
        "probabilities",
    )
    for frames in (1, 7, 8, 31):
        own = {name: tensor for name, tensor in inputs(1, frames, 4).items() if name != "anchors"}
        with torch.no_grad():
            expected = network(*own.values()).numpy()
        assert expected.shape == (1, 1, frames)
        np.testing.assert_allclose(answers(tmp_path / "graph.onnx", **own), expected, atol=1e-4)


def inputs(batch: int, frames: int, tokens: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(frames)
    return {
        "context": torch.randn(batch, frames, 384, generator=generator),
        "states": torch.randn(batch, tokens, 384, generator=generator),
        "mask": torch.ones(batch, tokens, dtype=torch.bool),
        "anchors": torch.randint(0, 4, (batch, frames), generator=generator, dtype=torch.int32),
    }
