from pathlib import Path

import numpy as np
import pytest
import soundfile
from tests.signals import noise
from tests.tiny_model import CONFIG

import soundsift
from soundsift.audio import Recording, read
from soundsift.checkpoints.store import save_model
from soundsift.errors import SoundsiftError
from soundsift.models.velocity_field import VelocityField
from soundsift.prompts import make_prompt
from soundsift.separation.separator import Separator
from soundsift.separation.source import as_recording
from soundsift.spans import Span


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000, 96000])
@pytest.mark.parametrize("channels", [1, 2])
def test_any_rate_and_channels_keep_length_and_sum(
    separator: Separator, rate: int, channels: int
) -> None:
    mixture = noise(channels, rate // 2 + 17)
    result = separator.separate(mixture, sample_rate=rate, text="hiss")
    assert result.target.shape == result.residual.shape == mixture.shape
    assert result.sample_rate == rate
    np.testing.assert_allclose(result.target + result.residual, mixture, atol=1e-6)
    assert 0.01 < np.square(result.target).sum() / np.square(mixture).sum() < 0.99


def test_the_same_seed_gives_the_same_bits(separator: Separator) -> None:
    mixture = noise(1, 48_000)
    first, second = (
        separator.separate(mixture, sample_rate=48_000, text="hiss", seed=3) for _ in range(2)
    )
    assert np.array_equal(first.target, second.target)
    assert first.settings == second.settings
    assert first.seed == 3


def test_text_and_spans_reach_the_model(separator: Separator) -> None:
    mixture = noise(1, 96_000)

    def target(**prompt: object) -> np.ndarray:
        return separator.separate(mixture, sample_rate=48_000, **prompt).target  # type: ignore[arg-type]

    hiss = target(text="hiss")
    assert not np.allclose(hiss, target(text="dog barking"), atol=1e-5)
    assert not np.allclose(hiss, target(text="hiss", spans=[(0.5, 1.0)]), atol=1e-5)
    plus, minus = target(spans=["0.5-1.0"]), target(not_spans=["0.5-1.0"])
    assert not np.allclose(plus, minus, atol=1e-5)


def test_level_does_not_matter(separator: Separator) -> None:
    mixture = noise(1, 48_000)
    loud = separator.separate(mixture, sample_rate=48_000, text="hiss").target
    quiet = separator.separate(mixture * 0.01, sample_rate=48_000, text="hiss").target
    error = np.square(quiet * 100 - loud).sum() / np.square(loud).sum()
    assert error < 1e-4


@pytest.mark.parametrize("offset", [0.001, 0.05, 0.5])
def test_constant_offset_does_not_matter(separator: Separator, offset: float) -> None:
    mixture = noise(2, 48_000 * 12)
    plain = separator.separate(mixture, sample_rate=48_000, text="hiss")
    moved = separator.separate(mixture + np.float32(offset), sample_rate=48_000, text="hiss")
    error = np.square(moved.target - plain.target).sum() / np.square(plain.target).sum()
    assert error < 1e-4
    np.testing.assert_allclose(moved.residual - plain.residual, offset, atol=1e-3)


def test_floats_far_beyond_full_scale(separator: Separator) -> None:
    mixture = noise(1, 48_000)
    plain = separator.separate(mixture, sample_rate=48_000, text="hiss").target
    loud = separator.separate(mixture * 1e9, sample_rate=48_000, text="hiss").target
    assert np.square(loud / 1e9 - plain).sum() / np.square(plain).sum() < 1e-4
    with pytest.raises(SoundsiftError, match="full scale"):
        separator.separate(mixture * 1e30, sample_rate=48_000, text="hiss")


def test_longer_than_a_window(separator: Separator) -> None:
    mixture = noise(1, 48_000 * 23)
    fractions: list[float] = []
    result = separator.separate(mixture, sample_rate=48_000, text="hiss", progress=fractions.append)
    assert result.target.shape == mixture.shape
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)


def test_progress_may_stop_the_run(separator: Separator) -> None:
    def stop(fraction: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        separator.separate(noise(1, 48_000), sample_rate=48_000, text="hiss", progress=stop)


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_files_add_up_to_the_last_bit(separator: Separator, tmp_path: Path, subtype: str) -> None:
    source = tmp_path / "mix.wav"
    soundfile.write(source, noise(2, 30_000).T, 44_100, subtype=subtype)
    result = separator.separate(source, text="hiss", spans=[Span(0.1, 0.3)])
    paths = result.save(tmp_path / "out", "mix")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "mix.json",
        "mix.residual.wav",
        "mix.target.wav",
    ]
    target, residual = (read(paths[s], allow_silence=True) for s in ("target", "residual"))
    mixture = read(source)
    assert target.sample_format == mixture.sample_format
    if subtype == "FLOAT":
        # Floats of different size cannot all add up exactly: half an ulp of the larger.
        np.testing.assert_allclose(target.samples + residual.samples, mixture.samples, atol=4e-8)
    else:
        assert np.array_equal(target.samples + residual.samples, mixture.samples)


