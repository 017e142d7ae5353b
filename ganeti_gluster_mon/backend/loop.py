"""Loop devices: files as block devices, found again by the file that backs them.

A device is made with the flag that has the kernel undo it when the last process closes it, so one whose maker is
killed is gone with it; `make_lasting` takes that flag away.  Loop devices are the machine's, and the path the kernel
shows for a file is only a hint: another mount, as in another container, may have the same.  A file is identified by
the number of its filesystem and its inode number.

The kernel gives these two numbers only after a request to the filesystem (LOOP_GET_STATUS64), which hangs where the
filesystem does.  So each device that is made here is recorded (loop_records.py).  One that is not recorded is queried
in a child process, with a timeout, and so is every other call that may hang.  Each volume has a lock of its own, so a
volume that hangs delays nothing on another volume.

Each device has a number that no other will have soon.  A program may remember /dev/loop3, as Ganeti does in a
symlink, and should find nothing there later, not another's disk.

The calls are those of loop(4); LOOP_CONFIGURE needs Linux 5.8.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import struct
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Callable, Iterator, List, Optional, Sequence, Tuple

from ganeti_gluster_mon import safe_open
from ganeti_gluster_mon.backend import child_call, loop_records
from ganeti_gluster_mon.backend.disk_error import DiskError

_CONTROL = "/dev/loop-control"
_SYSFS = "/sys/block"
_MAX_PART = "/sys/module/loop/parameters/max_part"
_DEVICES = "/sys/dev/block"
_PROC = "/proc"
#: what the kernel appends to the path of a file that has no name any more
_DELETED = " (deleted)"
#: seconds for a lock; for a call to a device, which may wait for Gluster: its client gives up a brick that hangs after
#: 42 s (network.ping-timeout); and for the query of a device that is not recorded
_LOCK_TIMEOUT, _CALL_TIMEOUT, _QUERY_TIMEOUT = 60.0, 50.0, 5.0
#: seconds between two tries to get a lock: the first pause and the longest
_PAUSE, _LONGEST_PAUSE = 0.01, 0.1

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
    #: None where it is not known, as a query may hang; the path has to do then
    inode: Optional[int] = None

    @classmethod
    def of(cls, descriptor: int, path: str) -> Backing:
        """The open file *descriptor*, which is at *path*."""
        status = os.fstat(descriptor)
        return cls(path, _numbers(status.st_dev), status.st_ino)


@contextmanager
def locked(filesystem: str, path: str) -> Iterator[int]:
    """Find and make devices on files of *filesystem* (MAJOR:MINOR) alone, until the end of the block; the lock.

    *path* is the file concerned, for the message.  Raises LoopError after 60 s, and where there can be no lock.
    """
    name = os.path.join(loop_records.DIRECTORY, f"lock-{filesystem}")
    with _errors(f"{path}: cannot use {name}"):
        os.makedirs(loop_records.DIRECTORY, mode=0o755, exist_ok=True)
        lock = safe_open.lock_file(name)
    try:
        _wait_for_lock(lock, name, path)
        yield lock
    finally:
        # Closing it is not enough: a child process that hangs has a copy of the descriptor.
        fcntl.flock(lock, fcntl.LOCK_UN)
        os.close(lock)


def _wait_for_lock(lock: int, name: str, path: str) -> None:
    """Raises LoopError."""
    until, pause = time.monotonic() + _LOCK_TIMEOUT, _PAUSE
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > until:
                raise LoopError(
                    f"{path}: another process has held the lock for loop devices on this volume for "
                    f"{_LOCK_TIMEOUT:g} s (`fuser {name}` shows which); does the volume hang? `gluster volume status`"
                ) from None
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)


def on(backing: Backing) -> List[str]:
    """The devices that are backed by *backing*: /dev/loop7; one, unless an administrator made another by hand.

    No filesystem receives a request, but for a device that is not recorded; that has 5 s.
    Raises LoopError if such a device does not answer.
    """
    return [device for device in _named(backing.path) if _is_on(device, backing)]


def lend(file: int, path: str) -> Tuple[str, int]:
    """A device on the open *file*, which is at *path*: the one there is or a new one, and a descriptor of it.

    A new one is there as long as any process has it open.  It reads and writes the file past the page cache where the
    file system allows that.  Raises LoopError.
    """
    with _errors(f"{path}: cannot have a loop device"):
        backing = Backing.of(file, path)
        with locked(backing.filesystem, path) as lock:
            devices = on(backing)
            found = _call(
                f"{path}: its loop device", lambda: _open_or_new(file, backing, devices), close=[lock]
            )
    (descriptor,) = found.descriptors
    return str(found.value), descriptor


def _open_or_new(file: int, backing: Backing, devices: Sequence[str]) -> child_call.Result:
    """The first of *devices* that is still there, else a new one.  Raises OSError."""
    for device in devices:
        with suppress(OSError):  # it disappeared meanwhile
            descriptor = os.open(device, os.O_RDWR | os.O_CLOEXEC)
            if _is_on(device, backing):  # and stays, now that it is open
                return child_call.Result(device, [descriptor])
            os.close(descriptor)
    device, descriptor = _new(file, backing.path)
    try:
        assert backing.inode is not None
        loop_records.write(os.path.basename(device), backing.filesystem, backing.inode)
    except BaseException:
        os.close(descriptor)
        raise
    return child_call.Result(device, [descriptor])


def _call(
    subject: str,
    function: Callable[[], child_call.Result],
    timeout: Optional[float] = None,
    close: Sequence[int] = (),
) -> child_call.Result:
    """What *function* returns, which may hang as long as a volume does; *subject* begins the message.

    Raises OSError as *function* does, and LoopError after *timeout* (50) seconds.
    """
    limit = _CALL_TIMEOUT if timeout is None else timeout
    try:
        return child_call.call(function, limit, close)
    except child_call.CallTimeoutError as err:
        raise LoopError(
            f"{subject} does not answer within {limit:g} s: the volume hangs; see `gluster volume status`"
        ) from err


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
                continue  # it belongs to another file, or was undone as unused
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
    """Remove devices of ours that have no backing file any more, and their records."""
    for entry in os.listdir(_SYSFS):
        number = entry[len("loop") :] if entry.startswith("loop") else ""
        if number.isdecimal() and int(number) >= _FIRST and not os.path.exists(f"{_SYSFS}/{entry}/loop"):
            with suppress(OSError):  # a process has it open, or another process was quicker
                _control(_CTL_REMOVE, int(number))
    loop_records.remove_stale()


def _control(call: int, number: int) -> None:
    control = os.open(_CONTROL, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.ioctl(control, call, number)
    finally:
        os.close(control)


def is_lasting(descriptor: int) -> bool:
    """Whether a device stays when no process has it open.  Raises LoopError."""
    number = os.fstat(descriptor).st_rdev
    path = f"{_DEVICES}/{_numbers(number)}/loop/autoclear"
    with _errors("the state of a loop device cannot be read"), open(path, encoding="ascii") as file:
        return file.read().strip() == "0"


def make_lasting(descriptor: int) -> None:
    """Have a device stay when no process has it open.  Raises LoopError, also if it does not answer within 50 s."""

    def change() -> child_call.Result:
        fields = list(_info(descriptor))
        fields[_FLAGS] &= ~_AUTOCLEAR
        fcntl.ioctl(descriptor, _SET_STATUS64, _INFO.pack(*fields))
        return child_call.Result()

    device = os.readlink(f"/proc/self/fd/{descriptor}")
    with _errors(f"{device} cannot be made to stay"):
        _call(_with_file(device), change)


def clear(device: str) -> None:
    """Undo *device*: at once, or when the last process that has it open closes it.

    Raises LoopError, also if the device does not answer within 50 s.
    """

    def undo() -> child_call.Result:
        descriptor = os.open(device, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.ioctl(descriptor, _CLR_FD)
        except OSError as err:
            if err.errno != errno.ENXIO:  # which it has if it is undone already
                raise
        finally:
            os.close(descriptor)
        return child_call.Result()

    with _errors(f"{device} cannot be detached"):
        _call(_with_file(device), undo)


def resize(device: str) -> None:
    """Have *device* take the new size of its file.  Raises LoopError, also if it does not answer within 50 s."""

    def change() -> child_call.Result:
        descriptor = os.open(device, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.ioctl(descriptor, _SET_CAPACITY)
        finally:
            os.close(descriptor)
        return child_call.Result()

    with _errors(f"{device} cannot be given its new size"):
        _call(_with_file(device), change)


def recorded_on(filesystem: str) -> List[Tuple[str, str]]:
    """The devices made here on files of *filesystem* (MAJOR:MINOR), each with the path of its file.

    No filesystem receives a request.
    """
    found = []
    for entry in os.listdir(_SYSFS):
        record = loop_records.read(entry) if entry.startswith("loop") else None
        if record is not None and record[0] == filesystem:
            found.append((f"/dev/{entry}", loop_records.backing_file(entry).removesuffix(_DELETED)))
    return found


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


def _named(path: str) -> Iterator[str]:
    """The devices whose file the kernel names *path*."""
    for entry in os.listdir(_SYSFS):
        if entry.startswith("loop") and loop_records.backing_file(entry) in (path, f"{path}{_DELETED}"):
            yield f"/dev/{entry}"


def _is_on(device: str, backing: Backing) -> bool:
    """Whether *backing* backs the device.  Raises LoopError if it is not recorded and does not answer."""
    name = os.path.basename(device)
    if not loop_records.backing_file(name):
        return False
    found = loop_records.read(name) or _query(device)
    return found is not None and found[0] == backing.filesystem and backing.inode in (None, found[1])


def _query(device: str) -> Optional[Tuple[str, int]]:
    """The filesystem and the inode number of the file of *device*; None if it has none.  Raises LoopError."""

    def status() -> child_call.Result:
        descriptor = os.open(device, os.O_RDONLY | os.O_CLOEXEC)
        try:
            number, inode = _info(descriptor)[:2]
        finally:
            os.close(descriptor)
        return child_call.Result(f"{_numbers(number)} {inode}")

    try:
        answer = _call(_with_file(device), status, _QUERY_TIMEOUT)
    except OSError:
        return None
    filesystem, inode = str(answer.value).split()
    return filesystem, int(inode)


def _with_file(device: str) -> str:
    """*device* for a message, with the path of its file."""
    return f"{device} (on {loop_records.backing_file(os.path.basename(device)) or 'no file'})"


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
