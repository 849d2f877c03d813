"""What the tests of tuning share."""

import numpy as np
import pytest
import soundfile

RATE = 48_000


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """A folder of eight whistles that rise, and of a file that is no recording."""
    folder = tmp_path_factory.mktemp("whistles")
    for number in range(8):
        time = np.arange(RATE // 2) / RATE
        wave = 0.4 * np.sin(2 * np.pi * (1500 + 40 * number) * time * (1 + time))
        soundfile.write(folder / f"{number}.wav", wave, RATE)
    (folder / "notes.txt").write_text("not a recording")
    return folder
