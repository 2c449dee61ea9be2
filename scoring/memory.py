"""Lets what a process holds stay the same, however much passes through it.

Left to itself, glibc keeps freed blocks in a pool per thread, and Arrow in one of its own: a run over 300 MB reached
438 MiB that way, and one over 1 GB takes 360 with what is here. Where the C library is another, its own ways stay.
"""

import ctypes
import sys
from typing import Any

import pyarrow as pa

# Of glibc's malloc.h.
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8

# Blocks of a transfer go back when they are freed. At 1 MiB less is held, at twice the time in the kernel.
_APART_BYTES = 4 << 20
_ARENAS = 2

_C: Any = ctypes.CDLL(None) if sys.platform == "linux" else None


def keep_little() -> None:
    """From now on, let threads share two pools, and large blocks go when they are freed. Harmless twice.

    A flow's module calls it when it is imported, so that it holds under any worker.
    """
    if hasattr(_C, "mallopt"):
        _C.mallopt(_M_ARENA_MAX, _ARENAS)
        _C.mallopt(_M_MMAP_THRESHOLD, _APART_BYTES)


def give_back() -> None:
    """Return what was freed, where much was used that will not be needed again."""
    pa.default_memory_pool().release_unused()
    if hasattr(_C, "malloc_trim"):
        _C.malloc_trim(0)
