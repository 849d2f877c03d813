"""Make glibc keep freed memory instead of returning it to the kernel.

Audio models allocate and free tensors of many megabytes per layer. By default glibc maps each anew,
and the kernel zeroes every page: a training step took 1.4 s instead of 0.84 s.
"""

from __future__ import annotations

import ctypes
import sys

# From malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def keep_memory(limit_bytes: int = 1 << 30) -> bool:
    """Serve blocks up to `limit_bytes` from the heap, and trim it only beyond as much free memory.

    Process-wide, harmless to call twice, and a no-op where the C library is not glibc.

    Returns:
        Whether glibc accepted both settings.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    limit = min(limit_bytes, 2**31 - 1)
    accepted = [mallopt(name, limit) == 1 for name in (_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD)]
    return all(accepted)
