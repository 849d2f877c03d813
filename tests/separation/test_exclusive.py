"""Several sounds of one recording, which share it; and where they are between the loudspeakers."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tests.released import RATE, TINY_VISION, write_released
from tests.signals import noise

import soundsift
from soundsift.checkpoints import pe_vision
from soundsift.separation.separator import Separator
from soundsift.separation.stem_files import Destination


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Separator]:
    pytest.importorskip("transformers", reason="the released models need the extra `released`")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pe_vision, "CONFIGS", {"PE-Core-L14-336": TINY_VISION})
        folder = write_released(tmp_path_factory.mktemp("released") / "sam-audio-tiny")
        yield soundsift.load(folder, device="cpu", precision="float32")


@pytest.mark.parametrize("bits", ["PCM_16", "PCM_24"])
@pytest.mark.parametrize("which", ["separator", "released"])
def test_sounds_and_the_rest_are_the_mixture(
    which: str, bits: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    model: Separator = request.getfixturevalue(which)
    file = tmp_path / "mix.wav"
    # Loud enough to clip.
    soundfile.write(file, np.clip(8 * noise(2, 30_000), -1, 1).T, 44_100, subtype=bits)
    preset = "draft"
    found = model.separate_many(file, ["hiss", "hum", "click"], preset=preset, exclusive=True)
    assert len(found) == 4
    steps = 2 ** (15 if bits == "PCM_16" else 23)
    whole = np.rint(found[0].mixture.astype(np.float64) * steps)
    targets = [result.target.astype(np.float64) * steps for result in found]
    assert all(np.array_equal(target, np.rint(target)) for target in targets)
    assert np.array_equal(sum(targets), whole)
    assert found[-1].settings["rest_of"] == ["hiss", "hum", "click"]


@pytest.mark.parametrize("which", ["separator", "released"])
def test_files_of_several_sounds_hold_what_arrays_do(
    which: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    model: Separator = request.getfixturevalue(which)
    file = tmp_path / "mix.wav"
    soundfile.write(file, np.clip(8 * noise(2, 30_000), -1, 1).T, 44_100, subtype="PCM_16")
    whole = model.separate_many(file, ["hiss", "hum"], preset="draft", exclusive=True)
    destinations = [
        Destination(tmp_path / "out", "hiss"),
        Destination(tmp_path / "out", "hum", ("target",)),
    ]
    left = Destination(tmp_path / "out", "both", ("rest",))
    for wanted in (destinations, [*destinations, left]):
        wanted = [replace(destination, overwrite=True) for destination in wanted]
        saved = model.separate_into(wanted, file, ["hiss", "hum"], exclusive=True, preset="draft")
        assert [list(one.paths) for one in saved] == [[*one.paths] for one in wanted]
        for one, expected in zip(saved, whole, strict=False):
            stem = next(iter(one.paths))
            found = soundfile.read(one.paths[stem], dtype="float32")[0].T
            assert np.array_equal(found, expected.target)
            assert one.settings == expected.settings
            assert [sound["text"] for sound in one.settings["sharing"]] == ["hiss", "hum"]
            assert one.target_level_db == pytest.approx(expected.target_level_db)
    assert len(list((tmp_path / "out").iterdir())) == 7
    with pytest.raises(ValueError, match="3 destinations were given for 2 prompts"):
        model.separate_into([*destinations, left], file, ["hiss", "hum"], preset="draft")


@pytest.mark.parametrize("which", ["separator", "released"])
def test_sounds_share_what_two_of_them_want(which: str, request: pytest.FixtureRequest) -> None:
    model: Separator = request.getfixturevalue(which)
    mixture = noise(1, RATE)
    # One sound asked for three times: each gets no more than a third.
    alone = model.separate_many(
        mixture, ["hiss"], sample_rate=RATE, preset="draft", consistent=True
    )[0]
    shared = model.separate_many(
        mixture, ["hiss"] * 3, sample_rate=RATE, preset="draft", exclusive=True
    )[:3]
    energy = [float(np.square(one.target).sum()) for one in (alone, *shared)]
    assert energy[1:] == pytest.approx([energy[1]] * 3, rel=1e-3)
    assert energy[1] <= energy[0] * 1.001
    assert energy[1] <= 0.15 * float(np.square(mixture).sum())
    # And one alone keeps what it has.
    lone = model.separate_many(mixture, ["hiss"], sample_rate=RATE, preset="draft", exclusive=True)
    np.testing.assert_allclose(lone[0].target, alone.target, atol=1e-5)


def panned() -> tuple[np.ndarray, np.ndarray]:
    """A whistle from 1 to 3 s, 6 dB louder on the left and 5 samples earlier; in wide hiss."""
    time = np.arange(4 * RATE) / RATE
    wave = 0.2 * np.sin(2 * np.pi * 700 * time + 30 * np.sin(2 * np.pi * time))
    wave *= (time > 1) & (time < 3)
    source = np.stack([wave, 0.5 * np.roll(wave, 5)]).astype(np.float32)
    return source, source + 0.03 * noise(2, len(time))


def image(stereo: np.ndarray) -> tuple[float, float]:
    """Level of the left over the right channel in dB, and its phase in degrees, 600 to 800 Hz."""
    spectrum = np.fft.rfft(stereo.astype(np.float64))
    hertz = np.fft.rfftfreq(stereo.shape[1], 1 / RATE)
    left, right = spectrum[:, (hertz > 600) & (hertz < 800)]
    level = 10 * np.log10((np.abs(left) ** 2).sum() / (np.abs(right) ** 2).sum())
    return float(level), float(np.degrees(np.angle((left * right.conj()).sum())))


@pytest.mark.parametrize("which", ["default", "released"])
def test_a_panned_sound_stays_where_it_is(which: str, request: pytest.FixtureRequest) -> None:
    if which == "default":
        model = soundsift.load("default", device="cpu")
    else:
        model = request.getfixturevalue(which)
    source, mixture = panned()
    result = model.separate(
        mixture, sample_rate=RATE, spans=["1-3"], preset="draft", consistent=True
    )
    assert np.square(result.target).sum() > 0.05 * np.square(source).sum()
    expected, found = image(source), image(result.target)
    assert expected[0] == pytest.approx(20 * np.log10(2), abs=0.1)
    assert abs(expected[1]) > 20
    assert found[0] == pytest.approx(expected[0], abs=0.5)
    assert abs((found[1] - expected[1] + 180) % 360 - 180) < 5
