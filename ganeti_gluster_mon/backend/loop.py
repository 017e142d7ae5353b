"""Loop devices: files as block devices, found again by the file they stand on.

A device is made with the flag that has the kernel undo it when the last process closes it, so one whose maker is
killed is gone with it; `make_lasting` takes that flag away.  Loop devices are the machine's, and the path the kernel
tells of a file is only a hint: another mount, in another container say, may have the same.  What counts is
the number of the file system and of the file in it.

Each device has a number that no other will have soon.  Somebody may keep /dev/loop3 in mind, as Ganeti does in a
symlink, and should find nothing there later, not another's disk.

The calls are those of loop(4); LOOP_CONFIGURE needs Linux 5.8.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import struct
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Iterator, List, Optional, Tuple

from ganeti_gluster_mon.backend.filedevice import DiskError

_CONTROL = "/dev/loop-control"
_SYSFS = "/sys/block"
_MAX_PART = "/sys/module/loop/parameters/max_part"
_PROC = "/proc"
#: held while devices are looked for and made, so that two never make one each for the same file
LOCK = "/run/ganeti-gluster-mon/loops"

# linux/loop.h
_CLR_FD, _SET_STATUS64, _GET_STATUS64, _SET_CAPACITY, _CONFIGURE = 0x4C01, 0x4C04, 0x4C05, 0x4C07, 0x4C0A
_CTL_ADD, _CTL_REMOVE = 0x4C80, 0x4C81
_AUTOCLEAR, _DIRECT_IO = 4, 16
# struct loop_info64: device, inode, rdevice, offset, sizelimit; number, encrypt_type, encrypt_key_size, flags;
# file_name, crypt_name, encrypt_key; init
_INFO = struct.Struct("=5Q4I64s64s32s2Q")
_FLAGS = 8
#: struct loop_config around it: the file's descriptor, block size (0: the kernel's choice); eight that are reserved
_BEFORE, _AFTER = struct.Struct("=2I"), bytes(64)
#: the numbers of our devices are from here on; those that the kernel gives, and people like, are below
_FIRST = 4096
#: a number may be taken
_TRIES = 64


class LoopError(DiskError):
    """Something cannot be done with a loop device; str() is one line: which, and why."""


@dataclass(frozen=True)
class Backing:
    """A file that a loop device may stand on."""

    #: as the kernel calls it
    path: str
    #: MAJOR:MINOR of its file system
    filesystem: str
    #: None where it is not known, as asking could take for ever; the path has to do then
    inode: Optional[int] = None

    @classmethod
    def of(cls, descriptor: int, path: str) -> Backing:
        """The open file *descriptor*, which is at *path*."""
        status = os.fstat(descriptor)
        return cls(path, _numbers(status.st_dev), status.st_ino)


@contextmanager
def alone() -> Iterator[None]:
    """Let nobody else of this program look for devices or make them until the end of the block."""
    os.makedirs(os.path.dirname(LOCK), mode=0o755, exist_ok=True)
    lock = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def on(backing: Backing) -> List[str]:
    """The devices that stand on *backing*: /dev/loop7; one, unless somebody made another by hand."""
    found = []
    for path in _called(backing.path):
        with suppress(OSError):  # it is gone meanwhile, or was never it
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                if _stands_on(descriptor, backing):
                    found.append(path)
            finally:
                os.close(descriptor)
    return found


def lend(file: int, path: str) -> Tuple[str, int]:
    """A device on the open *file*, which is at *path*: the one there is or a new one, and a descriptor of it.

    A new one is there as long as anybody has it open.  It reads and writes the file past the page cache where the
    file system allows that.  Raises LoopError.
    """
    backing = Backing.of(file, path)
    with _errors(f"{path}: cannot have a loop device"), alone():
        for device in _called(path):
            with suppress(OSError):
                descriptor = os.open(device, os.O_RDWR | os.O_CLOEXEC)
                if _stands_on(descriptor, backing):
                    return device, descriptor
                os.close(descriptor)
        return _new(file, path)


def _new(file: int, path: str) -> Tuple[str, int]:
    """As `lend`, a new one.  Raises LoopError and OSError."""
    name = os.fsencode(path)[-63:]
    info = _INFO.pack(*[0] * _FLAGS, _AUTOCLEAR | _DIRECT_IO, name, b"", b"", 0, 0)
    for _ in range(_TRIES):
        number = _FIRST + secrets.randbelow(_last() - _FIRST)
        try:
            _control(_CTL_ADD, number)
            device = f"/dev/loop{number}"
            descriptor = os.open(device, os.O_RDWR | os.O_CLOEXEC)
        except OSError as err:
            if err.errno in (errno.EEXIST, errno.ENOENT, errno.ENXIO):
                continue  # it is another's, or was taken for one that nobody needs
            raise
        try:
            fcntl.ioctl(descriptor, _CONFIGURE, _BEFORE.pack(file, 0) + info + _AFTER)
        except OSError as err:
            os.close(descriptor)
            if err.errno != errno.EBUSY:
                raise
        else:
            return device, descriptor
    raise LoopError(f"{path}: no number for a loop device is free")


def _last() -> int:
    """The end of the numbers: the kernel has 2**20 minor numbers for the devices and their partitions."""
    try:
        with open(_MAX_PART, encoding="ascii") as file:
            return 1 << (20 - int(file.read()).bit_length())
    except OSError:
        return 1 << 20


def sweep() -> None:
    """Remove devices of ours that stand on nothing any more."""
    for entry in os.listdir(_SYSFS):
        number = entry[len("loop") :] if entry.startswith("loop") else ""
        if number.isdecimal() and int(number) >= _FIRST and not os.path.exists(f"{_SYSFS}/{entry}/loop"):
            with suppress(OSError):  # somebody has it open, or was quicker
                _control(_CTL_REMOVE, int(number))


def _control(call: int, number: int) -> None:
    control = os.open(_CONTROL, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.ioctl(control, call, number)
    finally:
        os.close(control)


def is_lasting(descriptor: int) -> bool:
    """Whether a device stays when nobody has it open.  Raises LoopError."""
    with _errors("a loop device does not answer"):
        return not _info(descriptor)[_FLAGS] & _AUTOCLEAR


def make_lasting(descriptor: int) -> None:
    """Have a device stay when nobody has it open.  Raises LoopError."""
    with _errors("a loop device cannot be made to stay"):
        fields = list(_info(descriptor))
        fields[_FLAGS] &= ~_AUTOCLEAR
        fcntl.ioctl(descriptor, _SET_STATUS64, _INFO.pack(*fields))


def clear(device: str) -> None:
    """Undo *device*: at once, or when the last that has it open closes it.  Raises LoopError."""
    with _errors(f"{device} cannot be detached"):
        descriptor = os.open(device, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.ioctl(descriptor, _CLR_FD)
        except OSError as err:
            if err.errno != errno.ENXIO:  # which it has if it is undone already
                raise
        finally:
            os.close(descriptor)


def resize(device: str) -> None:
    """Have *device* see that its file has grown.  Raises LoopError."""
    with _errors(f"{device} cannot be told its new size"):
        descriptor = os.open(device, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.ioctl(descriptor, _SET_CAPACITY)
        finally:
            os.close(descriptor)


def users(device: str) -> List[Tuple[int, str]]:
    """The processes of this host that have *device* open: their number and name."""
    found = []
    for pid in filter(str.isdecimal, os.listdir(_PROC)):
        if int(pid) == os.getpid():
            continue
        with suppress(OSError):  # ended meanwhile
            directory = f"{_PROC}/{pid}/fd"
            # By name alone: to look at what it has open could take for ever.
            if any(_leads_to(f"{directory}/{each}", device) for each in os.listdir(directory)):
                with open(f"{_PROC}/{pid}/comm", encoding="utf-8", errors="replace") as file:
                    found.append((int(pid), file.read().rstrip("\n")))
    return found


def _leads_to(link: str, device: str) -> bool:
    with suppress(OSError):
        return os.readlink(link) == device
    return False


def _called(path: str) -> Iterator[str]:
    """The devices whose file the kernel calls *path*."""
    for entry in os.listdir(_SYSFS):
        if entry.startswith("loop"):
            with suppress(OSError), open(f"{_SYSFS}/{entry}/loop/backing_file", "rb") as file:
                if file.read().rstrip(b"\n") in (os.fsencode(path), os.fsencode(path) + b" (deleted)"):
                    yield f"/dev/{entry}"


def _stands_on(descriptor: int, backing: Backing) -> bool:
    """Raises OSError where it stands on nothing."""
    device, inode = _info(descriptor)[:2]
    return _numbers(device) == backing.filesystem and backing.inode in (None, inode)


def _info(descriptor: int) -> Tuple[int, ...]:
    return _INFO.unpack(fcntl.ioctl(descriptor, _GET_STATUS64, bytes(_INFO.size)))


def _numbers(device: int) -> str:
    return f"{os.major(device)}:{os.minor(device)}"


@contextmanager
def _errors(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as err:
        raise LoopError(f"{what}: {err.strerror}") from err
