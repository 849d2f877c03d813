"""MossFormer2 of ClearerVoice-Studio: two speakers of one channel at 16 kHz. It takes no prompt."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

TITLE = "MossFormer2_SS_16K (clearvoice 0.1.2)"
REQUIREMENTS = ("clearvoice==0.1.2", "soundfile==0.12.1", "soxr==0.5.0.post1")
REPOSITORY = ""
WEIGHTS = (
    "alibabasglab/MossFormer2_SS_16K, fetched from the Hub by clearvoice itself; "
    "--weights mossformer2=DIR names a folder that holds checkpoints/MossFormer2_SS_16K"
)
PROMPTED = False
CHOICE = "nearest"
SAMPLE_RATE = 16_000
CHANNELS = 1


def open_system(settings: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    """Load the model; clearvoice looks for `checkpoints` in the working folder."""
    import os

    import soundfile
    from clearvoice import ClearVoice

    if folder := settings.get("weights"):
        os.chdir(folder)
    model = ClearVoice(task="speech_separation", model_names=["MossFormer2_SS_16K"])

    def separate(mixture: Any, sample_rate: int, request: dict[str, Any]) -> dict[str, Any]:
        del request
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "mixture.wav"
            soundfile.write(path, mixture.T, sample_rate, subtype="FLOAT")
            speakers = model(input_path=str(path), online_write=False)
        return {f"speaker{number}": wave for number, wave in enumerate(speakers)}

    return separate
