"""The mounts of volumes on this node, and Gluster's version, queried while `gluster` loads its libraries."""

from __future__ import annotations

import threading
from typing import Optional, Sequence, Tuple

from ganeti_gluster_mon.gluster import mounts
from ganeti_gluster_mon.gluster.gluster_version import gluster_version
from ganeti_gluster_mon.gluster.model import Mount

#: seconds for statvfs on all mounts where a change is to be reported at once
URGENT_MOUNT_TIMEOUT = 0.5


class MountQuery(threading.Thread):
    """A thread that queries the mounts, and then the version of `gluster`."""

    def __init__(
        self,
        mount_timeout: float,
        version_timeout: float,
        gluster: str,
        previous: Optional[Sequence[Mount]] = None,
        test_writes: bool = False,
    ) -> None:
        """*mount_timeout*: seconds for statvfs on all mounts.  *version_timeout*: seconds for `gluster --version`.

        With *previous*, the mounts of the capture before, a mount gets URGENT_MOUNT_TIMEOUT only, and one that does
        not answer keeps what *previous* has of it.  *test_writes*: a file is written to each mount, else.
        """
        super().__init__(name="mounts", daemon=True)
        self._mount_timeout = mount_timeout
        self._version_timeout = version_timeout
        self._gluster = gluster
        self._previous = previous
        self._test_writes = test_writes
        self._error: Optional[BaseException] = None
        self._mounts: Tuple[Mount, ...] = ()
        self._gluster_version: Optional[str] = None
        #: the mounted devices, any of which may be under a brick; there when `result` is
        self.devices: Tuple[str, ...] = ()

    def run(self) -> None:
        try:
            with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
                mountinfo = file.read()
            self.devices = mounts.mounted_devices(mountinfo)
            found = mounts.fuse_mounts(mountinfo)
            if self._previous is None:
                self._mounts = mounts.statvfs(found, self._mount_timeout, test_writes=self._test_writes)
            else:
                current = mounts.statvfs(found, min(URGENT_MOUNT_TIMEOUT, self._mount_timeout))
                self._mounts = keep_known(current, self._previous)
            self._gluster_version = gluster_version(self._gluster, self._version_timeout)
        except BaseException as err:  # raised again in the thread that calls `result`
            self._error = err

    def result(self) -> Tuple[Tuple[Mount, ...], Optional[str]]:
        """The mounts, and Gluster's version, when both are there; both have deadlines."""
        self.join()
        if self._error is not None:
            raise self._error
        return self._mounts, self._gluster_version


def keep_known(current: Sequence[Mount], before: Sequence[Mount]) -> Tuple[Mount, ...]:
    """*current*; a mount without figures has those of *before*, if it is the same mount."""
    known = {(mount.path, mount.device_number, mount.volume): mount for mount in before}
    return tuple(
        mount if mount.answered else known.get((mount.path, mount.device_number, mount.volume), mount)
        for mount in current
    )
