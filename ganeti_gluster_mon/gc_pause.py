"""Keeps Python's garbage collector from running while many objects that live on are made.

The collector looks at all objects each time so many more have been made.  While the model of a large pool grows it
finds nothing to free, again and again, and takes longer each time: with 24,000 bricks a third of the time.  Objects
without references to each other in a cycle are freed all the same, at once.
"""

from __future__ import annotations

import gc
import threading
from contextlib import contextmanager
from typing import Iterator

_lock = threading.Lock()
#: calls of `collection_paused` that have not ended, in all threads, and whether the collector ran before the first
_paused = 0
_was_enabled = False


@contextmanager
def collection_paused() -> Iterator[None]:
    """No garbage collection, in any thread, until the block has ended.

    The block has to be short and may leave no cycles of references behind, which would stay in memory meanwhile.
    """
    global _paused, _was_enabled
    with _lock:
        if not _paused:
            _was_enabled = gc.isenabled()
            gc.disable()
        _paused += 1
    try:
        yield
    finally:
        with _lock:
            _paused -= 1
            if not _paused and _was_enabled:
                gc.enable()
