"""Prints the mutes of hosts that a node knows, or sets them: ``node_mute DIRECTORY UNTIL|- HOST…``.

DIRECTORY has the file mutes.json, whose form ganeti_gluster_mon/mutes.py describes.  UNTIL is in seconds since the
epoch; 0 ends the mutes, and - only prints them.  It prints {"installed": false} where there is no such directory: no
daemon runs on that node that would read the file.  Else it prints {"installed": true, "until": {HOST: UNTIL}}.
"""

from __future__ import annotations

import fcntl
import json
import math
import os
import sys
import time
from contextlib import suppress
from typing import Any, Dict, List, Sequence

_FILE = "mutes.json"
_MOST = 100
#: seconds that another writer is waited for
_LOCK_TIMEOUT = 5.0


def entries(directory: int) -> List[Any]:
    """The entries of the file; none where it is missing or is none of ours."""
    try:
        descriptor = os.open(_FILE, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=directory)
        with open(descriptor, "rb") as file:
            fields = json.loads(file.read(1 << 16))
        return [each for each in fields["mutes"] if _is_entry(each)]
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return []


def _is_entry(each: Any) -> bool:
    """Whether *each* has the form of an entry: an unprivileged process may have written the file."""
    if not isinstance(each, list) or len(each) not in (4, 5):
        return False
    names, times = (*each[:2], *each[4:]), each[2:4]
    return all(isinstance(name, str) for name in names) and all(
        type(moment) in (int, float) and math.isfinite(moment) for moment in times
    )


def key(entry: Sequence[Any]) -> List[Any]:
    """What an entry mutes: code, volume and host."""
    return [entry[0], entry[1], entry[4] if len(entry) > 4 else ""]


def set_mutes(directory: int, until: float, hosts: Sequence[str]) -> None:
    """Mute all problems of *hosts* until *until*.  Raises OSError."""
    deadline = time.monotonic() + _LOCK_TIMEOUT
    while True:
        try:
            fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.02)
    known, now = entries(directory), time.time()
    for host in hosts:
        old = [each for each in known if key(each) == ["ALL", "", host]]
        set_at = max([now, *(each[3] + 0.001 for each in old)])
        known = [each for each in known if each not in old]
        known.append(["ALL", "", max(until, now), set_at, host])
    known.sort(key=lambda each: -float(each[3]))
    content = json.dumps({"format_version": 1, "mutes": known[:_MOST]}).encode("ascii")
    temporary = f".{_FILE}.{os.getpid()}"
    with suppress(FileNotFoundError):
        os.unlink(temporary, dir_fd=directory)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with open(os.open(temporary, flags, 0o644, dir_fd=directory), "wb") as file:
        file.write(content)
        file.flush()
        os.fchmod(file.fileno(), 0o644)
        os.fsync(file.fileno())
    os.rename(temporary, _FILE, src_dir_fd=directory, dst_dir_fd=directory)


def main() -> None:
    """Do it and print, or print one line on standard error and end with 1."""
    path, until, *hosts = sys.argv[1:]
    try:
        directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except FileNotFoundError:
        print(json.dumps({"installed": False}))
        return
    except OSError as err:
        sys.exit(f"{path}: {err.strerror}")
    try:
        if until != "-":
            set_mutes(directory, float(until), hosts)
    except OSError as err:
        sys.exit(f"{path}/{_FILE} cannot be written to: {err.strerror}")
    now = time.time()
    found: Dict[str, float] = {}
    for entry in entries(directory):
        if entry[0] == "ALL" and entry[1] == "" and key(entry)[2] in hosts and entry[2] > now:
            found[entry[4]] = entry[2]
    print(json.dumps({"installed": True, "until": found}))


if __name__ == "__main__":
    main()
