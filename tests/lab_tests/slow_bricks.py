"""A volume whose bricks take their time to write: data that is acknowledged and not yet on a brick is then visible."""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from typing import Iterator

from tests.lab import Pool

#: microseconds that a brick waits before each write
DELAY = 100_000


@contextmanager
def slow_volume(pool: Pool, name: str) -> Iterator[str]:
    """A replica of three named *name*, started; gives the directory of its brick, the same on each host.

    Each brick waits for DELAY before each write.  Gluster's own translator debug/delay-gen does that;
    ``gluster volume set help`` does not list its options.
    """
    directory = f"/export/b2/{name}-{uuid.uuid4().hex[:8]}"
    options = {
        "debug.delay-gen": "posix",
        "delay-gen.enable": "WRITE",
        "delay-gen.delay-percentage": "100",
        "delay-gen.delay-duration": str(DELAY),
    }
    pool.create_volume(name, pool.bricks(directory), replica=3, options=options)
    try:
        yield directory
    finally:
        pool.delete_volume(name)
