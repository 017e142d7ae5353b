"""The capture of one cycle, as it is kept for the next."""

from __future__ import annotations

import pickle
import zlib
from typing import Optional, Tuple

from ganeti_gluster_mon.gluster import status_query
from ganeti_gluster_mon.gluster.capture import Capture
from ganeti_gluster_mon.gluster.model import Process

#: zlib's level; the answers about 1,000 bricks, 2 MB, are 77 kB by 1, in 4 ms
_LEVEL = 1


class KeptCapture:
    """A capture, compressed: it is needed a few times in an interval, and its answers are large.

    It never leaves this process, so pickle reads only what pickle wrote here.
    """

    def __init__(self) -> None:
        self._compressed: Optional[bytes] = None

    @property
    def capture(self) -> Optional[Capture]:
        """The capture that was kept last, without profiles; each time another object.  None: there was none."""
        if self._compressed is None:
            return None
        kept: Capture = pickle.loads(zlib.decompress(self._compressed))  # noqa: S301
        return kept

    @capture.setter
    def capture(self, capture: Capture) -> None:
        self._compressed = zlib.compress(pickle.dumps(status_query.without_profiles(capture)), _LEVEL)

    @property
    def processes(self) -> Optional[Tuple[Process, ...]]:
        """This node's Gluster processes; None: they are not known."""
        kept = self.capture
        return None if kept is None else kept.processes
