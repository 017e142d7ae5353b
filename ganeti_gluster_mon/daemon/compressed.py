"""Values that are needed a few times in an interval, and are large: the answers about a thousand bricks take 2 MB."""

from __future__ import annotations

import pickle
import zlib
from typing import Generic, TypeVar

T = TypeVar("T")

#: zlib's level; the answers about 1,000 bricks are 77 kB by 1, in 4 ms
_LEVEL = 1


class Compressed(Generic[T]):
    """A value, compressed.  It never leaves this process, so pickle reads only what pickle wrote here."""

    def __init__(self, value: T) -> None:
        self._compressed = zlib.compress(pickle.dumps(value), _LEVEL)

    def load(self) -> T:
        """The value; each time another object."""
        value: T = pickle.loads(zlib.decompress(self._compressed))  # noqa: S301
        return value

    def __len__(self) -> int:
        """Its size in bytes."""
        return len(self._compressed)
