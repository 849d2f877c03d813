import numpy as np

from soundsift.data.bank import active_level_db
from soundsift.evaluation.laying import levelled

RATE = 48_000


def test_a_level_is_that_of_what_is_heard() -> None:
    wave = np.zeros(10 * RATE, np.float32)
    wave[RATE : 2 * RATE] = np.random.default_rng(0).standard_normal(RATE) * 0.01
    assert abs(active_level_db(levelled(wave, -30.0)) + 30.0) < 0.01
