"""Which disks the KVM guests of this node have open by their URI, and which by a path.

Those that a guest was started with are on its command line: Ganeti 3.0 writes the URI, Ganeti 3.1 its parts.  Those
that were added while it ran are in the file that Ganeti has for each guest of this node: JSON, a list whose fourth
element is a list of disks, each with its URI last (ganeti.hypervisor.hv_kvm).
"""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Iterator, Optional, Tuple

from ganeti_gluster_mon.backend import gluster_uri

_PROC = "/proc"
_QEMU = re.compile(rb"(?:.*/)?(?:qemu-system-[^/]*|kvm)\Z")
#: Ganeti's own: conf/NAME.runtime of each guest, and pid/NAME with the number of its process
GANETI = "/var/run/ganeti/kvm-hypervisor"
_DISKS = 3
#: Ganeti's: INSTANCE:NUMBER leads to the disk of a guest that is started (constants.DISK_LINKS_DIR)
LINKS = "/var/run/ganeti/instance-disks"


@dataclass(frozen=True)
class GuestDisk:
    """A disk of a guest that runs on this node."""

    guest: str
    #: QEMU's name of it, where Ganeti names them (node-name)
    block_device: str


def guest_disk(uri: str) -> Optional[GuestDisk]:
    """The disk of a guest of Ganeti's here that was given the file of *uri* by a URI, of whatever server."""
    wanted = _file(uri)
    for guest, text in _runtimes(GANETI):
        with suppress(ValueError, LookupError, TypeError, AttributeError):  # of another version of Ganeti
            for disk in json.loads(text)[_DISKS]:
                if wanted is not None and isinstance(disk[-1], str) and _file(disk[-1]) == wanted:
                    return GuestDisk(guest, str(disk[0]["hvinfo"]["id"]))
    return None


def _file(uri: str) -> Optional[Tuple[str, str]]:
    """Volume and path of *uri*."""
    found = gluster_uri.blockdev(uri)
    return None if found is None else (found["volume"], found["path"])


def has_open(uri: str) -> bool:
    """Whether a guest that runs here has the disk *uri*, gluster://…"""
    if any(names(_command_line(pid), uri) for pid in os.listdir(_PROC) if pid.isdecimal()):
        return True
    return any(was_given(text, uri) for _, text in _runtimes(GANETI))


def has_device(device: str) -> bool:
    """Whether Ganeti has started a guest here with the block device *device*, or a QEMU has it open.

    Ganeti has a symlink to each disk of a guest from its start to its shutdown.
    """
    with suppress(FileNotFoundError):  # no guest of Ganeti's has been here
        for name in os.listdir(LINKS):
            with suppress(OSError):  # it was removed meanwhile
                if os.readlink(os.path.join(LINKS, name)) == device:
                    return True
    return any(_has_file(pid, device) for pid in os.listdir(_PROC) if pid.isdecimal())


def _has_file(pid: str, path: str) -> bool:
    """Whether the process *pid* is a QEMU that has the file *path* open."""
    if _QEMU.match(_command_line(pid).partition(b"\0")[0]):
        directory = f"{_PROC}/{pid}/fd"
        with suppress(OSError):  # it ended meanwhile
            return any(os.readlink(f"{directory}/{each}") == path for each in os.listdir(directory))
    return False


def names(command_line: bytes, uri: str) -> bool:
    """Whether *command_line*, words ended by NUL as in proc(5), is of a QEMU that has the disk *uri*."""
    program, _, words = command_line.partition(b"\0")
    if not _QEMU.match(program):
        return False
    # In an option of QEMU's the value ends with the word, or with a comma.
    if re.search(rb"[=\0]" + re.escape(uri.encode()) + rb"[,\0]", b"\0" + words):
        return True
    # Ganeti 3.1 takes the URI apart.
    options = (
        word.decode("utf-8", "replace") for word in words.split(b"\0") if b"file.driver=gluster" in word
    )
    return any(gluster_uri.is_in(option, uri) for option in options)


def was_given(runtime: str, uri: str) -> bool:
    """Whether *runtime*, the text of Ganeti's file about a guest, has the disk *uri*."""
    try:
        return any(disk[-1] == uri for disk in json.loads(runtime)[_DISKS])
    except (ValueError, LookupError, TypeError):
        return False  # of another version of Ganeti; the command line is all there is


def _runtimes(directory: str) -> Iterator[Tuple[str, str]]:
    """Each guest that runs, with the text of Ganeti's file about it."""
    with suppress(OSError):  # no guest of Ganeti's has been here, or it ended meanwhile
        for name in os.listdir(f"{directory}/pid"):
            with (
                suppress(OSError),
                open(f"{directory}/pid/{name}", encoding="ascii", errors="replace") as file,
            ):
                if _QEMU.match(_command_line(file.read().strip()).partition(b"\0")[0]):
                    with open(
                        f"{directory}/conf/{name}.runtime", encoding="utf-8", errors="replace"
                    ) as runtime:
                        yield name, runtime.read()


def _command_line(pid: str) -> bytes:
    """Of the process *pid*; empty if there is none any more."""
    with suppress(OSError), open(f"{_PROC}/{pid}/cmdline", "rb") as file:
        return file.read()
    return b""
