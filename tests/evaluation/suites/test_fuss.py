from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
import soundfile

from soundsift.errors import SoundsiftError
from soundsift.evaluation.suites.fuss import in_order, open_suite, si_snr, summarise

RATE = 16_000


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    lines = []
    for number, count in enumerate((1, 2, 3)):
        names = []
        for source in range(count):
            name = f"eval/example{number}_sources/source{source}.wav"
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            wave = np.zeros(RATE)
            wave[source * 2000 : source * 2000 + 8000] = rng.uniform(-0.2, 0.2, 8000)
            soundfile.write(path, wave, RATE, subtype="FLOAT")
            names.append(name)
        lines.append("\t".join([f"eval/example{number}.wav", *names]))
    (tmp_path / "eval_example_list.txt").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_si_snr_by_hand() -> None:
    """Cosine 0.8: 0.64 against 0.36, each plus 1e-8."""
    target = np.array([1.0, 0.0], np.float32)
    estimate = np.array([4.0, 3.0], np.float32)
    assert si_snr(estimate, target) == pytest.approx(
        10 * np.log10((0.64 + 1e-8) / (0.36 + 1e-8)), abs=1e-6
    )
    # Equal waves end at 1e-8: 80 dB.
    assert si_snr(target, 3 * target) == pytest.approx(80.0, abs=1e-6)


def test_mixtures_are_the_sums_and_prompts_the_spans(data: Path) -> None:
    suite = open_suite(data)
    assert suite.ids == ("example0", "example1", "example2")
    item = suite.load("example1")
    assert item.mixture[0] == pytest.approx(sum(w[0] for w in item.references.values()), abs=1e-7)
    spans = item.asks[1].spans
    assert (spans[0].start, spans[0].end) == pytest.approx((0.12, 0.64), abs=0.02)


def test_stems_without_prompts_take_the_best_order(data: Path) -> None:
    """Against all orders, one by one."""
    item = open_suite(data).load("example2")
    rng = np.random.default_rng(3)
    waves = [w + rng.normal(0, 0.05, w.shape).astype(np.float32) for w in item.references.values()]
    stems = {f"s{n}": waves[n] for n in (2, 0, 1)}
    found = in_order(item, stems)
    assert [np.array_equal(found[f"source{n}"], waves[n]) for n in range(3)] == [True] * 3
    targets = [w[0] for w in item.references.values()]
    best = max(
        sum(si_snr(order[n][0], targets[n]) for n in range(3)) for order in permutations(waves)
    )
    total = sum(si_snr(found[f"source{n}"][0], targets[n]) for n in range(3))
    assert total == pytest.approx(best, abs=1e-6)


def test_under_and_over_separation_and_pairs(data: Path) -> None:
    suite = open_suite(data)
    item = suite.load("example1")
    first, second = item.references.values()
    silent = np.zeros_like(first)
    good = suite.score(item, {"source0": first, "source1": second})
    assert (good["under"], good["equal"], good["over"], good["pairs"]) == (0, 1, 0, 2)
    before = np.mean([si_snr(item.mixture[0], w[0]) for w in (first, second)])
    assert good["si_snr_i_multi"] == pytest.approx(80 - before, abs=1e-6)
    poor = suite.score(item, {"source0": first, "source1": silent})
    assert (poor["under"], poor["pairs"]) == (1, 1)
    many = suite.score(item, {"source0": first, "source1": second, "extra0": first})
    assert many["over"] == 1
    single = suite.load("example0")
    alone = suite.score(single, {"source0": single.references["source0"]})
    assert alone["si_snr_1"] == pytest.approx(80.0, abs=1e-6)
    rows = [{"scores": s, "group": ""} for s in (good, poor, alone)]
    found = summarise(rows)
    # Pairs weigh the same: two of one mixture, one of the other.
    expected = (good["si_snr_sum"] + poor["si_snr_sum"]) / 3
    assert found["si_snr_i_2"].value == pytest.approx(expected, abs=1e-6)
    assert found["si_snr_1"].value == pytest.approx(80.0, abs=1e-6)
    assert found["under"].value == pytest.approx(1 / 3, abs=1e-6)
    assert found["si_snr_i_4"].count == 0


def test_what_is_missing_is_named(data: Path) -> None:
    (data / "eval" / "example2_sources" / "source1.wav").unlink()
    with pytest.raises(SoundsiftError, match=r"source1\.wav.*zenodo"):
        open_suite(data)
    with pytest.raises(SoundsiftError, match="validation_example_list"):
        open_suite(data, "validation")
