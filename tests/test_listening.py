"""Sound event detection: what comes out of a known network, and what the shipped one hears."""

from pathlib import Path

import numpy as np
import pytest

import soundsift
from soundsift.audio import read
from soundsift.checkpoints.hearing import VOCABULARY, KnownSound, default_folder
from soundsift.checkpoints.store import WEIGHTS
from soundsift.config import HearingCalibration
from soundsift.listening import SoundDetector, _least_probability
from soundsift.separation.occurrences import Finding, Occurrence, find_occurrences
from tests.tiny_hearing import SOUNDS, write_tiny_hearing, write_tiny_vocabulary

RATE = 48_000
FARM = Path(soundsift.__file__).parent / "assets" / "farm.flac"

shipped = pytest.mark.skipif(
    not (default_folder() / WEIGHTS).is_file(), reason="the hearing network is not there"
)


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> SoundDetector:
    folder = write_tiny_hearing(tmp_path_factory.mktemp("hearing"), 4.0)
    write_tiny_vocabulary(folder, *SOUNDS)
    return SoundDetector.load("cpu", folder)


def noise(seconds: float) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((1, int(seconds * RATE))).astype(np.float32) / 9


def test_phrases_come_back_in_order(detector: SoundDetector) -> None:
    done: list[float] = []
    heard = detector.listen(
        noise(31), ["Rain!", "dog, fox"], sample_rate=RATE, progress=done.append
    )
    assert [sound.text for sound in heard] == ["rain", "dog, fox"]
    assert all(sound.presence == "sure" and sound.kind is None for sound in heard)
    assert [(span.start, span.end) for span in heard[0].spans] == [(0.0, 31.0)]
    assert done == sorted(done) and done[-1] == 1.0


def test_known_sounds_are_told_once_per_event(
    detector: SoundDetector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All are heard all the time: the fox is like the dog, and the group is theirs."""
    # An untrained network has all phrases in one place.
    monkeypatch.setattr("soundsift.listening._SAME_SOUND", 2.0)
    heard = detector.listen(noise(40), sample_rate=RATE)
    assert {sound.text for sound in heard} == {"dog barking", "violin"}
    assert {sound.kind for sound in heard} == {"effect", "instrument"}
    assert heard[0].spans[0].end == 40.0
    assert len(detector.listen(noise(2), sample_rate=RATE, limit=1)) == 1


def finding(start: float, end: float, confidence: float) -> Finding:
    sure = confidence >= 0.8
    spans = (Occurrence(start, end, confidence, sure),)
    return Finding(spans, confidence, "sure" if sure else "unsure")


def test_duplicates(detector: SoundDetector) -> None:
    dog, fox, animals, _ = SOUNDS

    def names(*heard: tuple[KnownSound, Finding]) -> list[str]:
        return [sound.text for sound in detector._without_duplicates(list(heard))]

    # Of sounds that sound alike at one time, the surer; at different times, both.
    assert names((dog, finding(0, 2, 0.8)), (fox, finding(0, 2, 0.9))) == ["fox"]
    assert names((dog, finding(0, 2, 0.8)), (fox, finding(4, 6, 0.9))) == ["fox", "dog barking"]
    # A sure sound stands for its group, and a group for its unsure sounds.
    assert names((dog, finding(0, 2, 0.8)), (animals, finding(0, 2, 0.9))) == ["dog barking"]
    assert names((dog, finding(0, 2, 0.6)), (animals, finding(0, 2, 0.9))) == ["animals"]
    assert names() == []
    # Whole pieces of music are one, and an unsure group goes where a sound of a like group is.
    jingle, song = (KnownSound(name=n, kind="music", groups=("music",)) for n in ("jingle", "song"))
    keys = KnownSound(name="keyboard", kind="group", like=("music",))
    heard = [(song, finding(0, 9, 0.9)), (jingle, finding(0, 9, 0.8)), (keys, finding(1, 3, 0.6))]
    assert names(*heard) == ["song"]


def test_no_sound_that_counts_is_skipped() -> None:
    """The bound by which windows are skipped holds at the edge of absence."""
    calibration = HearingCalibration(presence_scale=1.7, presence_offset=2.0, absent_below=0.4)
    least = _least_probability(calibration)
    assert find_occurrences(np.full(50, least * 0.999), calibration).presence == "absent"
    assert find_occurrences(np.full(50, least * 1.05), calibration).presence == "unsure"


def test_refusals(detector: SoundDetector, tmp_path: Path) -> None:
    with pytest.raises(soundsift.SoundsiftError, match="no phrase"):
        detector.listen(noise(1), [" "], sample_rate=RATE)
    with pytest.raises(soundsift.SoundsiftError, match="limit 0"):
        detector.listen(noise(1), sample_rate=RATE, limit=0)
    with pytest.raises(soundsift.SoundsiftError, match="need their rate"):
        detector.listen(noise(1))
    with pytest.raises(soundsift.SoundsiftError, match="cannot listen"):
        SoundDetector.load("cpu", tmp_path)
    own = write_tiny_hearing(tmp_path / "own", 4.0)
    with pytest.raises(soundsift.SoundsiftError, match=f"no {VOCABULARY}"):
        SoundDetector.load("cpu", own).listen(noise(1), sample_rate=RATE)


@shipped
def test_the_bundled_recording_by_name() -> None:
    """A woman calling, a cow, and music: heard; sounds that are not there: not."""
    detector = SoundDetector.load("cpu")
    music, cow, dog, siren = detector.listen(
        FARM, ["music", "cow mooing", "chainsaw", "police siren"]
    )
    assert music.presence == "sure" and cow.confidence > max(dog.confidence, siren.confidence)
    assert {dog.presence, siren.presence} <= {"absent", "unsure"}
    names = [sound.text for sound in detector.listen(FARM)]
    assert any("music" in name for name in names), names


@shipped
def test_a_sound_is_heard_when_it_is_there() -> None:
    """Speech-free music is put behind a second of silence and found where it is."""
    farm = read(FARM)
    quiet = np.zeros((farm.channels, 6 * farm.sample_rate), np.float32)
    quiet += np.random.default_rng(1).standard_normal(quiet.shape).astype(np.float32) * 1e-4
    samples = np.concatenate([quiet, farm.samples[:, : 4 * farm.sample_rate], quiet], axis=1)
    (music,) = SoundDetector.load("cpu").listen(samples, ["music"], sample_rate=farm.sample_rate)
    inside = sum(max(0.0, min(s.end, 10.0) - max(s.start, 6.0)) for s in music.spans)
    outside = sum(s.end - s.start for s in music.spans) - inside
    assert inside > 2.5 and outside < 1.0
