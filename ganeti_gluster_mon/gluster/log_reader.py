"""Follows Gluster's logs: reads what was written to each since the last time, within bounds.

A log is rotated in two ways.  It is renamed to ``NAME.1`` and a new one is begun: then it has another inode.  Or it is
copied to ``NAME.1`` and cut to nothing (`copytruncate`, as Debian's logrotate does): then it is shorter than before, or
has other bytes where this program stopped.  In both cases the rest of the old one is read from ``NAME.1``.
"""

from __future__ import annotations

import os
import stat
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import AbstractSet, Dict, Iterable, List, Optional, Tuple

from ganeti_gluster_mon import safe_open
from ganeti_gluster_mon.gluster.log_messages import ALWAYS, LogReport, count_levels, mount_logs, process_of

#: bytes of one log, and of all logs, that are read each time
MOST_OF_ONE, MOST_OF_ALL = 1 << 20, 8 << 20
#: logs that are followed
_MOST_LOGS = 5000
#: bytes before the position that are compared
_COMPARED = 64


@dataclass(frozen=True)
class _Position:
    """Where reading goes on."""

    inode: Tuple[int, int]
    offset: int
    #: the bytes before it
    before: bytes = b""


class LogReader:
    """Counts the messages in the logs below a directory from when it is first called on."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        #: by name of a log; None: it could not be read
        self._positions: Dict[str, Optional[_Position]] = {}
        self._is_first = True
        #: the log that was read last, and when, seconds since the epoch
        self._last, self._last_time = "", time.time()
        self._counts: Counter[Tuple[str, str]] = Counter()
        self._skipped: Counter[str] = Counter()

    def read(self, mount_paths: Iterable[str] = ()) -> LogReport:
        """Read on; the messages of all logs since the first call, which counts none.

        *mount_paths*: where volumes are mounted.
        """
        mounts = mount_logs(mount_paths)
        names = self._names()
        # Where the bytes of all do not suffice, the next call goes on with the log after the last one.
        names = [name for name in names if name > self._last] + [name for name in names if name <= self._last]
        began, left = time.time(), MOST_OF_ALL
        for name in names:
            if left > 0:
                left -= self._follow(name, process_of(name, mounts))
                self._last = name
        known = set(names)
        self._positions = {name: at for name, at in self._positions.items() if name in known}
        self._is_first, self._last_time = False, began
        return LogReport(dict(self._counts), dict(self._skipped))

    def _names(self) -> List[str]:
        """The logs, relative to the directory, in the order of their names."""
        found = _logs_in(self._directory, "")
        found += _logs_in(self._directory, "bricks/")
        for snapshots in _entries(self._directory, "snaps/"):
            found += _logs_in(self._directory, f"snaps/{snapshots}/")
        return sorted(found)[:_MOST_LOGS]

    def _follow(self, name: str, process: Optional[str]) -> int:
        """Read on in the log *name*; returns the bytes read."""
        is_new = name not in self._positions
        at = self._positions.setdefault(name, None)
        try:
            descriptor = safe_open.opener(os.path.join(self._directory, name), os.O_RDONLY)
        except OSError:
            self._positions[name] = None
            return 0
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                return 0
            inode = (status.st_dev, status.st_ino)
            if process is None or self._is_first or (at is None and not is_new):
                # What it has so far is not counted: it is from before the start, or was not to be counted.
                self._positions[name] = _at(descriptor, inode, status.st_size)
                self._start(process)
                return 0
            self._start(process)
            read = 0
            if at is None or at.inode != inode or not _goes_on(descriptor, at, status.st_size):
                if at is not None:
                    read = self._read_rotated(f"{name}.1", process, at, inode)
                at = _Position(inode, 0)
            number, self._positions[name] = self._read_on(descriptor, process, at, status.st_size)
            return read + number
        except OSError:
            self._positions[name] = None
            return 0
        finally:
            os.close(descriptor)

    def _start(self, process: Optional[str]) -> None:
        """Report 0 for the levels that are always reported."""
        if process is not None:
            self._skipped[process] += 0
            for level in ALWAYS:
                self._counts[process, level] += 0

    def _read_rotated(self, name: str, process: str, at: _Position, new: Tuple[int, int]) -> int:
        """The rest of a log that was renamed or copied to *name*."""
        with suppress(OSError):
            descriptor = safe_open.opener(os.path.join(self._directory, name), os.O_RDONLY)
            try:
                status = os.fstat(descriptor)
                renamed = (status.st_dev, status.st_ino) == at.inode
                # A copy that was made since the last call; an older one is of an earlier log.
                copied = at.inode == new and status.st_ctime >= self._last_time
                is_file = stat.S_ISREG(status.st_mode)
                if is_file and (renamed or copied) and _goes_on(descriptor, at, status.st_size):
                    return self._read_on(descriptor, process, at, status.st_size)[0]
            finally:
                os.close(descriptor)
        return 0

    def _read_on(
        self, descriptor: int, process: str, at: _Position, size: int
    ) -> Tuple[int, Optional[_Position]]:
        """Count the whole lines after *at*; returns the bytes read, and where to go on."""
        start = max(at.offset, size - MOST_OF_ONE)
        skipped = start - at.offset
        text = os.pread(descriptor, min(MOST_OF_ONE, size - start), start)
        end = text.rfind(b"\n") + 1
        if not end and len(text) == MOST_OF_ONE:
            # a line without an end
            end, skipped = len(text), skipped + len(text)
        for level, number in count_levels(text[:end]).items():
            self._counts[process, level] += number
        self._skipped[process] += skipped
        return len(text), _at(descriptor, at.inode, start + end)


def _at(descriptor: int, inode: Tuple[int, int], offset: int) -> _Position:
    begin = max(0, offset - _COMPARED)
    return _Position(inode, offset, os.pread(descriptor, offset - begin, begin))


def _goes_on(descriptor: int, at: _Position, size: int) -> bool:
    """Whether the file has before the position *at* what it had."""
    begin = at.offset - len(at.before)
    return size >= at.offset and os.pread(descriptor, len(at.before), begin) == at.before


def _logs_in(directory: str, folder: str) -> List[str]:
    return [folder + name for name in _entries(directory, folder) if name.endswith(".log")]


def _entries(directory: str, folder: str) -> AbstractSet[str]:
    try:
        with os.scandir(os.path.join(directory, folder)) as entries:
            return {entry.name for _, entry in zip(range(2 * _MOST_LOGS), entries)}
    except OSError:
        return frozenset()
