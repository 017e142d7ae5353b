"""A disk as a block device for a while: a loop device on its file, over the mount of its volume.

Ganeti attaches a disk whenever it looks at it, and does not always say when it has done.  So a disk is lent:
a process, the keeper, has the loop device open and the mount in use until it need not be so any more, and the kernel
undoes the device when the last process closes it.  Whichever process is killed, at whatever moment, there is
no device left that nobody has open.
"""

from __future__ import annotations

import os
import select
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Callable, Optional

from ganeti_gluster_mon.backend import guests, loop
from ganeti_gluster_mon.backend.filedevice import FileDeviceHelper
from ganeti_gluster_mon.backend.volume import GlusterVolume

#: what ps calls a keeper, by whom it waits for, the caller's end or a guest; the kernel takes 15 characters
FOR_CALLER, FOR_GUEST = "gluster-keeper", "gluster-keeper+"
#: seconds that a disk is lent for to a caller whose end cannot be seen: one outside of this container
_UNSEEN = 60.0
#: seconds from one look for a guest to the next
_LOOK = 1.0
#: seconds in which a mount that is free should be seen as free, and how long a keeper tries to unmount it
SETTLED, _LONGEST = 5.0, 12 * 3600.0
#: seconds, the first and the longest, from one try to the next
_PAUSE, _PAUSES = 0.02, 2.0


@dataclass(frozen=True)
class Term:
    """How long a disk is lent for."""

    #: what its keeper is called: FOR_CALLER or FOR_GUEST
    keeper: str
    #: returns when it is over
    wait: Callable[[], None]


def lend(volume: GlusterVolume, path: str, term: Term) -> str:
    """A block device that is the disk *path* of *volume*, there until *term* is over; by a process of its own.

    One that is there already is given; if it was made to stay it stays.  Raises DiskError.
    """
    keeper = False
    try:
        with volume.mounted() as root:
            with FileDeviceHelper(root, path).opened(os.O_RDWR) as file:
                device, descriptor = loop.lend(file, os.path.join(root, path))
            try:
                if not (loop.is_lasting(descriptor) or _waits_for_guest(device)):
                    keeper = os.fork() == 0
                if keeper:
                    _become(term.keeper)
                    term.wait()
            finally:
                os.close(descriptor)
        if keeper:
            settle(volume, _LONGEST)
    finally:
        if keeper:
            os._exit(0)
    return device


def _waits_for_guest(device: str) -> bool:
    """Whether there is a keeper already who will not end before whoever asks."""
    return any(name == FOR_GUEST for _, name in loop.users(device))


def _become(name: str) -> None:
    """Be a keeper: of no session, and hold on to nothing of whoever waits for the script to end."""
    os.setsid()
    with open("/proc/self/comm", "w", encoding="ascii") as file:
        file.write(name)
    os.chdir("/")
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    os.close(nothing)


def until_end_of(process: Optional[int]) -> Term:
    """Wait for the end of *process*, a pidfd; None: of one that cannot be seen."""

    def wait() -> None:
        select.select([] if process is None else [process], [], [], _UNSEEN if process is None else None)

    return Term(FOR_CALLER, wait)


def until_guest_has(uri: str) -> Term:
    """Wait until a guest has opened the disk *uri* by itself."""

    def wait() -> None:
        while not guests.has_open(uri):
            time.sleep(_LOOK)

    return Term(FOR_GUEST, wait)


def end_all(device: str) -> None:
    """End the keepers of *device*."""
    for pid, name in loop.users(device):
        if name in (FOR_CALLER, FOR_GUEST):
            with suppress(ProcessLookupError):
                process = os.pidfd_open(pid)
                try:
                    signal.pidfd_send_signal(process, signal.SIGTERM)
                    select.select([process], [], [], SETTLED)
                finally:
                    os.close(process)


def settle(volume: GlusterVolume, patience: float = SETTLED) -> None:
    """Have *volume* unmounted if nobody needs it, and no idle device; try for *patience* seconds while it is busy.

    The kernel lets go of a device's file a moment after the device.
    """
    until, pause = time.monotonic() + patience, _PAUSE
    while not volume.tidy() and not volume.is_needed() and time.monotonic() < until:
        time.sleep(pause)
        pause = min(2 * pause, _PAUSES)
    loop.sweep()
