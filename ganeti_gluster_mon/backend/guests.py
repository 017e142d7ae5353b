"""Which disks the KVM guests of this node have open by their URI: read off their command lines."""

from __future__ import annotations

import os
import re
from contextlib import suppress

_PROC = "/proc"
_QEMU = re.compile(rb"(?:.*/)?(?:qemu-system-[^/]*|kvm)\Z")


def has_open(uri: str) -> bool:
    """Whether a guest was started with the disk *uri*, gluster://…; QEMU goes on with it until it ends."""
    return any(_names(pid, uri) for pid in os.listdir(_PROC) if pid.isdecimal())


def _names(pid: str, uri: str) -> bool:
    with suppress(OSError), open(f"{_PROC}/{pid}/cmdline", "rb") as file:  # OSError: it ended meanwhile
        return names(file.read(), uri)
    return False


def names(command_line: bytes, uri: str) -> bool:
    """Whether *command_line*, words ended by NUL as in proc(5), is of a QEMU that has the disk *uri*."""
    program, _, words = command_line.partition(b"\0")
    # In an option of QEMU's the value ends with the word, or with a comma.
    return bool(
        _QEMU.match(program) and re.search(rb"[=\0]" + re.escape(uri.encode()) + rb"[,\0]", b"\0" + words)
    )
