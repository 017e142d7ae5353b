"""A Gluster volume as a place for disks: where it is mounted, who uses the mount, how QEMU names what is in it.

Each volume has a mount point of its own next to the directory that Ganeti has for Gluster
(gluster-storage-dir): ``/var/run/ganeti/gluster.d/gv0@127.0.0.1:24007``.  A volume that is mounted at that
directory itself, as Ganeti's own class does it, is used there.  So is one that was mounted from another server of the
same pool: it is the volume that counts, not the name in the parameter ``host`` (same_volume.py).

A mount is used by processes for a moment (`GlusterVolume.mounted`), or by a disk for as long as it is in use, over the
ends of processes (`hold`, `release`).  The last one that releases it unmounts it.  All that changes a mount is done
under one lock for each mount point, so that any number of processes can do it at once (mount_users.py).
"""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager
from typing import Dict, Iterator, List, Optional, Sequence, Tuple
from urllib.parse import quote

from ganeti_gluster_mon.backend import dead_mount, mount_users, unsynced
from ganeti_gluster_mon.backend.directory import Directory, resolved
from ganeti_gluster_mon.backend.disk_error import VolumeError
from ganeti_gluster_mon.backend.mount import (
    UnmountResult,
    VolumeMount,
    mount_at,
    mounts_of,
    unresolvable,
    unresolvable_error,
)
from ganeti_gluster_mon.backend.mount_users import MountUsers
from ganeti_gluster_mon.backend.same_volume import is_same
from ganeti_gluster_mon.backend.server_address import PORT, checked_host, checked_port, is_socket
from ganeti_gluster_mon.gluster import model
from ganeti_gluster_mon.gluster.query import VOLUME_NAME

__all__ = ["DIRECTORY", "PORT", "GlusterVolume", "UnmountResult", "VolumeError"]

#: Ganeti's directory for Gluster, unless the cluster has another
DIRECTORY = "/var/run/ganeti/gluster"
#: seconds in which a mount has to answer: a brick that hangs is given up by Gluster's client after 42 s
#: (network.ping-timeout), and then the others answer
TIMEOUT = 50.0


