"""Whether a device holds data: ``disk_sample DEVICE`` prints one JSON object.

``size``     of the device, in bytes
``sampled``  how many bytes were read: the first and the last MiB, and blocks of 4 KiB at random offsets, one in each of
             equal parts of the rest
``nonzero``  the offset of a block that is not all zero, null where all are

It reads for ten seconds at most, and only reads.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from typing import Dict, Iterator, Optional, Tuple

_EDGE, _BLOCK, _PARTS = 1 << 20, 4096, 1024
_SECONDS = 10.0


def places(size: int) -> Iterator[Tuple[int, int]]:
    """Offset and length of what is read."""
    yield 0, min(size, _EDGE)
    yield max(0, size - _EDGE), min(size, _EDGE)
    inner = size - 2 * _EDGE
    for part in range(_PARTS if inner >= _BLOCK * _PARTS else 0):
        first, last = (_EDGE + inner * (part + end) // _PARTS for end in (0, 1))
        yield random.randrange(first, last - _BLOCK + 1) // 512 * 512, _BLOCK  # noqa: S311 (not for security)


def sample(device: str) -> Dict[str, Optional[int]]:
    """The object that is printed.  Raises OSError."""
    file = os.open(device, os.O_RDONLY | os.O_CLOEXEC)
    try:
        size = os.lseek(file, 0, os.SEEK_END)
        sampled, deadline = 0, time.monotonic() + _SECONDS
        for offset, length in places(size):
            block = os.pread(file, length, offset)
            sampled += len(block)
            if block.count(0) != len(block):
                return {"size": size, "sampled": sampled, "nonzero": offset}
            if time.monotonic() > deadline:
                break
        return {"size": size, "sampled": sampled, "nonzero": None}
    finally:
        os.close(file)


def main() -> None:
    """Print the object, or one line on standard error and end with 1."""
    try:
        print(json.dumps(sample(sys.argv[1])))
    except OSError as err:
        sys.exit(f"{sys.argv[1]}: {err.strerror}")


if __name__ == "__main__":
    main()
