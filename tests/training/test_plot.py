"""The picture of a run."""

import json
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from soundsift.training.plot import plot_metrics


def picture(folder: Path, rows: list[dict[str, float]]) -> np.ndarray:
    metrics = folder / "metrics.jsonl"
    metrics.write_text("".join(json.dumps(row) + "\n" for row in rows))
    plot_metrics(metrics, folder / "metrics.png")
    return imread(folder / "metrics.png")


def colourful(image: np.ndarray) -> np.ndarray:
    """Where something is drawn that is neither black, grey nor white."""
    return np.ptp(image[..., :3], axis=2) > 0.2


TRAINING = [{"step": s, "mask_snr": -0.01 * s, "flow": 1 / s} for s in range(20, 400, 20)]
VALIDATION = [
    {"step": s, "validation/text": s / 100, "validation/text/speech": s / 50}
    for s in range(100, 400, 100)
]


def test_training_is_drawn_on_the_left_and_validation_on_the_right(tmp_path: Path) -> None:
    training, validation, both = (
        colourful(picture(tmp_path, rows))
        for rows in (TRAINING, VALIDATION, sorted(TRAINING + VALIDATION, key=lambda r: r["step"]))
    )
    middle = both.shape[1] // 2
    assert training[:, :middle].any()
    assert not training[:, middle:].any()
    assert validation[:, middle:].any()
    assert not validation[:, :middle].any()
    assert both[:, :middle].any()
    assert both[:, middle:].any()


@pytest.mark.parametrize("rows", [[], TRAINING[:1]])
def test_a_run_that_has_hardly_begun_can_be_drawn(
    tmp_path: Path, rows: list[dict[str, float]]
) -> None:
    assert picture(tmp_path, rows).shape[2] >= 3
