"""A mount point of a Gluster volume: mounting, unmounting, and the queries that show how the mount is."""

from __future__ import annotations

import enum
import errno
import logging
import os
import signal
import subprocess
from contextlib import contextmanager, suppress
from typing import Callable, Iterator, List, Optional, Sequence

from ganeti_gluster_mon.backend import dead_mount, same_volume, unsynced
from ganeti_gluster_mon.backend.directory import Directory, mount_id
from ganeti_gluster_mon.backend.disk_error import VolumeError
from ganeti_gluster_mon.backend.mount_users import MountUsers
from ganeti_gluster_mon.backend.server_address import is_name, is_socket, try_connect, with_port
from ganeti_gluster_mon.gluster import model, mounts

#: seconds for: mounting, unmounting
_MOUNT_TIMEOUT, _UNMOUNT_TIMEOUT = 60.0, 30.0
#: seconds for a killed process to end, which the kernel may keep as long as a mount hangs
_KILLED = 2.0
_MOUNTINFO = "/proc/self/mountinfo"
#: what glusterfs gets besides the server (docs/figures.md has what that gains).  Without the page cache of the kernel a
#: write is one request to the client; with it, one for the attribute security.capability precedes each write.
FUSE_OPTIONS = ("--process-name=fuse", "--direct-io-mode=enable", "--reader-thread-count=2")
#: what statvfs reports for a mount whose client has ended, or reaches no brick
_DEAD = os.strerror(errno.ENOTCONN)


class UnmountResult(enum.Enum):
    """What came of unmounting a volume that may be in use."""

    #: it is not mounted now, or only where another program mounted it, which is left alone
    DONE = "done"
    #: a disk in use needs it; it is unmounted when the last such disk is released
    HELD = "held"
    #: a process uses it for a moment
    IN_USE = "in use"
    #: the kernel reports that it is busy
    BUSY = "busy"


