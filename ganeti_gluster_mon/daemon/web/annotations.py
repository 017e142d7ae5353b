"""Keeps the history of problems and volumes and the mutes of this node, and adds them to snapshots."""

from __future__ import annotations

import logging
import math
import os
import time
from typing import Dict, Iterable, Optional, Tuple

from ganeti_gluster_mon import atomic_file, history, mutes, volume_history
from ganeti_gluster_mon.daemon.log import log_event
from ganeti_gluster_mon.mutes import Mute, Mutes
from ganeti_gluster_mon.snapshot import Snapshot
from ganeti_gluster_mon.volume_history import DamagedHistory, VolumeHistory

#: seconds after which the samples of heal backlogs are written, if nothing else changed; and the history of volumes
_WRITE_EVERY = 60.0
#: events of the log
_CANNOT_KEEP = "cannot keep since when problems exist"
_CANNOT_KEEP_VOLUMES = "cannot keep the history of volumes"


class Annotations:
    """The history and the mutes of this node, in the state directory; for one thread at a time."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._path = os.path.join(directory, history.FILE)
        self._history = history.read(self._path)
        self._written, self._written_at = self._history, time.monotonic()
        self._volumes_path = os.path.join(directory, volume_history.FILE)
        self._volumes = self._read_volumes()
        self._volumes_written, self._volumes_written_at = self._volumes, -math.inf
        self._mutes = mutes.NONE
        self._stamp: Optional[Tuple[int, ...]] = None
        #: by what failed, the error that was logged last
        self._errors: Dict[str, str] = {}
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
        self._volumes = self._volumes.after(found.pool, found.health, found.now / 1e9)
        self._keep_volumes()
        return found.annotated(self._history, self._mutes)

    def volume_letters(self, now: int) -> Dict[str, str]:
        """By volume, the letters of its status in the last 24 hours at *now* (ns since the epoch)."""
        return self._volumes.at(now / 1e9)

    def _read_volumes(self) -> VolumeHistory:
        try:
            return volume_history.read(self._volumes_path)
        except DamagedHistory as err:
            log_event(logging.WARNING, "volume history ignored", {"file": self._volumes_path, "why": err})
            return VolumeHistory()

    def _keep_volumes(self) -> None:
        waited = time.monotonic() - self._volumes_written_at
        if self._volumes == self._volumes_written or waited < _WRITE_EVERY:
            return
        self._volumes_written, self._volumes_written_at = self._volumes, time.monotonic()
        try:
            atomic_file.write(self._volumes_path, volume_history.encode(self._volumes))
        except OSError as err:
            self._failed(_CANNOT_KEEP_VOLUMES, err)
        else:
            self._errors.pop(_CANNOT_KEEP_VOLUMES, None)

    def _keep(self) -> None:
        waited = time.monotonic() - self._written_at
        known, written = self._history, self._written
        if known.since == written.since:
            same = (known.healing, known.stuck, known.rebalances) == (
                written.healing,
                written.stuck,
                written.rebalances,
            )
            if same or waited < _WRITE_EVERY:
                return
        self._written, self._written_at = self._history, time.monotonic()
        try:
            atomic_file.write(self._path, history.encode(self._history))
        except OSError as err:
            self._failed(_CANNOT_KEEP, err)
        else:
            self._errors.pop(_CANNOT_KEEP, None)

    def _failed(self, what: str, err: OSError) -> None:
        if self._errors.get(what) != str(err):
            log_event(logging.WARNING, what, {"why": err})
        self._errors[what] = str(err)
