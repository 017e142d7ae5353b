"""The capture of one cycle, as it is kept for the next."""

from __future__ import annotations

from typing import Optional, Tuple

from ganeti_gluster_mon.daemon.compressed import Compressed
from ganeti_gluster_mon.gluster import status_query
from ganeti_gluster_mon.gluster.capture import Capture
from ganeti_gluster_mon.gluster.model import Process


class KeptCapture:
    """The capture of the cycle before, compressed."""

    def __init__(self) -> None:
        self._compressed: Optional[Compressed[Capture]] = None
        #: this node's Gluster processes in it; None: they are not known
        self.processes: Optional[Tuple[Process, ...]] = None

    @property
    def capture(self) -> Optional[Capture]:
        """The capture that was kept last, without profiles; each time another object.  None: there was none."""
        return None if self._compressed is None else self._compressed.load()

    @capture.setter
    def capture(self, capture: Capture) -> None:
        self.processes = capture.processes
        self._compressed = Compressed(status_query.without_profiles(capture))
