"""Follows Gluster's logs while a cycle runs, in a thread: a filesystem that hangs does not hang the poller."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import Iterable, Optional, Tuple

from ganeti_gluster_mon.gluster.log_directory import LOG_DIRECTORY, directory_size
from ganeti_gluster_mon.gluster.log_messages import LogReport
from ganeti_gluster_mon.gluster.log_reader import LogReader

#: seconds that a cycle waits for the thread when all else is known
REPORT_TIMEOUT = 0.2
#: seconds for which the size of the directory is kept
_SIZE_INTERVAL = 60.0


class LogCounter:
    """The messages in the logs of this node since the start."""

    def __init__(self, directory: str = LOG_DIRECTORY) -> None:
        self._directory = directory
        self._reader = LogReader(directory)
        self._thread: Optional[threading.Thread] = None
        self._report: Optional[LogReport] = None
        self._size: Optional[int] = None
        self._size_until = 0.0

    def start(self, mount_paths: Iterable[str]) -> None:
        """Begin to read on, unless an earlier start has not ended; *mount_paths*: where volumes are mounted."""
        if self._thread is None or not self._thread.is_alive():
            arguments = (tuple(mount_paths),)
            self._thread = threading.Thread(target=self._read, args=arguments, name="logs", daemon=True)
            self._thread.start()

    def report(self, timeout: float = REPORT_TIMEOUT) -> Optional[LogReport]:
        """What is known by now, at most *timeout* seconds later; None: nothing yet."""
        if self._thread is not None:
            self._thread.join(timeout)
        return self._report

    def _read(self, mount_paths: Tuple[str, ...]) -> None:
        if time.monotonic() >= self._size_until:
            self._size = directory_size(self._directory)
            self._size_until = time.monotonic() + _SIZE_INTERVAL
        self._report = replace(self._reader.read(mount_paths), directory_size=self._size)
