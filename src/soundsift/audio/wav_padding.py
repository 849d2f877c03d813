"""WAV files whose integers fill only a part of their bytes."""

import struct
from pathlib import Path

_EXTENSIBLE, _PCM = 0xFFFE, 1
_SEARCHED = 1 << 16


def has_padded_samples(path: Path) -> bool:
    """Whether samples take more bytes than their valid bits need, such as 24 bits in 32.

    FFmpeg goes by the valid bits alone and takes such samples for other integers or floats.

    Args:
        path: a WAV file.
    """
    with path.open("rb") as file:
        data = file.read(_SEARCHED)
    at = data.find(b"fmt ", 12)
    if at < 0 or len(data) < at + 34:
        return False
    tag, bits = struct.unpack_from("<H12xH", data, at + 8)
    valid, subformat = struct.unpack_from("<H4xH", data, at + 26)
    return tag == _EXTENSIBLE and subformat == _PCM and valid > 0 and -(-valid // 8) * 8 < bits
