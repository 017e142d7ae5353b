"""Keeps the history of problems and the mutes of this node, and adds them to snapshots."""

from __future__ import annotations

import logging
import os
import time
from typing import Iterable, Optional, Tuple

from ganeti_gluster_mon import atomic_file, history, mutes
from ganeti_gluster_mon.daemon.log import log_event
from ganeti_gluster_mon.mutes import Mute, Mutes
from ganeti_gluster_mon.snapshot import Snapshot

#: seconds after which the samples of heal backlogs are written, if nothing else changed
_WRITE_EVERY = 60.0


class Annotations:
    """The history and the mutes of this node, in the state directory; for one thread at a time."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._path = os.path.join(directory, history.FILE)
        self._history = history.read(self._path)
        self._written, self._written_at = self._history, time.monotonic()
        self._mutes = mutes.NONE
        self._stamp: Optional[Tuple[int, ...]] = None
        self._error = ""
        self.refresh()

    @property
    def mutes(self) -> Mutes:
        """All mutes that this node knows."""
        return self._mutes

    def refresh(self) -> bool:
        """Read the mutes again if their file changed; returns whether they are others than before."""
        try:
            status = os.stat(os.path.join(self._directory, mutes.FILE), follow_symlinks=False)
            stamp: Optional[Tuple[int, ...]] = (status.st_ino, status.st_mtime_ns, status.st_size)
        except OSError:
            stamp = None
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        # What another node sent stays known, also where the file cannot be written.
        before, known = self._mutes, mutes.read(self._directory)
        self._mutes = before.merged(known.entries.values(), time.time())
        return self._mutes != before

    def merge(self, added: Iterable[Mute]) -> bool:
        """Take entries of another node; returns whether one of them was new."""
        before = self._mutes
        self._mutes = before.merged(added, time.time())
        if self._mutes == before:
            return False
        try:
            mutes.add(list(self._mutes.entries.values()), self._directory)
        except OSError as err:
            self._failed("cannot keep the mutes", err)
        return True

    def apply(self, found: Snapshot) -> Snapshot:
        """Add *found* to the history, and return it with the history and the mutes."""
        self._history = self._history.after(found.pool, found.health, found.now / 1e9)
        self._keep()
        return found.annotated(self._history, self._mutes)

    def _keep(self) -> None:
        waited = time.monotonic() - self._written_at
        known, written = self._history, self._written
        if known.since == written.since:
            same = known.healing == written.healing and known.stuck == written.stuck
            if same or waited < _WRITE_EVERY:
                return
        self._written, self._written_at = self._history, time.monotonic()
        try:
            atomic_file.write(self._path, history.encode(self._history))
        except OSError as err:
            self._failed("cannot keep since when problems exist", err)
        else:
            self._error = ""

    def _failed(self, what: str, err: OSError) -> None:
        if self._error != str(err):
            log_event(logging.WARNING, what, {"why": err})
        self._error = str(err)
