from pathlib import Path

import numpy as np
import pytest
import soundfile

from soundsift.errors import SoundsiftError
from soundsift.evaluation.suites.audiosep import open_suite, summarise

RATE = 32_000


def write(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    wave = np.random.default_rng(seed).uniform(-0.2, 0.2, RATE // 10)
    soundfile.write(path, wave, RATE, subtype="FLOAT")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    lists = tmp_path / "metadata"
    lists.mkdir()
    (lists / "esc50_eval.csv").write_text("idx,caption,a,b\n0,dog,x,y\n1,rain,x,y\n")
    (lists / "audiocaps_eval.csv").write_text('idx,caption,labels,a,b\n0,"a, b",l,x,y\n')
    (lists / "clotho_eval.csv").write_text("idx,caption,a,b,c\n7,wind,x,y,z\n")
    (lists / "music_eval.csv").write_text("idx,caption,a,b\n0,tuba,x,y\n1,tuba,x,y\n2,cello,x,y\n")
    (lists / "vggsound_eval.csv").write_text(
        "file_id,mix_wav,s0_wav,s0_text,s1_wav,s1_text\n1,m.wav,s.wav,bell,o.wav,cat\n"
    )
    (lists / "class_labels_indices.csv").write_text(
        'index,mid,display_name\n0,/m/1,Speech\n1,/m/2,"Dog, barking"\n'
    )
    for name, indices in {"esc50": "01", "audiocaps": "0", "clotho": "7", "music": "012"}.items():
        for index in indices:
            for number, kind in enumerate(("segment", "mixture")):
                write(tmp_path / "data" / name / f"{kind}-{index}.wav", number)
    write(tmp_path / "data" / "vggsound" / "m.wav", 0)
    write(tmp_path / "data" / "vggsound" / "s.wav", 1)
    for number in range(12):
        for kind in ("source", "mixture"):
            for label in range(2):
                folder = tmp_path / "data" / "audioset" / f"class_id={label}"
                write(folder / f"clip{number:02d},{kind}.wav", number)
    return tmp_path


def test_all_six_lists_with_their_prompts(data: Path) -> None:
    suite = open_suite(data)
    prompts = {name: suite.load(name).asks[0].text for name in suite.ids}
    assert prompts["esc50-1"] == "rain"
    assert prompts["audiocaps-0"] == "a, b"
    assert prompts["clotho-7"] == "wind"
    assert prompts["vggsound-00000"] == "bell"
    assert prompts["audioset-001-0"] == "Dog, barking"
    # Ten of twelve mixtures of a class.
    assert sum(name.startswith("audioset-000") for name in suite.ids) == 10
    assert open_suite(data, "esc50").ids == ("esc50-0", "esc50-1")


def test_published_means() -> None:
    """Music: mean of classes' means. AudioSet: mean of classes' medians. Others: mean of items."""
    values = {
        "music/tuba": [1.0, 3.0],
        "music/cello": [10.0],
        "audioset/Speech": [0.0, 1.0, 50.0],
        "audioset/Dog": [4.0],
        "esc50/": [1.0, 2.0, 6.0],
    }
    rows = [
        {"group": group, "scores": {"sdr_i": value, "si_sdr": -value}}
        for group, each in values.items()
        for value in each
    ]
    found = summarise(rows)
    assert found["music_sdr_i"].value == pytest.approx(6.0, abs=1e-6)
    assert found["audioset_sdr_i"].value == pytest.approx(2.5, abs=1e-6)
    assert found["esc50_sdr_i"].value == pytest.approx(3.0, abs=1e-6)
    assert found["esc50_si_sdr"].value == pytest.approx(-3.0, abs=1e-6)
    assert found["esc50_sdr_i"].low < 3.0 < found["esc50_sdr_i"].high


def test_improvement_stands_beside_absolute_si_sdr(data: Path) -> None:
    suite = open_suite(data, "esc50")
    item = suite.load("esc50-0")
    same = suite.score(item, {"target": item.mixture})
    assert same["sdr_i"] == pytest.approx(0.0, abs=1e-6)
    assert same["si_sdr"] < -5
    exact = suite.score(item, {"target": item.references["target"]})
    # SI-SDR's energies of about 42 against epsilon 1.19e-7.
    energy = float(np.square(item.references["target"].astype(np.float64)).sum())
    ceiling = 10 * np.log10(energy / np.finfo(np.float32).eps)
    assert exact["si_sdr"] == pytest.approx(ceiling, abs=1e-6)


def test_what_is_missing_is_named(data: Path) -> None:
    (data / "data" / "music" / "mixture-2.wav").unlink()
    with pytest.raises(SoundsiftError, match=r"mixture-2\.wav.*AudioSep's repository"):
        open_suite(data, "music")
    with pytest.raises(SoundsiftError, match="no subset 'fsd'"):
        open_suite(data, "fsd")
