"""Returns memory that was freed to the kernel.

glibc keeps what was freed between objects that live on.  Reading and rendering a large pool takes several times what
is kept of it, so that a process would stay as large as it once was.
"""

from __future__ import annotations

import ctypes

_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)


def return_free_memory() -> None:
    """Return free memory to the kernel, of all threads (malloc_trim(3)); a few milliseconds.

    A C library without that function decides for itself.
    """
    if _trim is not None:
        _trim(0)
