"""A separator that sorts by frequency, and a server with it as a program."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from soundsift.mcp_server.edits import Edits
from soundsift.mcp_server.folders import Folders
from soundsift.mcp_server.server import make_server
from soundsift.separation.occurrences import Finding

RATE, SPLIT_HZ = 16_000, 1000


class Sieve:
    """ "dog" is above 1 kHz, "voice" below; "slow" takes ten seconds."""

    def hear(self, source, phrases, *, sample_rate):
        present = np.abs(source).max() > 0 and sample_rate == RATE
        sure = Finding((), 0.9, "sure") if present else Finding((), 0.1, "absent")
        return [None if phrase.text == "cow" else sure for phrase in phrases]

    def separate_many(self, source, prompts, *, progress, **_):
        (prompt,) = prompts
        prompt.check(source.duration)
        if prompt.text == "slow":
            for step in range(100):
                progress(step / 100)
                time.sleep(0.1)
        spectrum = np.fft.rfft(source.samples.astype(np.float64))
        hertz = np.fft.rfftfreq(source.samples.shape[1], 1 / source.sample_rate)
        wanted = {"dog": hertz >= SPLIT_HZ, "voice": hertz < SPLIT_HZ}.get(prompt.text, hertz < 0)
        target = np.fft.irfft(spectrum * wanted, source.samples.shape[1]).astype(np.float32)
        progress(0.5)
        progress(1.0)
        return [SimpleNamespace(target=target, residual=source.samples - target)]


def edits(folder: Path) -> Edits:
    return Edits(Folders([folder], folder / "out"), lambda _: Sieve())


if __name__ == "__main__":
    make_server(edits(Path(sys.argv[1]))).run("stdio")