def test_nothing_is_overwritten_or_half_written(separator: Separator, tmp_path: Path) -> None:
    result = separator.separate(noise(1, 9600), sample_rate=48_000, text="hiss")
    (tmp_path / "a.residual.wav").write_bytes(b"mine")
    with pytest.raises(soundsift.SoundsiftError, match=r"a\.residual\.wav"):
        result.save(tmp_path, "a")
    assert [p.name for p in tmp_path.iterdir()] == ["a.residual.wav"]
    result.save(tmp_path, "a", overwrite=True)
    assert (tmp_path / "a.residual.wav").read_bytes() != b"mine"


def test_the_later_of_two_signs_wins() -> None:
    prompt = make_prompt(None, ["1-2"], [(1.5, 1.7)])
    assert [span.positive for span in prompt.spans] == [True, False]


@pytest.mark.parametrize(
    ("arguments", "culprit"),
    [
        ({"text": "hiss", "preset": "ultra"}, "ultra"),
        ({}, "prompt"),
        ({"text": " "}, "prompt"),
        ({"spans": [(0.5, 9.0)]}, "9"),
        ({"spans": ["0.8-0.2"]}, "ends before it starts"),
    ],
)
def test_bad_requests(separator: Separator, arguments: dict[str, object], culprit: str) -> None:
    with pytest.raises(soundsift.SoundsiftError, match=culprit):
        separator.separate(noise(1, 48_000), sample_rate=48_000, **arguments)  # type: ignore[arg-type]


def test_bad_samples() -> None:
    with pytest.raises(soundsift.SoundsiftError, match="sample_rate"):
        as_recording(noise(1, 100))
    with pytest.raises(soundsift.SoundsiftError, match="shape"):
        as_recording(noise(1, 100).T, 48_000)
    broken = noise(1, 100)
    broken[0, 50] = np.nan
    with pytest.raises(soundsift.SoundsiftError, match="NaN"):
        as_recording(broken, 48_000)
    recording = as_recording(noise(1, 100)[0], 8000)
    assert isinstance(recording, Recording) and recording.samples.shape == (1, 100)


def test_models_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(soundsift.SoundsiftError, match="no-such-model"):
        soundsift.load("no-such-model")
    with pytest.raises(soundsift.SoundsiftError, match=r"config\.yaml"):
        soundsift.load(tmp_path)
    field = VelocityField(CONFIG.field)
    save_model(tmp_path, CONFIG, field.state_dict())
    (tmp_path / "model.safetensors").write_bytes(b"not tensors")
    with pytest.raises(soundsift.SoundsiftError, match=r"model\.safetensors"):
        soundsift.load(tmp_path)
    weights = field.state_dict()
    weights.pop("transformer.output.weight")
    save_model(tmp_path, CONFIG, weights)
    with pytest.raises(soundsift.SoundsiftError, match="disagree"):
        soundsift.load(tmp_path)


def test_a_place_that_is_taken_is_refused_before_any_work(
    separator: Separator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "mix.wav"
    soundfile.write(source, noise(1, 16_000).T, 16_000)
    (tmp_path / "mix.hiss.residual.wav").write_text("mine")
    monkeypatch.delattr("soundsift.separation.separator.make_request")
    with pytest.raises(SoundsiftError, match="exists already"):
        separator.separate_file(source, tmp_path, text="hiss")


def test_settings_and_tags_of_what_was_separated(separator: Separator, tmp_path: Path) -> None:
    with soundfile.SoundFile(tmp_path / "song.flac", "w", 16_000, 1, "PCM_16") as file:
        file.title = "A song"
        file.write(noise(1, 64_000)[0])
    result = separator.separate(
        tmp_path / "song.flac", text="hiss", windowing="chunks", window=2.0, overlap=0.2
    )
    asked = {name: result.settings[name] for name in ("windowing", "window", "overlap")}
    assert asked == {"windowing": "chunks", "window": 2.0, "overlap": 0.2}
    paths = result.save(tmp_path / "stems", "song")
    with soundfile.SoundFile(paths["target"]) as file:
        assert file.title == "A song"
