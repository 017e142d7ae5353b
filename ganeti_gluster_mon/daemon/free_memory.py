"""Returns memory that was freed to the kernel.

glibc keeps what was freed between objects that live on.  Reading and rendering a large pool takes several times what
is kept of it, so that a process would stay as large as it once was.
"""

from __future__ import annotations

import ctypes

_LIBC = ctypes.CDLL(None)
_trim = getattr(_LIBC, "malloc_trim", None)
_mallopt = getattr(_LIBC, "mallopt", None)
#: of <malloc.h>
_M_ARENA_MAX = -8


def use_one_heap() -> None:
    """Have all threads that start later allocate from one heap (mallopt(3)): each heap keeps free memory of its own.

    Threads of Python seldom allocate at the same time.  A C library without that function decides for itself.
    """
    if _mallopt is not None:
        _mallopt(_M_ARENA_MAX, 1)


def return_free_memory() -> None:
    """Return free memory to the kernel, of all threads (malloc_trim(3)); a few milliseconds.

    A C library without that function decides for itself.
    """
    if _trim is not None:
        _trim(0)
