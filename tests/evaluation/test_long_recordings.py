import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from tests.evaluation.test_bench import CONCEPTS, band

from soundsift import SoundsiftError
from soundsift.evaluation.long_recordings import LongScene, LongScenes, seam_si_sdr
from soundsift.evaluation.metrics import si_sdr
from soundsift.spans import Span

RATE = 48_000


def write_bank(folder: Path, splits: Sequence[str]) -> Path:
    """A bank with a clip of each concept in each of some splits."""
    (folder / "clips").mkdir(parents=True)
    rng = np.random.default_rng(0)
    waves: list[np.ndarray] = []
    lines: list[str] = []
    for concept, (kind, groups, low, high, seconds) in CONCEPTS.items():
        for number, split in enumerate(splits):
            wave = band(rng, low, high, seconds)
            entry = {
                "source": "made-up",
                "path": f"{split}/{concept}/{number}.wav",
                "licence": "CC0",
                "concept": concept,
                "kind": kind,
                "groups": groups,
                "captions": [concept, f"{concept} nearby"],
                "split": split,
                "speaker": f"{split} {concept}",
                "shard": "made-up.i16",
                "offset": sum(len(w) for w in waves),
                "samples": len(wave),
                "seconds": seconds,
                "level_db": -20.0,
            }
            lines.append(json.dumps(entry))
            waves.append(wave)
    (folder / "clips" / "made-up.i16").write_bytes(np.concatenate(waves).tobytes())
    (folder / "manifest.jsonl").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> LongScenes:
    return LongScenes(
        write_bank(tmp_path_factory.mktemp("long") / "bank", [*["validation"] * 3, "train"]),
        "validation",
    )


@pytest.fixture(scope="module")
def drawn(scenes: LongScenes) -> list[LongScene]:
    return [scenes.scene(number, 120.0) for number in range(3)]


def test_the_target_comes_back_all_along(drawn: list[LongScene]) -> None:
    assert [scene.kind for scene in drawn] == ["speech", "instrument", "effect"]
    for scene in drawn:
        assert scene.mixture.shape == scene.target.shape == (1, 120 * RATE)
        assert 10 <= len(scene.occurrences) <= 20
        assert sum(span.end <= 60 for span in scene.spans) >= 2
        assert scene.spans[-1].end > 100
        # Marked where it was laid in, and nowhere else.
        for span in scene.spans:
            assert any(a - 0.05 <= span.start < span.end <= b + 0.3 for a, b in scene.occurrences)
        assert scene.first_span in scene.spans and scene.first_span.end <= 60
        assert scene.text not in scene.background


def test_something_else_is_heard_throughout(drawn: list[LongScene]) -> None:
    for scene in drawn:
        rest = (scene.mixture - scene.target)[0]
        levels = np.square(rest.reshape(-1, RATE)).mean(axis=1)
        assert levels.min() > 1e-5


def test_a_number_is_always_the_same_recording(scenes: LongScenes, drawn: list[LongScene]) -> None:
    assert np.array_equal(scenes.scene(1, 120.0).mixture, drawn[1].mixture)


def test_a_bank_too_small(tmp_path: Path) -> None:
    with pytest.raises(SoundsiftError, match="validation"):
        LongScenes(write_bank(tmp_path / "bank", [*["validation"] * 2, "train"]), "validation")


def test_only_what_is_near_a_seam_counts() -> None:
    rng = np.random.default_rng(1)
    target = rng.standard_normal(10 * RATE).astype(np.float32)
    estimate = target.copy()
    # Damage from 4.5 to 5.5 s, and far from any seam.
    near = slice(int(4.5 * RATE), int(5.5 * RATE))
    estimate[near] += 0.1 * rng.standard_normal(RATE).astype(np.float32)
    estimate[8 * RATE :] = 0
    assert seam_si_sdr(estimate, target, [5.0]) == pytest.approx(
        si_sdr(estimate[near], target[near])
    )
    assert seam_si_sdr(estimate, target, [2.0]) > 90
    assert seam_si_sdr(estimate, target, [2.0, 5.0]) == pytest.approx(23.0, abs=0.3)


def test_the_first_minute_holds_the_mark() -> None:
    target = np.zeros((1, 90 * RATE), np.float32)
    for start, end in ((5, 6), (20, 22), (70, 80)):
        target[:, start * RATE : end * RATE] = 0.1
    scene = LongScene(0, "effect", "hum", ("hiss",), target, target, ())
    assert scene.first_span == Span(20.0, 22.0)
