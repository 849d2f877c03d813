"""Sound files in and out: reading, resampling, stems that add up, writing.

Everywhere in the package a wave is float32 of shape `(channels, samples)` with full scale at ±1.
"""

from soundsift.audio.atomic import atomic_file, ensure_writable
from soundsift.audio.formats import Output
from soundsift.audio.pcm import complement, count_clipped, quantise
from soundsift.audio.reading import Recording, RecordingFile, examine, read
from soundsift.audio.resampling import resample
from soundsift.audio.writing import write

__all__ = [
    "Output",
    "Recording",
    "RecordingFile",
    "atomic_file",
    "complement",
    "count_clipped",
    "ensure_writable",
    "examine",
    "quantise",
    "read",
    "resample",
    "write",
]
