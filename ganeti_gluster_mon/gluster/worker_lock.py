"""A lock on a file that a worker process holds until it ends, and how long that worker has been running.

The lock is flock(2) on a descriptor that the worker inherits, so the kernel releases it when the worker ends.  The
file names the worker, in one line: ``PID STARTTIME``.  STARTTIME is field 22 of /proc/PID/stat in proc(5), in clock
ticks since boot.

The parent writes that line a moment after it has taken the lock.  Until then the file still names the previous worker,
so a reader has to see whether the named process still runs before it believes the line.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from contextlib import suppress
from typing import Optional, Tuple

from ganeti_gluster_mon import safe_open

_RECORD = re.compile(rb"([1-9][0-9]{0,9}) ([0-9]{1,20})\n")
#: linux/sched.h: the process is ending; the kernel sets this before it closes the process's descriptors
_PF_EXITING = 0x4
#: positions in /proc/PID/stat after the name, which is field 2: state (3), flags (9), start time (22)
_STATE, _FLAGS, _START_TIME = 0, 6, 19


def acquire(path: str) -> Optional[int]:
    """A descriptor of *path* with the lock; None if another process has the lock.  Raises OSError."""
    lock = safe_open.lock_file(path)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    except BaseException:
        os.close(lock)
        raise
    return lock


def record(lock: int, pid: int) -> None:
    """Write that the process *pid*, which has inherited the descriptor *lock*, is the worker.

    If that cannot be written (there is no space left), the age of the worker is not known: a process that finds it
    locked waits for its whole timeout.
    """
    start_time = _start_time(pid)
    with suppress(OSError):
        os.ftruncate(lock, 0)
        if start_time is not None:  # else it has ended already
            os.pwrite(lock, b"%d %d\n" % (pid, start_time), 0)


def worker_age(path: str) -> Optional[float]:
    """How many seconds ago the worker that holds the lock of *path* was started; None if that is not known.

    It is the time since boot that counts, so setting the clock changes nothing.
    """
    try:
        with open(path, "rb", opener=safe_open.opener) as file:
            found = _RECORD.fullmatch(file.read(64))
    except OSError:
        return None
    if found is None or _start_time(int(found[1])) != int(found[2]):
        return None
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - int(found[2]) / os.sysconf("SC_CLK_TCK")
    return max(0.0, age)


def _start_time(pid: int) -> Optional[int]:
    """The start time of a process in clock ticks since boot; None if there is no such process, or it is ending."""
    fields = _stat(pid)
    if fields is None or fields[_STATE] in ("Z", "X") or int(fields[_FLAGS]) & _PF_EXITING:
        return None
    return int(fields[_START_TIME])


def _stat(pid: int) -> Optional[Tuple[str, ...]]:
    with suppress(OSError), open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        return tuple(file.read().rpartition(")")[2].split())
    return None
