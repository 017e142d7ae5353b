"""A Gluster volume as a place for disks: where it is mounted, who uses the mount, how QEMU names what is in it.

Each volume has a mount point of its own beside the directory that Ganeti has for Gluster
(gluster-storage-dir): ``/var/run/ganeti/gluster.d/gv0@127.0.0.1:24007``.  A volume that is mounted at that
directory itself, as Ganeti's own class does it, is used there.

Whoever needs the mount holds it, and the last one that lets go of it unmounts it: some for a moment
(`GlusterVolume.mounted`; the kernel lets go for a process that dies), some for as long as a disk is in
use, over the ends of processes (`hold`, `release`).  All that changes a mount is done under one lock
for each mount point, so that any number of processes can do it at once.
"""

from __future__ import annotations

import errno
import fcntl
import ipaddress
import logging
import os
import re
import signal
import socket
import subprocess
import time
from contextlib import contextmanager, suppress
from typing import Dict, Iterator, List, Optional, Sequence, Tuple
from urllib.parse import quote, unquote

from ganeti_gluster_mon.backend.directory import Directory, mount_id
from ganeti_gluster_mon.backend.error import DiskError
from ganeti_gluster_mon.gluster import model, mounts
from ganeti_gluster_mon.gluster.question import VOLUME_NAME

#: glusterd's port
PORT = 24007
#: Ganeti's directory for Gluster, unless the cluster has another
DIRECTORY = "/var/run/ganeti/gluster"
#: who uses which mount
USES = "/run/ganeti-gluster-mon/mounts"
#: seconds in which a mount has to answer: a brick that hangs is given up by Gluster's client after 42 s
#: (network.ping-timeout), and then the others answer
PATIENCE = 50.0
#: seconds for each of: mounting, unmounting, whoever has the lock, an answer of a server's port
_MOUNTING, _UNMOUNTING, _LOCKED, _CONNECT = 60.0, 30.0, 120.0, 3.0
#: seconds between two looks at a lock, which the kernel does not announce
_PAUSE = 0.01
#: seconds for a killed process to end, which the kernel may keep as long as a mount hangs
_KILLED = 2.0
_MOUNTINFO = "/proc/self/mountinfo"
#: what statvfs says of a mount whose process has died
_DEAD = os.strerror(errno.ENOTCONN)
#: the lock of whatever mounts or unmounts
_CHANGE = "change"
#: each part has 1 to 63 characters (RFC 1035, 2.3.4): a longer or an empty one cannot be looked up
_HOST = re.compile(r"(?=.{1,253}\Z)(?![._-])(?:[A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}(?<![_-])\Z")
#: the kernel has 107 bytes for a socket's path; a colon would end it in the source of a mount
_SOCKET = re.compile(r"/[A-Za-z0-9._/-]{1,106}\Z")


class VolumeError(DiskError):
    """Something cannot be done with a volume; str() is one line: which volume, why, and what to do."""


