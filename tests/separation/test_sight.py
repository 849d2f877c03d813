"""What the default model learns from a visual prompt."""

from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from tests.segmentation.clips import click, disc_video

import soundsift
from soundsift.audio import examine
from soundsift.errors import SoundsiftError
from soundsift.prompts import Prompt
from soundsift.separation.sight import Sight, compare, frame_levels
from soundsift.spans import Span
from soundsift.video import Box, VisualPrompt

FRAMES = 100


def sight(text: str | None, *spans: Span) -> Sight:
    return Sight(text, (), np.zeros(FRAMES, np.float32), spans, 1.0)


def row(*spans: tuple[float, float]) -> np.ndarray:
    """A probability that is high in these spans, with a little noise."""
    values = np.random.default_rng(0).uniform(0, 0.1, FRAMES)
    for start, stop in spans:
        values[round(start * 25) : round(stop * 25)] += 0.8
    return values


def test_motion_in_step_with_the_sound_marks_it() -> None:
    acts = Span(1, 1.5)
    seen = compare(sight("dog barking", acts), row((1, 1.6)), [row((1, 1.6))], absent=False)
    assert seen.agreement == "agrees" and seen.score is not None and seen.score > 0.85
    heard, *quiet = seen.spans
    assert (heard.start, heard.end, heard.positive) == pytest.approx((0.92, 1.7, True))
    # Well away from the motion, the sound is another one's.
    ((start, end, positive),) = [(s.start, s.end, s.positive) for s in quiet]
    assert (start, end, positive) == pytest.approx((2.2, 4.0, False))
    assert seen.described()["agreement"] == "agrees"


def test_a_second_sound_of_the_kind_changes_nothing() -> None:
    """Two dogs: what the other one barks between the motion of this one is no disagreement."""
    acts, heard = (
        (Span(0.4, 0.8), Span(2.4, 2.8)),
        row((0.4, 0.8), (1.4, 1.8), (2.4, 2.8), (3.4, 3.8)),
    )
    seen = compare(sight("dog barking", *acts), heard, [heard], absent=False)
    assert seen.agreement == "agrees"
    assert [span.positive for span in seen.spans[:2]] == [True, True]


def test_motion_at_other_times_is_reported_and_weighs_nothing() -> None:
    acts = Span(1, 1.5)
    seen = compare(sight("dog barking", acts), row((2.5, 3.5)), [row((2.5, 3.5))], absent=False)
    assert seen.agreement == "disagrees"
    assert seen.spans == ()
    assert compare(sight("dog barking"), row(), [row()], absent=True).agreement == "disagrees"
    still = compare(sight("dog barking"), row((1, 2)), [row((1, 2))], absent=False)
    assert (still.agreement, still.score, still.spans) == ("unclear", None, ())


def test_levels_are_those_of_the_frames(tmp_path: Path) -> None:
    wave = np.zeros(16_000)
    wave[7680:8320] = 0.5
    soundfile.write(tmp_path / "a.wav", wave, 16_000, subtype="FLOAT")
    levels = frame_levels(examine(tmp_path / "a.wav"), 25)
    assert levels.shape == (25,)
    assert np.flatnonzero(levels > -80).tolist() == [12]
    assert levels[12] == pytest.approx(20 * np.log10(0.5), abs=1e-3)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds: a disc that moves from 0.8 s to 1.2 s, when a tone is heard in noise."""
    pictures, _ = disc_video(11)
    shown = [pictures[min(max(index - 20, 0), 10)] for index in range(50)]
    time = np.arange(32_000) / 16_000
    wave = 0.01 * np.random.default_rng(1).normal(size=len(time))
    wave += 0.3 * np.sin(2 * np.pi * 700 * time) * ((time >= 0.8) & (time < 1.2))
    path = tmp_path_factory.mktemp("clip") / "clip.mkv"
    with av.open(str(path), "w") as container:
        video, sound = container.add_stream("ffv1", 25), container.add_stream("pcm_s16le", 16_000)
        video.height, video.width = shown[0].shape[:2]
        video.pix_fmt = "bgr0"
        sound.codec_context.layout = "mono"
        for picture in shown:
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode(None))
        frame = av.AudioFrame.from_ndarray(
            (wave * 32767).astype(np.int16)[None], format="s16", layout="mono"
        )
        frame.sample_rate = 16_000
        container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    return path


def test_a_click_and_a_text_give_spans_from_motion(clip: Path) -> None:
    separator = soundsift.load(device="cpu")
    visual = VisualPrompt(points=(click(),))
    result = separator.separate(clip, text="beep", visual=visual)
    seen = result.settings["seen"]
    assert seen["name"] == "beep" and seen["names"] == [] and seen["in_view"] > 0.9
    ((start, end),) = seen["moves"]
    assert start == pytest.approx(0.8, abs=0.1) and end == pytest.approx(1.24, abs=0.1)
    assert seen["agreement"] == "agrees"
    assert result.settings["spans_predicted"]
    marked = [(s["start"], s["end"]) for s in result.settings["spans"] if s["positive"]]
    assert marked[0][0] == pytest.approx(0.75, abs=0.12)
    # Without the click the settings say nothing of sight.
    assert "seen" not in separator.separate(clip, text="beep").settings
    # Marks by hand stay; a part is looked at by its own clock.
    part = separator.separate(
        clip, text="beep", visual=visual, spans=[(0.9, 1.1)], start=0.5, end=1.5
    )
    assert part.settings["spans"] == [{"start": 0.9, "end": 1.1, "positive": True}]
    assert part.settings["seen"]["moves"][0] == pytest.approx([start, end], abs=0.05)


def test_an_object_without_name_and_motion_is_refused(clip: Path) -> None:
    corner = VisualPrompt(boxes=(Box(0.7, 0, 0.2, 0.2),))
    with pytest.raises(SoundsiftError, match="It can't be told what the object in the video is"):
        soundsift.load(device="cpu").separate_many(clip, [Prompt(visual=corner)])
