"""The model that ships, on the recording that ships: it loads, obeys, and does no harm."""

from importlib import resources
from pathlib import Path

import numpy as np
import pytest

import soundsift
from soundsift.audio import Recording, read
from soundsift.checkpoints.store import find_model
from soundsift.separation.separator import Separator

#: When the woman calls without the cow, and the cow without her, in seconds.
VOICE, COW = ((0.4, 1.3), (4.1, 5.0), (5.4, 6.3), (8.6, 9.4)), ((1.6, 2.4), (6.6, 8.2))


@pytest.fixture(scope="module")
def separator() -> Separator:
    return soundsift.load(device="cpu")


@pytest.fixture(scope="module")
def street() -> Recording:
    return read(Path(str(resources.files("soundsift") / "assets" / "farm.flac")))


def energy(wave: np.ndarray, rate: int, spans: tuple[tuple[float, float], ...]) -> float:
    """Mean power within spans."""
    parts = [wave[:, round(start * rate) : round(end * rate)] for start, end in spans]
    return float(np.square(np.concatenate(parts, axis=1)).mean())


def test_it_is_small() -> None:
    size = sum(file.stat().st_size for file in find_model("default").iterdir())
    assert size < 60_000_000


def test_text_picks_the_sound(separator: Separator, street: Recording) -> None:
    """Voice against cow: each prompt keeps its own sound better than the other."""
    kept = {}
    for text in ("woman speaking", "cow mooing"):
        target = separator.separate(street, text=text).target
        kept[text] = [
            energy(target, street.sample_rate, spans)
            / energy(street.samples, street.sample_rate, spans)
            for spans in (VOICE, COW)
        ]
    voice, cow = kept["woman speaking"], kept["cow mooing"]
    assert voice[0] / voice[1] > 2 * cow[0] / cow[1]


def test_spans_pick_the_sound(separator: Separator, street: Recording) -> None:
    target = separator.separate(street, spans=COW).target
    kept = [
        energy(target, street.sample_rate, spans)
        / energy(street.samples, street.sample_rate, spans)
        for spans in (VOICE, COW)
    ]
    assert kept[1] > 10 * kept[0]
    assert kept[1] > 0.1


def test_what_is_not_there_is_not_found(separator: Separator, street: Recording) -> None:
    assert separator.separate(street, text="helicopter").target_level_db < -10


def test_stems_add_up_and_keep_the_image(separator: Separator, street: Recording) -> None:
    result = separator.separate(street, text="woman speaking")
    assert np.array_equal(result.target + result.residual, street.samples)
    # One mask for both channels: where the voice is alone with the music, it stays where it was.
    left, right = (np.square(result.target[c]).sum() for c in (0, 1))
    assert left > right  # she stands on the left
