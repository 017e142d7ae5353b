"""Loop devices made in a host. They are the machine's, and would outlive the host whose file they stand on.

So what ends a host detaches them. Where no process is left to do so, the creator of the lab having been killed by
SIGKILL, they stay until an administrator does: nothing shows any more whose they were.

The filesystem of its file knows what a device stands on. That of a Gluster volume answers late or never when a
cable is pulled, as it is before a host is ended, so devices there are not queried; with their host the filesystem
dies, and then each reports at once that it is dead.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Dict, List, Set

from tests.lab.process import PROC
from tests.lab.tools import PATH

#: where Ganeti's nodes mount volumes
VOLUMES = "/run/ganeti/gluster"
#: linux/loop.h: its answer begins with the device number of the file's filesystem
_GET_STATUS64, _STATUS_SIZE = 0x4C05, 232


def files() -> Dict[str, str]:
    """The loop devices of the machine that stand on a file, and how the kernel calls it. No filesystem is queried."""
    found = {}
    for backing in Path("/sys/block").glob("loop*/loop/backing_file"):
        with suppress(OSError):  # let go while we looked
            found[f"/dev/{backing.parts[3]}"] = backing.read_text().rstrip("\n")
    return found


def filesystem(device: str) -> str:
    """The filesystem that *device* stands on, as MAJOR:MINOR. Raises OSError, ENOTCONN where it is dead."""
    descriptor = os.open(device, os.O_RDONLY | os.O_CLOEXEC)
    try:
        status = fcntl.ioctl(descriptor, _GET_STATUS64, bytes(_STATUS_SIZE))
    finally:
        os.close(descriptor)
    (number,) = struct.unpack_from("=Q", status)
    return f"{os.major(number)}:{os.minor(number)}"


def standing_in(pid: int, volumes: bool = False) -> List[str]:
    """The loop devices on files of file systems that only the mount namespace of *pid* has.

    Volumes are left out, or are all, where *volumes* is set; they have to answer then.
    """
    try:
        own = _devices(str(pid)) - _devices("self")
    except OSError as error:
        # EINVAL: it is just ending, and has left its mount namespace
        if error.errno not in (errno.ENOENT, errno.ESRCH, errno.EINVAL):
            raise
        return []  # it ended meanwhile, and its mounts with it
    if not own:
        return []  # a switch, or a host that was ended before it had any
    found = []
    for device, file in files().items():
        if file.startswith(VOLUMES) == volumes:
            with suppress(OSError):  # let go while we looked
                if filesystem(device) in own:
                    found.append(device)
    return found


def dead() -> List[str]:
    """The loop devices on file systems whose process has ended, FUSE being what it is: no process can use them."""
    found = []
    for device, file in files().items():
        if not file.startswith(VOLUMES):  # which it does as long as there is the host to see it there
            try:
                filesystem(device)
            except OSError as error:
                if error.errno == errno.ENOTCONN:
                    found.append(device)
    return found


def _devices(pid: str) -> Set[str]:
    """The devices of the file systems that a process sees, as MAJOR:MINOR: proc(5)."""
    return {line.split()[2] for line in (PROC / pid / "mountinfo").read_text().splitlines()}


def release(devices: List[str]) -> None:
    """Let go of them, or as soon as no process has them open any more."""
    for device in devices:
        subprocess.run(["losetup", "--detach", device], env={"PATH": PATH}, check=False, timeout=10)