class GlusterVolume:
    """The volume *volume* as the glusterd at *server_addr* and *port* serves it."""

    def __init__(
        self,
        server_addr: str,
        port: object,
        volume: str,
        backup_servers: Sequence[str] = (),
        directory: str = DIRECTORY,
        uses: str = mount_users.DIRECTORY,
        mount_timeout: float = TIMEOUT,
    ) -> None:
        """*server_addr*: a name, an address, or the absolute path of a socket (transport unix).

        *volume*: its name; a slash before it is ignored, as Ganeti's own class takes ``/gv0``.
        *backup_servers*: queried in turn for the volume's layout when that one does not answer.
        *directory*: Ganeti's for Gluster; *uses*: where it is recorded who uses a mount.
        *mount_timeout*: seconds in which its mount has to answer.
        Raises VolumeError for what cannot be a name, an address or a port.
        """
        name = volume[1:] if volume.startswith("/") else volume
        if not VOLUME_NAME.match(name):
            raise VolumeError(
                f"{volume[:60]!r} cannot be the name of a Gluster volume: letters, digits, - and _ only"
            )
        self.volume = name
        self.server_addr = checked_host(server_addr, name)
        self.port = checked_port(port, name)
        self.backup_servers = tuple(checked_host(each, name) for each in backup_servers)
        if len(self._servers) > 1 and any(map(is_socket, self._servers)):
            # glusterfs tries no second server after a socket, and takes a later one for a host.
            raise VolumeError(
                f"volume {name}: with a socket there can be no other server: {', '.join(self._servers)}"
            )
        if not os.path.isabs(directory):
            raise VolumeError(
                f"volume {name}: the directory for mounts, {directory!r}, is not an absolute path"
            )
        self.directory = os.path.normpath(directory)
        self.uses = uses
        self.mount_timeout = mount_timeout
        self._same: Dict[model.Mount, bool] = {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GlusterVolume) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __repr__(self) -> str:
        return f'GlusterVolume("{self.server_addr}", {self.port}, "{self.volume}")'

    @property
    def _key(self) -> Tuple[str, int, str]:
        return (self.server_addr, self.port, self.volume)

    @property
    def _servers(self) -> Tuple[str, ...]:
        return (self.server_addr, *self.backup_servers)

    @property
    def transport(self) -> str:
        """ "unix" where the server is a socket, else "tcp"."""
        return "unix" if is_socket(self.server_addr) else "tcp"

    def check_server(self) -> None:
        """Raises VolumeError if the first server, which QEMU gets, is a name that cannot be resolved."""
        unknown = unresolvable([self.server_addr])
        if unknown:
            raise unresolvable_error(self.volume, unknown)

    # --- QEMU ------------------------------------------------------------------------------------

    def GetKVMMountString(self, path: str) -> str:
        """The URI of the file *path* of the volume for QEMU, with host and port, as Ganeti 3.1 wants it, too.

        QEMU 7.2 hands brackets around an IPv6 address on to Gluster, which takes them for a part of a name; escaped
        colons it understands.  A comma would end QEMU's option.
        """
        file = quote(path, safe="/._-~:@+")
        if self.transport == "unix":
            return f"gluster+unix:///{self.volume}/{file}?socket={quote(self.server_addr, safe='/._-')}"
        return f"gluster://{quote(self.server_addr, safe='')}:{self.port}/{self.volume}/{file}"

    # --- where it is mounted ---------------------------------------------------------------------

    @property
    def own_mount_point(self) -> str:
        """Where it is mounted unless it already is elsewhere."""
        server = quote(self.server_addr, safe=":")
        return f"{self._prefix}{server}:{self.port}"

    @property
    def _prefix(self) -> str:
        """How the mount points of all volumes of this name begin."""
        return f"{resolved(self.directory)}.d/{self.volume}@"

    @property
    def mount_point(self) -> str:
        """Where it is mounted, or would be."""
        return self._choose().path

    def path_of(self, holder: str) -> str:
        """Where it is mounted for *holder*; if *holder* does not hold it, as `mount_point`."""
        for point in self._points():
            if point.users.has(holder) and mount_at(point.path) is not None:
                return point.path
        return self.mount_point

    def is_mounted(self) -> bool:
        """Whether it is mounted at its mount point."""
        return self._choose().current() is not None

    @property
    def device_number(self) -> Optional[str]:
        """MAJOR:MINOR of the mounted filesystem, by the kernel's own table; None where it is not mounted."""
        mount = self._choose().current()
        return None if mount is None else mount.device_number

    def mounts(self) -> List[model.Mount]:
        """The mounts at Ganeti's directory and next to it that are of volumes of this name, in whatever pool.

        A disk's name is unique over all pools: so a file that has it, on any of these mounts, is that disk.
        """
        real = resolved(self.directory)
        found = mounts_of(self.volume)
        return [mount for mount in found if mount.path == real or mount.path.startswith(self._prefix)]

    def _at(self, path: str) -> VolumeMount:
        return VolumeMount(
            path,
            self.volume,
            self._servers,
            self.port,
            MountUsers(path, self.volume, self.uses),
            self.mount_timeout,
            self._is_same,
            path.startswith(self._prefix),
        )

    def _is_same(self, mount: model.Mount) -> bool:
        if mount not in self._same:
            self._same[mount] = is_same(mount, self.volume, self._servers, self.port)
        return self._same[mount]

    def _choose(self) -> VolumeMount:
        """The mount point where it is mounted; its own if it is not mounted."""
        own = self.own_mount_point
        paths = [resolved(self.directory), own, *sorted(each.path for each in self.mounts())]
        for path in dict.fromkeys(paths):
            point = self._at(path)
            if point.current() is not None:
                return point
        return self._at(own)

    def _points(self) -> List[VolumeMount]:
        """All mount points of volumes of this name that are or were in use on this node; its own is the first."""
        known = [path for path in mount_users.mount_points_known(self.uses) if path.startswith(self._prefix)]
        paths = [
            self.own_mount_point,
            *known,
            *(mount.path for mount in self.mounts()),
            resolved(self.directory),
        ]
        return [self._at(path) for path in dict.fromkeys(paths)]

    @contextmanager
    def _mounted_point(self) -> Iterator[VolumeMount]:
        """Its mount point, mounted and locked.  Raises VolumeError.

        Where the block fails, the volume is unmounted unless it is in use.
        """
        while True:
            point = self._choose()
            with point.users.locked():
                # Another process may have unmounted it before this one got the lock.
                if point.path != self.own_mount_point and point.current() is None:
                    continue
                with point.unmounted_on_error():
                    point.mount()
                    yield point
                    return

    # --- who uses it -----------------------------------------------------------------------------

    def Mount(self) -> None:
        """Mount it, if it is not.  Raises VolumeError."""
        with self._mounted_point():
            pass

    def Unmount(self, lazy: bool = False) -> None:
        """Unmount it; *lazy*: even if it is in use or hangs, as soon as no process uses it.

        Raises VolumeError if it is not mounted, or cannot be unmounted.
        """
        point = self._choose()
        with point.users.locked():
            if point.current() is None:
                raise VolumeError(f"volume {self.volume} is not mounted at {point.path}")
            why = point.unmount(lazy)
            if why:
                raise VolumeError(f"volume {self.volume} cannot be unmounted from {point.path}: {why}")

    @contextmanager
    def mounted(self) -> Iterator[Directory]:
        """Mount the volume, and give its root directory, open, until the end of the block or of the process.

        The root directory is verified to be the mount of this volume, and stays it even if the mount point changes.
        The volume is unmounted afterwards, unless it is in use.  Raises VolumeError.
        """
        with self._mounted_point() as point:
            root = point.open_root()
            try:
                held = point.users.use()
            except BaseException:
                os.close(root.descriptor)
                raise
        try:
            yield root
        finally:
            os.close(root.descriptor)
            os.close(held)
            try:
                point.unmount_if_unused()
            except VolumeError as err:
                # What was done is done; the next use of the volume ends with this, too.
                logging.warning("%s", err)

    def hold(self, holder: str) -> str:
        """Have it mounted, at the path that is returned, until *holder* releases it or the host is rebooted.

        Raises VolumeError.
        """
        with self._mounted_point() as point:
            point.users.add(holder)
            return point.path

    def release(self, holder: str) -> None:
        """*holder* does not need it any more, from whatever server it was mounted; that it did not is no error.

        The volume is unmounted if it is not in use.  Raises VolumeError.
        """
        for point in self._points():
            if point.users.has(holder):
                with point.users.locked():
                    point.users.remove(holder)
                point.unmount_if_unused()
        self.unmount_if_unused()

    def holds(self, holder: str) -> bool:
        """Whether *holder* has it mounted, from whatever server."""
        return any(point.users.has(holder) for point in self._points())

    def keep(self) -> str:
        """Have it mounted, at the path that is returned, until this process ends.

        Another process has to call `unmount_if_unused` then.  Raises VolumeError.
        """
        with self._mounted_point() as point:
            # Never closed: the kernel does it when the process ends, in whatever way.
            point.users.use()
            return point.path

    def mark_unsynced(self, path: str, mount_point: str) -> None:
        """Record that the file *path* may be written to by the mount there: it is synced before the unmount.

        The caller has it mounted.  Raises DiskError.
        """
        unsynced.mark(self._at(mount_point).users.directory, path)

    def note_use(self, path: str, mount_point: str) -> None:
        """Note that a program may write to the file *path* by the mount there, see dead_mount.py.  Raises DiskError."""
        dead_mount.note_use(self._at(mount_point).users.directory, path)

    def may_be_unsynced(self, path: str) -> bool:
        """Whether data of the file *path* may be in a mount, and not yet on the bricks."""
        return any(
            unsynced.is_marked(point.users.directory, path)
            for point in self._points()
            if mount_at(point.path) is not None
        )

    def remove_dead(self) -> None:
        """Remove its mounts whose client has ended, see dead_mount.py.  Raises DiskError."""
        for point in self._points():
            point.remove_if_dead()

    def records(self) -> List[str]:
        """The directories with the files about the users of its mounts."""
        return [point.users.directory for point in self._points()]

    def is_held(self) -> bool:
        """Whether a disk in use has it mounted."""
        return any(point.users.is_held() for point in self._points())

    def is_needed(self) -> bool:
        """Whether it is in use at all, by a process for a moment or by a disk.  Raises VolumeError."""
        own = self.own_mount_point
        for point in self._points():
            if point.users.is_held():
                return True
            if mount_at(point.path) is not None:
                with point.users.locked(wait=point.path == own) as locked:
                    if not locked:
                        return True
                    with point.users.unused() as unused:
                        if not unused:
                            return True
        return False

    def unmount_if_unused(self) -> UnmountResult:
        """Unmount it unless it is in use, from whatever server it was mounted.

        A mount at Ganeti's own directory is left alone.  Raises VolumeError.
        """
        results = set()
        own = self.own_mount_point
        for point in self._points():
            # A volume of another pool may have the name: if it is hanging, this one does not wait for it.
            results.add(point.unmount_if_unused(wait=point.path == own))
        for result in (UnmountResult.BUSY, UnmountResult.IN_USE, UnmountResult.HELD):
            if result in results:
                return result
        return UnmountResult.DONE

    def unmount_when_idle(self) -> bool:
        """As `unmount_if_unused`; whether nothing is left that may be unmounted.  Raises VolumeError."""
        return self.unmount_if_unused() is UnmountResult.DONE

    def wait_until_unused(self) -> None:
        """Wait until no process uses one of its mounts for a moment."""
        for point in self._points():
            if mount_at(point.path) is not None:
                point.users.wait_until_unused()

    def statvfs(self) -> model.Mount:
        """Its mount with its space.  Raises VolumeError if it is not mounted or does not answer."""
        return self._choose().statvfs()
