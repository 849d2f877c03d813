"""Samples of every type become floats with full scale 1, or are refused."""

import numpy as np
import pytest
import torch

from soundsift.audio.pcm import as_floats
from soundsift.errors import SoundsiftError
from soundsift.separation.source import as_recording
from soundsift.separation.streaming import check_blocks

WAVE = np.array([[0.0, 0.5, -0.5, -1.0]])


@pytest.mark.parametrize(
    "samples",
    [
        WAVE.astype(np.float16),
        WAVE.astype(np.float32),
        WAVE,
        WAVE.astype(np.longdouble),
        WAVE.astype(">f4"),
        (WAVE * 2**15).astype(np.int16),
        (WAVE * 2**15).astype(">i2"),
        (WAVE * 2**31).astype(np.int32),
        (WAVE * 2**7 + 2**7).astype(np.uint8),
        WAVE.tolist(),
        torch.tensor(WAVE),
        torch.tensor(WAVE, dtype=torch.bfloat16, requires_grad=True),
        torch.tensor(WAVE * 2**15).to(torch.int16),
        np.ma.masked_array(WAVE, mask=False),
    ],
    ids=lambda samples: f"{type(samples).__name__} {getattr(samples, 'dtype', '')}",
)
def test_one_wave_in_many_types(samples):
    floats = as_floats(samples)
    assert floats.dtype == np.float32
    np.testing.assert_array_equal(floats, WAVE.astype(np.float32))


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(4, np.int64),
        np.zeros(4, np.int8),
        np.zeros(4, np.uint16),
        np.zeros(4, np.uint32),
        np.zeros(4, bool),
        np.zeros(4, complex),
        np.array(["0.1"]),
        np.array([0.1, None]),
        np.zeros(4, "datetime64[s]"),
        np.zeros(4, [("left", float)]),
        [[0.1, 0.2], [0.3]],
        [1, 2, 3],
        np.ma.masked_array(WAVE, mask=WAVE == 0.5),
        torch.zeros(4, dtype=torch.complex64),
        pytest.param(object(), id="object"),
        None,
    ],
    ids=str,
)
def test_what_has_no_full_scale_is_refused(samples):
    with pytest.raises(SoundsiftError, match="The samples"):
        as_floats(samples)


def test_the_largest_integers_stay_within_full_scale():
    for kind in (np.int16, np.int32):
        limits = np.iinfo(kind)
        assert as_floats(np.array([limits.min, limits.max], kind)).tolist() == pytest.approx(
            [-1, 1], abs=2**-14
        )
    assert as_floats(np.array([0, 128, 255], np.uint8)).tolist() == [-1, 0, 127 / 128]


def test_every_way_in_takes_integers():
    steps = (np.random.default_rng(0).normal(0, 0.1, (1, 4800)) * 2**15).astype(np.int16)
    right = steps / np.float32(2**15)
    recording = as_recording(steps, 48_000)
    np.testing.assert_array_equal(recording.samples, right)
    again = as_recording(type(recording)(steps, 48_000))
    np.testing.assert_array_equal(again.samples, right)
    (block,) = check_blocks([steps])
    np.testing.assert_array_equal(block, right)
