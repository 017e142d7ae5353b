"""/etc/fstab: what is mounted at boot.  fstab(5); x-systemd options: systemd.mount(5)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Optional, Tuple

PATH = "/etc/fstab"

#: A brick's disk that is gone must not keep the node from booting (nofail); glusterd, which starts the bricks,
#: waits for those that are there.
OPTIONS = "defaults,noatime,inode64,nofail,x-systemd.before=glusterd.service"
#: the same for filesystems without xfs' option
_OTHER_OPTIONS = OPTIONS.replace("inode64,", "")

_ESCAPE = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True)
class Entry:
    """One line of it."""

    #: "UUID=…", "/dev/vdb1", …
    source: str
    mount_point: str
    filesystem: str
    options: str


def entries(text: str) -> Tuple[Entry, ...]:
    """The lines of fstab that are entries; what cannot be one is skipped, as mount(8) does."""
    return tuple(one for one in map(_entry, text.splitlines()) if one is not None)


def _entry(line: str) -> Optional[Entry]:
    fields = line.split()
    if len(fields) < 4 or fields[0].startswith("#"):
        return None
    source, point, filesystem, options = (
        _ESCAPE.sub(lambda code: chr(int(code[1], 8)), field) for field in fields[:4]
    )
    return Entry(source, point, filesystem, options)


def lines(text: str, mount_point: str) -> Tuple[str, ...]:
    """The lines of fstab, as they stand there, that mount something at *mount_point*."""
    found = ((line, _entry(line)) for line in text.splitlines())
    return tuple(line for line, entry in found if entry is not None and entry.mount_point == mount_point)


def remove(line: str) -> Tuple[str, ...]:
    """The command that takes *line* out of fstab: sed(1) writes a new file and renames it."""
    escaped = re.sub(r"([\\.*^$\[\]/])", r"\\\1", line)
    return ("sed", "--in-place", "--follow-symlinks", f"/^{escaped}$/d", PATH)


def line(uuid: str, mount_point: str, filesystem: str = "xfs") -> str:
    """The line, without its end, that mounts the *filesystem* with that UUID at boot."""
    escaped = "".join(c if c not in " \t\n\\" else f"\\{ord(c):03o}" for c in mount_point)
    options = OPTIONS if filesystem == "xfs" else _OTHER_OPTIONS
    return f"UUID={uuid} {escaped} {filesystem} {options} 0 0"