class VolumeMount:
    """The mount point *path* of *volume*, which *servers* serve on *port*."""

    def __init__(
        self,
        path: str,
        volume: str,
        servers: Sequence[str],
        port: int,
        users: MountUsers,
        timeout: float,
        accepts: Callable[[model.Mount], bool],
        is_own: bool,
    ) -> None:
        """*timeout*: seconds in which the mount has to answer.

        *accepts*: whether a mount of a volume of this name is of this volume.
        *is_own*: whether the mount point is ours to mount and unmount, and to remove.
        """
        self.path = path
        self.volume = volume
        self.servers = tuple(servers)
        self.port = port
        self.users = users
        self.timeout = timeout
        self._accepts = accepts
        self.is_own = is_own

    def current(self) -> Optional[model.Mount]:
        """The mount of this volume at this mount point, by the kernel's table; None if there is none."""
        for mount in _volume_mounts():
            if mount.path == self.path and mount.volume == self.volume and self._accepts(mount):
                return mount
        return None

    def mount(self) -> None:
        """Mount the volume unless it is mounted; the caller has the lock.  Raises VolumeError."""
        mount = self.current()
        if mount is not None:
            status = self._status(mount)
            if status.answered:
                return
            if not self._was_removed(status):
                raise self._hangs(status)
        if mounts.is_mount_point(_mountinfo(), self.path):
            raise VolumeError(
                f"volume {self.volume}: something else is mounted at {self.path}: unmount it (`umount {self.path}`)"
            )
        self._check_names()
        try:
            os.makedirs(self.path, mode=0o755, exist_ok=True)
        except OSError as err:
            raise VolumeError(f"volume {self.volume}: cannot make {self.path}: {err.strerror}") from err
        failure = self._run(self._mount_argv(), _MOUNT_TIMEOUT)
        # The exit status of glusterfs cannot be trusted: the kernel's table counts.
        mount = self.current()
        status_made = None if mount is None else self._status(mount)
        if status_made is not None and status_made.answered:
            return
        self.unmount(lazy=True)
        # glusterfs that finds no server, or no volume, may mount for a moment before it ends.
        if status_made is not None and not _is_dead(status_made):
            raise self._hangs(status_made)
        raise VolumeError(
            f"volume {self.volume} cannot be mounted from {', '.join(self.servers)}: {self._reason(failure)}"
        )

    def _check_names(self) -> None:
        """Raises VolumeError if no name of a server can be resolved; logs a warning for each one of several."""
        unknown = unresolvable(self.servers)
        if len(unknown) == len(self.servers):
            raise unresolvable_error(self.volume, unknown)
        for name in unknown:
            logging.warning("volume %s: the host name %s cannot be resolved", self.volume, name)

    def _mount_argv(self) -> Sequence[str]:
        # Port and transport count for the server that was named before them, and are ignored before any.
        words = [
            word
            for each in self.servers
            for word in (
                f"--volfile-server={each}",
                f"--volfile-server-transport={'unix' if is_socket(each) else 'tcp'}",
                f"--volfile-server-port={self.port}",
            )
        ]
        return ("glusterfs", *words, f"--volfile-id=/{self.volume}", *FUSE_OPTIONS, self.path)

    def unmount(self, lazy: bool) -> Optional[str]:
        """Unmount the volume; why that is not possible, None if it is not mounted now.  The caller has the lock."""
        failure, before = "", None
        while True:
            top = next(
                (each for each in _volume_mounts() if each.path == self.path and each.volume == self.volume),
                None,
            )
            if top is None:
                break
            if top.device_number == before:
                return failure or "it is busy"
            # Below it there may be another, if the volume was mounted twice.
            before = top.device_number
            # Without the first option it looks at the mount, which hangs where the mount does.
            argv = ["umount", "--no-canonicalize", *(["--lazy"] if lazy else []), self.path]
            failure = self._run(argv, _UNMOUNT_TIMEOUT)
        if self.is_own:
            with suppress(OSError):
                os.rmdir(self.path)
        return None

    def unmount_if_unused(self, wait: bool = True) -> UnmountResult:
        """Unmount the volume unless it is in use.

        With *wait*, whatever is mounting it now is waited for.  Without, IN_USE if another process has the lock: that
        process unmounts it.  Raises VolumeError.
        """
        if not self.is_own or not (wait or self._is_there()):
            return UnmountResult.DONE
        with self.users.locked(wait) as locked:
            return self.unmount_if_unused_locked() if locked else UnmountResult.IN_USE

    def unmount_if_unused_locked(self) -> UnmountResult:
        """As `unmount_if_unused`; the caller has the lock.  It creates no file: it is called where none can be."""
        if not self.is_own or not self._is_there():
            return UnmountResult.DONE
        if self.users.is_held():
            return UnmountResult.HELD
        with self.users.unused() as unused:
            if not unused:
                return UnmountResult.IN_USE
            # An unmount drops what Gluster's client has acknowledged and not written.
            if not unsynced.sync(self.users.directory, self.path, _UNMOUNT_TIMEOUT):
                return UnmountResult.DONE if self._remove_dead() else UnmountResult.BUSY
            dead_mount.forget_uses(self.users.directory)
            return UnmountResult.DONE if self.unmount(lazy=False) is None else UnmountResult.BUSY

    def _is_there(self) -> bool:
        return any(each.path == self.path and each.volume == self.volume for each in _volume_mounts())

    @contextmanager
    def unmounted_on_error(self) -> Iterator[None]:
        """Where the block fails, unmount the volume unless it is in use; the caller has the lock."""
        try:
            yield
        except BaseException:
            try:
                self.unmount_if_unused_locked()
            except (OSError, VolumeError) as err:
                logging.warning("volume %s: cannot unmount it after an error: %s", self.volume, err)
            raise

    def open_root(self) -> Directory:
        """The root directory of the mounted volume, open.

        Raises VolumeError where the mount point does not lead to the mount of this volume, or not any more.
        """
        try:
            root = Directory(self.path, os.open(self.path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
        except OSError as err:
            raise VolumeError(f"volume {self.volume}: cannot open {self.path}: {err.strerror}") from err
        try:
            if not self._is_root(root):
                raise VolumeError(
                    f"volume {self.volume}: its mount at {self.path} disappeared while it was being opened; nothing "
                    "was changed; find out what unmounted it, then repeat the command"
                )
        except BaseException:
            os.close(root.descriptor)
            raise
        return root

    def _is_root(self, root: Directory) -> bool:
        """Whether *root* was opened in the mount of this volume at its mount point, by the kernel's own tables."""
        try:
            opened = mounts.fuse_mount(_mountinfo(), mount_id(root.descriptor))
        except OSError as err:
            raise VolumeError(f"volume {self.volume}: cannot verify the mount {root}: {err}") from err
        return opened is not None and opened == self.current()

    def statvfs(self) -> model.Mount:
        """The mount with its space.  Raises VolumeError if it is not mounted or does not answer."""
        mount = self.current()
        if mount is None:
            raise VolumeError(f"volume {self.volume} is not mounted at {self.path}")
        status = self._status(mount)
        if not status.answered:
            raise self._hangs(status)
        return status

    def _status(self, mount: model.Mount) -> model.Mount:
        """*mount* with its space, or why it did not answer."""
        (status,) = mounts.statvfs([mount], self.timeout)
        return status

    def remove_if_dead(self) -> None:
        """Remove the mount if its client has ended, see dead_mount.py.  Raises DiskError."""
        if self.is_own and self._is_there() and not dead_mount.has_client(self.path):
            with self.users.locked():
                self._remove_dead()

    def _remove_dead(self) -> bool:
        """As `remove_if_dead`; whether the mount was removed.  The caller has the lock."""
        mount = mount_at(self.path)
        if not self.is_own or mount is None or mount.volume != self.volume:
            return False
        return self._was_dead(self._status(mount))

    def _was_dead(self, mount: model.Mount) -> bool:
        """Whether the client of *mount* has ended, and the mount was removed."""
        if not _is_dead(mount) or dead_mount.has_client(self.path):
            return False
        assert mount.device_number is not None  # which every mount has that the kernel lists
        dead_mount.undo_devices(mount.device_number, self.path, self.users.directory)
        why = self.unmount(lazy=True)
        logging.warning(
            "volume %s: the client of its mount at %s (glusterfs) has ended; %s",
            self.volume,
            self.path,
            f"it cannot be unmounted: {why}" if why else "it is unmounted, and its loop devices are undone",
        )
        return why is None

    def _was_removed(self, mount: model.Mount) -> bool:
        """Whether *mount*, which does not answer, was removed: its client has ended, or nothing uses it."""
        return self.is_own and _is_dead(mount) and (self._was_dead(mount) or self.unmount(lazy=False) is None)

    def _hangs(self, mount: model.Mount) -> VolumeError:
        if (mount.failure or "").startswith(mounts.NOT_TRIED):
            return VolumeError(
                f"volume {self.volume}: its mount at {mount.path} cannot be checked: {mount.failure}; "
                f"this node has to be able to write below {mounts.LOCK_DIRECTORY} and to start a process"
            )
        return VolumeError(
            f"volume {self.volume}, mounted at {mount.path}, does not answer: {mount.failure}; is it started, and are "
            f"its bricks up? `gluster volume status {self.volume}`; when they are, and it still hangs, "
            f"`umount --lazy {mount.path}`"
        )

    def _run(self, argv: Sequence[str], timeout: float) -> str:
        """Run *argv*, which mounts or unmounts; what went wrong, "" if it did not report anything.

        It has a lock of its own, which outlives this process should that be killed: the next process waits for it.
        """
        return _run(["flock", "--close", self.users.change_lock, *argv], argv[0], timeout)

    def _reason(self, failure: str) -> str:
        """Why a mount may have failed, for an administrator."""
        reasons = []
        for server in self.servers:
            try:
                try_connect(server, self.port)
            except OSError as err:
                reasons.append(f"{with_port(server, self.port)}: {err.strerror or err}")
        if len(reasons) == len(self.servers):
            return "; ".join([*reasons, "is glusterd running there?"])
        hint = f"is it there, and started? `gluster volume info {self.volume}`"
        return "; ".join([*reasons, *([failure] if failure else []), hint])


def mounts_of(volume: str) -> List[model.Mount]:
    """The mounts of volumes named *volume*, of whatever pool, by the kernel's table."""
    return [mount for mount in _volume_mounts() if mount.volume == volume]


def _volume_mounts() -> List[model.Mount]:
    """The mounts of whole volumes, by the kernel's table."""
    return [mount for mount in mounts.fuse_mounts(_mountinfo()) if not mount.subdirectory and mount.servers]


def mount_at(path: str) -> Optional[model.Mount]:
    """The volume that is mounted at *path*, by the kernel's table."""
    return next((mount for mount in _volume_mounts() if mount.path == path), None)


def _mountinfo() -> str:
    with open(_MOUNTINFO, encoding="utf-8", errors="surrogateescape") as file:
        return file.read()


def unresolvable(servers: Sequence[str]) -> List[str]:
    """The host names of *servers* that have no address.  One that is not resolved in time is not among them."""
    names = [server for server in servers if is_name(server)]
    addresses = same_volume.resolve(names) if names else {}
    return [name for name in names if addresses[name] == ()]


def unresolvable_error(volume: str, names: Sequence[str]) -> VolumeError:
    """The error for a volume whose servers cannot be resolved."""
    return VolumeError(
        f"volume {volume}: the host name {' and '.join(names)} cannot be resolved on this node: correct the disk "
        "parameter host, or the name service"
    )


def _is_dead(mount: model.Mount) -> bool:
    """Whether a mount that did not answer has no client, or one that reaches no brick."""
    return _DEAD in (mount.failure or "")


def _run(argv: Sequence[str], name: str, timeout: float) -> str:
    """Run *argv*, which is called *name*; what went wrong, "" if it did not report anything."""
    try:
        # Not by pipes: what goes on in the background would keep them open.
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as err:
        return f"{argv[0]}: {err.strerror}"
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_KILLED)
        return f"{name} did not end within {timeout:g} s"
    return f"{name} ended with status {process.returncode}" if process.returncode else ""