class GlusterVolume:
    """The volume *volume* as the glusterd at *server_addr* and *port* serves it."""

    def __init__(
        self,
        server_addr: str,
        port: object,
        volume: str,
        backup_servers: Sequence[str] = (),
        directory: str = DIRECTORY,
        uses: str = USES,
        patience: float = PATIENCE,
    ) -> None:
        """*server_addr*: a name, an address, or the absolute path of a socket (transport unix).

        *backup_servers*: asked in turn for the volume's layout when that one does not answer.
        *patience*: seconds in which its mount has to answer.
        Raises VolumeError for what cannot be a name, an address or a port.
        """
        if not VOLUME_NAME.match(volume):
            raise VolumeError(
                f"{volume[:60]!r} cannot be the name of a Gluster volume: letters, digits, - and _ only"
            )
        self.volume = volume
        self.server_addr = _host(server_addr, volume)
        self.port = _port(port, volume)
        self.backup_servers = tuple(_host(each, volume) for each in backup_servers)
        servers = (self.server_addr, *self.backup_servers)
        if len(servers) > 1 and any(map(_is_socket, servers)):
            # glusterfs tries no second server after a socket, and takes a later one for a host.
            raise VolumeError(
                f"volume {volume}: with a socket there can be no other server: {', '.join(servers)}"
            )
        if not os.path.isabs(directory):
            raise VolumeError(
                f"volume {volume}: the directory for mounts, {directory!r}, is not an absolute path"
            )
        self.directory = os.path.normpath(directory)
        self.uses = uses
        self.patience = patience

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
    def transport(self) -> str:
        """ "unix" where the server is a socket, else "tcp"."""
        return "unix" if _is_socket(self.server_addr) else "tcp"

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

    # --- the mount -------------------------------------------------------------------------------

    @property
    def own_mount_point(self) -> str:
        """Where it is mounted unless it already is elsewhere."""
        server = quote(self.server_addr, safe=":")
        return f"{self._real_directory}.d/{self.volume}@{server}:{self.port}"

    @property
    def _real_directory(self) -> str:
        """As the kernel names it: /var/run is a symlink."""
        return os.path.realpath(self.directory)

    @property
    def mount_point(self) -> str:
        """Where it is mounted, or would be."""
        for mount in self._mounts():
            if mount.path == self._real_directory:
                return mount.path
        return self.own_mount_point

    def is_mounted(self) -> bool:
        """Whether it is mounted at its mount point."""
        return self._mount() is not None

    @property
    def device_number(self) -> Optional[str]:
        """MAJOR:MINOR of the mounted filesystem, by the kernel's own table; None where it is not mounted."""
        mount = self._mount()
        return None if mount is None else mount.device_number

    def Mount(self) -> None:
        """Mount it, if it is not.  Raises VolumeError."""
        with self._locked():
            self._mount_it()

    def Unmount(self, lazy: bool = False) -> None:
        """Unmount it; *lazy*: even if it is in use or hangs, as soon as nobody uses it.

        Raises VolumeError if it is not mounted, or cannot be unmounted.
        """
        with self._locked():
            mount = self._mount()
            if mount is None:
                raise VolumeError(f"volume {self.volume} is not mounted at {self.mount_point}")
            why = self._unmount_it(mount.path, lazy)
            if why:
                raise VolumeError(f"volume {self.volume} cannot be unmounted from {mount.path}: {why}")

    @contextmanager
    def mounted(self) -> Iterator[Directory]:
        """Mount the volume, and give its root directory, open, until the end of the block or of the process.

        The root directory is verified to be the mount of this volume, and stays it even if the mount point changes.
        The volume is unmounted afterwards, unless another uses it.  Raises VolumeError.
        """
        with self._locked(), self._unmounted_on_error():
            self._mount_it()
            root = self._open_root()
            try:
                held = self._open("held")
                fcntl.flock(held, fcntl.LOCK_SH)
            except BaseException:
                os.close(root.descriptor)
                raise
        try:
            yield root
        finally:
            os.close(root.descriptor)
            os.close(held)
            try:
                self.tidy()
            except VolumeError as err:
                # What was done is done; the next one who uses the volume tidies up.
                logging.warning("%s", err)

    def hold(self, holder: str) -> str:
        """Have it mounted, at the path that is given, until *holder* releases it or the host is rebooted.

        Raises VolumeError.
        """
        with self._locked(), self._unmounted_on_error():
            self._mount_it()
            os.close(self._open(_use(holder)))
            return self.mount_point

    def release(self, holder: str) -> None:
        """*holder* does not need it any more.  Nothing is wrong if it did not hold it."""
        with self._locked(), suppress(FileNotFoundError):
            os.unlink(os.path.join(self._place, _use(holder)))
        self.tidy()

    def holds(self, holder: str) -> bool:
        """Whether *holder* has it mounted."""
        return os.path.exists(os.path.join(self._place, _use(holder)))

    def keep(self) -> str:
        """Have it mounted, at the path that is given, until this process ends; `tidy` has to be called by another.

        Raises VolumeError.
        """
        with self._locked(), self._unmounted_on_error():
            self._mount_it()
            # Never closed: the kernel does it at the end, however that comes.
            fcntl.flock(self._open("held"), fcntl.LOCK_SH)
            return self.mount_point

    def is_held(self) -> bool:
        """Whether somebody has it mounted for as long as a disk is in use."""
        with self._locked():
            return self._is_held()

    def is_needed(self) -> bool:
        """Whether somebody has it mounted at all, for a moment or for as long as a disk is in use."""
        with self._locked():
            if self._is_held():
                return True
            held = self._open("held")
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            finally:
                os.close(held)
            return False

    def _is_held(self) -> bool:
        return any(name.startswith("use-") for name in os.listdir(self._place))

    def tidy(self) -> bool:
        """Unmount it if nobody needs it; whether it is not mounted now.  That it is busy is no error."""
        with self._locked():
            return self._unmount_if_unused()

    def _unmount_if_unused(self) -> bool:
        """As `tidy`; the caller has the lock.  It creates no file: it is called where none can be created."""
        mount = self._mount()
        if mount is None:
            return True
        if mount.path != self.own_mount_point:
            return False  # who mounted it there will unmount it
        if self._is_held():
            return False
        try:
            held = os.open(os.path.join(self._place, "held"), os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:  # nobody has used it for a moment
            return self._unmount_it(mount.path, lazy=False) is None
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return self._unmount_it(mount.path, lazy=False) is None
        except BlockingIOError:
            return False
        finally:
            os.close(held)

    @contextmanager
    def _unmounted_on_error(self) -> Iterator[None]:
        """Where the block fails, unmount the volume unless another uses it; the caller has the lock."""
        try:
            yield
        except BaseException:
            try:
                self._unmount_if_unused()
            except (OSError, VolumeError) as err:
                logging.warning("volume %s: cannot unmount it after an error: %s", self.volume, err)
            raise

    def _open_root(self) -> Directory:
        """The root directory of the mounted volume, open.

        Raises VolumeError where the mount point does not lead to the mount of this volume, or not any more.
        """
        point = self.mount_point
        try:
            root = Directory(point, os.open(point, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
        except OSError as err:
            raise VolumeError(f"volume {self.volume}: cannot open {point}: {err.strerror}") from err
        try:
            if not self._is_root(root):
                raise VolumeError(
                    f"volume {self.volume}: its mount at {point} disappeared while it was being opened; nothing was "
                    "changed; find out what unmounted it, then repeat the command"
                )
        except BaseException:
            os.close(root.descriptor)
            raise
        return root

    def _is_root(self, root: Directory) -> bool:
        """Whether *root* was opened in the mount of this volume at its mount point, by the kernel's own tables."""
        try:
            with open(_MOUNTINFO, encoding="utf-8", errors="surrogateescape") as file:
                opened = mounts.fuse_mount(file.read(), mount_id(root.descriptor))
        except OSError as err:
            raise VolumeError(f"volume {self.volume}: cannot verify the mount {root}: {err}") from err
        return opened is not None and opened.path == root.path and opened in self._mounts()

    @property
    def _place(self) -> str:
        """The directory with the locks of this mount, and who uses it."""
        return os.path.join(self.uses, quote(self.own_mount_point, safe=""))

    def _open(self, name: str) -> int:
        """A descriptor of the file *name* of `_place`, made if it is missing.  Raises VolumeError."""
        path = os.path.join(self._place, name)
        try:
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as err:
            raise VolumeError(f"volume {self.volume}: cannot open {path}: {err.strerror}") from err

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Alone with the mount, among all processes."""
        try:
            _open_to_all(os.path.dirname(self.uses))
            os.makedirs(self._place, mode=0o700, exist_ok=True)
        except OSError as err:
            raise VolumeError(f"volume {self.volume}: cannot make {self._place}: {err.strerror}") from err
        lock = self._open("lock")
        try:
            change = self._open(_CHANGE)
        except VolumeError:
            os.close(lock)
            raise
        try:
            self._wait_for(lock)
            self._wait_for(change)
            fcntl.flock(change, fcntl.LOCK_UN)
            yield
        finally:
            os.close(change)
            os.close(lock)

    def _change(self, argv: Sequence[str], timeout: float) -> str:
        """Run *argv*, which mounts or unmounts; what went wrong, "" if it did not say.

        It has a lock of its own, which outlives us should we be killed: whoever comes next sees what it has made.
        """
        return _run(["flock", "--close", os.path.join(self._place, _CHANGE), *argv], argv[0], timeout)

    def _wait_for(self, lock: int) -> None:
        until = time.monotonic() + _LOCKED
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > until:
                    raise VolumeError(
                        f"volume {self.volume}: another process has kept its lock for {_LOCKED:.0f} s; "
                        f"`fuser {self._place}/lock` tells which"
                    ) from None
                time.sleep(_PAUSE)

    def _mounts(self) -> List[model.Mount]:
        """The mounts of this volume from this server."""
        with open(_MOUNTINFO, encoding="utf-8", errors="surrogateescape") as file:
            every = mounts.fuse_mounts(file.read())
        ours = (self.server_addr, *self.backup_servers)
        return [
            mount
            for mount in every
            if mount.volume == self.volume
            and not mount.subdirectory
            and mount.servers[:1]
            and mount.servers[0] in ours
        ]

    def _mount(self) -> Optional[model.Mount]:
        point = self.mount_point
        return next((mount for mount in self._mounts() if mount.path == point), None)

    def _mount_it(self) -> None:
        mount = self._mount()
        if mount is not None:
            seen = self._asked(mount)
            if seen.answered:
                return
            if not self._was_dead(seen):
                raise self._silent(seen)
        point = self.own_mount_point
        if os.path.ismount(point):
            raise VolumeError(f"volume {self.volume}: something else is mounted at {point}: unmount it")
        try:
            os.makedirs(point, mode=0o755, exist_ok=True)
        except OSError as err:
            raise VolumeError(f"volume {self.volume}: cannot make {point}: {err.strerror}") from err
        said = self._change(self._mount_argv(point), _MOUNTING)
        # What glusterfs says of itself cannot be trusted: look.
        mount = self._mount()
        made = None if mount is None else self._asked(mount)
        if made is not None and made.answered:
            return
        self._unmount_it(point, lazy=True)
        # glusterfs that finds no server, or no volume, may mount for a moment before it ends.
        if made is not None and not _is_dead(made):
            raise self._silent(made)
        raise VolumeError(f"volume {self.volume} cannot be mounted from {self._servers}: {self._why(said)}")

    def _mount_argv(self, point: str) -> Sequence[str]:
        # Port and transport count for the server that was named before them, and are ignored before any.
        servers = [
            word
            for each in (self.server_addr, *self.backup_servers)
            for word in (
                f"--volfile-server={each}",
                f"--volfile-server-transport={self.transport}",
                f"--volfile-server-port={self.port}",
            )
        ]
        return ("glusterfs", *servers, f"--volfile-id=/{self.volume}", "--process-name=fuse", point)

    def _unmount_it(self, point: str, lazy: bool) -> Optional[str]:
        """Why it cannot be unmounted; None when it was, or was not mounted."""
        said, before = "", None
        while True:
            top = next((mount for mount in self._mounts() if mount.path == point), None)
            if top is None:
                break
            if top.device_number == before:
                return said or "it is busy"
            # Below it there may be another, if somebody mounted it twice.
            before = top.device_number
            said = self._change(["umount", *(["--lazy"] if lazy else []), point], _UNMOUNTING)
        if point == self.own_mount_point:
            with suppress(OSError):
                os.rmdir(point)
        return None

    def statvfs(self) -> model.Mount:
        """What its mount says of its space.  Raises VolumeError if it is not mounted or does not answer."""
        mount = self._mount()
        if mount is None:
            raise VolumeError(f"volume {self.volume} is not mounted at {self.mount_point}")
        seen = self._asked(mount)
        if not seen.answered:
            raise self._silent(seen)
        return seen

    def _asked(self, mount: model.Mount) -> model.Mount:
        """*mount* with its space, or why it did not answer."""
        (seen,) = mounts.statvfs([mount], self.patience)
        return seen

    def _was_dead(self, mount: model.Mount) -> bool:
        """Whether the process behind *mount* was gone, and now it is, too: it was in nobody's way."""
        ours = mount.path == self.own_mount_point
        return _is_dead(mount) and ours and self._unmount_it(mount.path, lazy=False) is None

    def _silent(self, mount: model.Mount) -> VolumeError:
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

    @property
    def _servers(self) -> str:
        return ", ".join((self.server_addr, *self.backup_servers))

    def _why(self, said: str) -> str:
        """Why a mount may have failed, for an administrator."""
        whys = []
        servers = (self.server_addr, *self.backup_servers)
        for server in servers:
            try:
                _knock(server, self.port)
            except OSError as err:
                whys.append(f"{_named(server, self.port)}: {err.strerror or err}")
        if len(whys) == len(servers):
            return "; ".join([*whys, "is glusterd running there?"])
        hint = f"is it there, and started? `gluster volume info {self.volume}`"
        return "; ".join([*whys, *([said] if said else []), hint])


def _is_dead(mount: model.Mount) -> bool:
    """Whether a mount that did not answer has no process behind it."""
    return _DEAD in (mount.failure or "")


def _knock(server: str, port: int) -> None:
    """Raises OSError where nobody listens."""
    if _is_socket(server):
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(_CONNECT)
            link.connect(server)
    else:
        socket.create_connection((server, port), _CONNECT).close()


def _named(server: str, port: int) -> str:
    return server if _is_socket(server) else f"{server}:{port}"


def _is_socket(server: str) -> bool:
    return server.startswith("/")


def _run(argv: Sequence[str], name: str, timeout: float) -> str:
    """Run *argv*, which is called *name*; what went wrong, "" if it did not say."""
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


def _open_to_all(directory: str) -> None:
    """Make a directory that others may look into, whatever the umask: noded's would shut out the daemon."""
    if not os.path.isdir(directory):
        os.makedirs(directory, exist_ok=True)
        os.chmod(directory, 0o755)


def _use(holder: str) -> str:
    """The file that stands for *holder*."""
    name = f"use-{quote(holder, safe='')}"
    if len(name) > 255:
        raise VolumeError(f"{holder[:60]!r}… is too long a name for who uses a mount")
    return name


def _host(host: str, volume: str) -> str:
    """*host* as it is written everywhere: names in lower case, addresses in their shortest form, without brackets."""
    if _SOCKET.match(host) and os.path.normpath(host) == host:
        return host
    bracketed = host.startswith("[") and host.endswith("]")
    # What follows a % is an interface, which Python lets be anything.
    if "%" not in host:
        with suppress(ValueError):
            return str(ipaddress.ip_address(host[1:-1] if bracketed else host))
    if not _HOST.match(host):
        raise VolumeError(f"volume {volume}: {host[:60]!r} can be neither a host nor a socket")
    return host.lower()


def _port(port: object, volume: str) -> int:
    text = str(port)
    if not (text.isascii() and text.isdecimal() and 0 < int(text[:6]) < 65536):
        raise VolumeError(f"volume {volume}: {text[:20]!r} is not a port")
    return int(text)


def volumes_used(directory: str = DIRECTORY, uses: str = USES) -> List[GlusterVolume]:
    """The volumes that were mounted on this node since it was booted, and the one mounted at *directory* itself."""
    real = os.path.realpath(directory)
    found: Dict[GlusterVolume, None] = {}
    with suppress(FileNotFoundError):
        for name in os.listdir(uses):
            # Who only tried to mount it has left nothing but locks.
            where, _, rest = unquote(name).partition(f"{real}.d/")
            volume, _, server = rest.partition("@")
            host, _, port = server.rpartition(":")
            with suppress(VolumeError):
                if not where and set(os.listdir(os.path.join(uses, name))) - {"lock", _CHANGE}:
                    found[GlusterVolume(unquote(host), port, volume, (), directory, uses)] = None
    with open(_MOUNTINFO, encoding="utf-8", errors="surrogateescape") as file:
        for mount in mounts.fuse_mounts(file.read()):
            if mount.path == real and not mount.subdirectory:
                with suppress(VolumeError):
                    found[GlusterVolume(mount.servers[0], PORT, mount.volume, (), directory, uses)] = None
    return list(found)
