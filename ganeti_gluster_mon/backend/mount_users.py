"""The users of a mount, and the lock for changes of it.

Each mount point has a directory below /run/ganeti-gluster-mon/mounts, named by the mount point's path::

    lock      held by the process that mounts, unmounts, or changes who uses the mount
    change    held by the programs that it runs for that, which may go on when that process is killed
    held      a shared lock for each process that uses the mount for a moment; the kernel releases it with the process
    use-NAME  the holder NAME uses the mount until it releases it
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager, suppress
from typing import Iterator, List
from urllib.parse import quote, unquote

from ganeti_gluster_mon import safe_open
from ganeti_gluster_mon.backend.disk_error import VolumeError

#: the directories of all mount points
DIRECTORY = "/run/ganeti-gluster-mon/mounts"
#: seconds for the lock
LOCK_TIMEOUT = 120.0
#: seconds between two tries to get a lock, which the kernel does not announce
_PAUSE = 0.01
_LOCK, _CHANGE, _HELD, _USE = "lock", "change", "held", "use-"
_NAME_MAX = 255


class MountUsers:
    """The users of the mount at *mount_point*, an absolute path; *volume* is for messages."""

    def __init__(self, mount_point: str, volume: str, directory: str = DIRECTORY) -> None:
        self.volume = volume
        #: with the files above
        self.directory = os.path.join(directory, quote(mount_point, safe=""))

    @property
    def change_lock(self) -> str:
        """The path of the lock for programs that mount and unmount; flock(1) takes it."""
        return os.path.join(self.directory, _CHANGE)

    @contextmanager
    def locked(self, wait: bool = True) -> Iterator[bool]:
        """Change the mount or its users alone, among all processes, until the end of the block.

        Yields True; without *wait*, False where another process has the lock.  Raises VolumeError, also if another
        process keeps the lock for 120 s.
        """
        try:
            _make_readable(os.path.dirname(os.path.dirname(self.directory)))
            os.makedirs(self.directory, mode=0o700, exist_ok=True)
        except OSError as err:
            raise VolumeError(f"volume {self.volume}: cannot make {self.directory}: {err.strerror}") from err
        lock = self._open(_LOCK)
        try:
            change = self._open(_CHANGE)
        except VolumeError:
            os.close(lock)
            raise
        try:
            timeout = LOCK_TIMEOUT if wait else 0.0
            if self._wait_for(lock, timeout) and self._wait_for(change, timeout):
                fcntl.flock(change, fcntl.LOCK_UN)
                yield True
            elif wait:
                raise VolumeError(
                    f"volume {self.volume}: another process has kept its lock for {LOCK_TIMEOUT:g} s; "
                    f"`fuser {self.directory}/{_LOCK}` shows which"
                )
            else:
                yield False
        finally:
            os.close(change)
            os.close(lock)

    @staticmethod
    def _wait_for(lock: int, timeout: float) -> bool:
        until = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            except BlockingIOError:
                if time.monotonic() >= until:
                    return False
                time.sleep(_PAUSE)

    # --- for as long as a disk is in use; the caller has the lock ---------------------------------------------

    def add(self, holder: str) -> None:
        """*holder* uses the mount.  Raises VolumeError."""
        os.close(self._open(_file_of(holder)))

    def remove(self, holder: str) -> None:
        """*holder* does not use the mount any more; that it did not is no error."""
        with suppress(FileNotFoundError):
            os.unlink(os.path.join(self.directory, _file_of(holder)))

    def has(self, holder: str) -> bool:
        """Whether *holder* uses the mount.  Needs no lock."""
        return os.path.exists(os.path.join(self.directory, _file_of(holder)))

    def is_held(self) -> bool:
        """Whether there is a holder.  Needs no lock."""
        try:
            return any(name.startswith(_USE) for name in os.listdir(self.directory))
        except FileNotFoundError:
            return False

    # --- for a moment -----------------------------------------------------------------------------------------

    def use(self) -> int:
        """Use the mount until the descriptor that is returned is closed.  The caller has the lock.

        Raises VolumeError.
        """
        held = self._open(_HELD)
        try:
            fcntl.flock(held, fcntl.LOCK_SH)
        except BaseException:
            os.close(held)
            raise
        return held

    @contextmanager
    def unused(self) -> Iterator[bool]:
        """Whether no process uses the mount for a moment; none begins to before the end of the block.

        The caller has the lock.  No file is created, as this is called where none can be.
        """
        try:
            held = os.open(os.path.join(self.directory, _HELD), os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            yield True
            return
        try:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True
        finally:
            os.close(held)

    def wait_until_unused(self) -> None:
        """Wait until no process uses the mount for a moment.  Without the lock: others go on meanwhile."""
        try:
            held = os.open(os.path.join(self.directory, _HELD), os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
        finally:
            os.close(held)

    def was_used(self) -> bool:
        """Whether the mount was ever used since the host was booted.  An attempt to mount leaves only locks."""
        return bool(set(os.listdir(self.directory)) - {_LOCK, _CHANGE})

    def _open(self, name: str) -> int:
        """A descriptor of the file *name*, created if it is missing.  Raises VolumeError."""
        path = os.path.join(self.directory, name)
        try:
            return safe_open.lock_file(path)
        except OSError as err:
            raise VolumeError(f"volume {self.volume}: cannot open {path}: {err.strerror}") from err


def mount_points_known(directory: str = DIRECTORY) -> List[str]:
    """The mount points that have a directory in *directory*."""
    try:
        return sorted(map(unquote, os.listdir(directory)))
    except FileNotFoundError:
        return []


def _make_readable(directory: str) -> None:
    """Make a directory that all users may list, whatever the umask is: noded's would keep the daemon out."""
    if not os.path.isdir(directory):
        os.makedirs(directory, exist_ok=True)
        os.chmod(directory, 0o755)


def _file_of(holder: str) -> str:
    """The name of the file of *holder*.  Raises VolumeError."""
    name = f"{_USE}{quote(holder, safe='')}"
    if len(name) > _NAME_MAX:
        raise VolumeError(f"{holder[:60]!r}… is too long a name for a user of a mount")
    return name
