"""Prints the copies that were kept aside on a device and its partitions: ``kept_copies DEVICE DIRECTORY``.

It is one JSON object: ``files``, the paths of the files below DIRECTORY of the filesystems that are mounted, at most
1000, and ``unmounted``, those of the devices that are not mounted and have DIRECTORY in a filesystem xfs or ext4.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import Any, Dict, List, Sequence

_MOST = 1000
_MOUNTS = "/proc/self/mountinfo"
_TIMEOUT = 8.0
#: by filesystem: the command that lists a directory of an unmounted device, and what it prints where there is none
_LISTING = {
    "xfs": (("xfs_db", "-r", "-c", "ls /{directory}", "{device}"), "No such file or directory"),
    "ext4": (("debugfs", "-R", "ls -p /{directory}", "{device}"), "File not found by ext2_lookup"),
}


def mount_points(device: str) -> List[str]:
    """Where the root of the filesystem on *device* is mounted.  Raises OSError."""
    number = os.stat(device).st_rdev
    wanted = f"{os.major(number)}:{os.minor(number)}"
    found = []
    with open(_MOUNTS, encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            words = line.split()
            if words[2] == wanted and words[3] == "/":
                found.append(re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), words[4]))
    return found


def partitions(device: str) -> List[str]:
    """The partitions of *device*.  Raises OSError."""
    number = os.stat(device).st_rdev
    directory = f"/sys/dev/block/{os.major(number)}:{os.minor(number)}"
    try:
        names = sorted(os.listdir(directory))
    except FileNotFoundError:
        return []
    return [f"/dev/{name}" for name in names if os.path.exists(os.path.join(directory, name, "partition"))]


def files_below(directory: str) -> List[str]:
    """The files below *directory*; none where it is not there.  Raises OSError where it cannot be read."""
    found: List[str] = []

    def refuse(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            raise error

    for where, _, names in os.walk(directory, onerror=refuse):
        found += [os.path.join(where, name) for name in sorted(names)]
        if len(found) >= _MOST:
            break
    return found[:_MOST]


def has_directory(device: str, directory: str) -> bool:
    """Whether the filesystem on *device*, which is not mounted, has *directory*.

    Only xfs and ext4 are looked into.  Raises OSError where that is not known.
    """
    kind = run(device, ("blkid", "-p", "-o", "value", "-s", "TYPE", device)).stdout.strip()
    if kind not in _LISTING:
        return False
    template, absent = _LISTING[kind]
    done = run(device, [word.format(device=device, directory=directory) for word in template])
    if absent in done.stdout + done.stderr:
        return False
    # debugfs ends with 0 where it cannot read the device
    if done.returncode or not done.stdout.strip():
        lines = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
        raise OSError(0, f"{template[0]}: {lines[-1]}", device)
    return True


def run(device: str, argv: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a command that reads *device*.  Raises OSError where it does not come to an end."""
    try:
        return subprocess.run(
            argv, check=False, capture_output=True, text=True, errors="replace", timeout=_TIMEOUT
        )
    except subprocess.TimeoutExpired as error:
        raise OSError(0, f"{argv[0]}: no answer within {_TIMEOUT:g} s", device) from error


def kept_copies(device: str, directory: str) -> Dict[str, Any]:
    """The object that is printed.  Raises OSError."""
    files: List[str] = []
    unmounted: List[str] = []
    for one in (device, *partitions(device)):
        points = mount_points(one)
        files += [file for point in points[:1] for file in files_below(os.path.join(point, directory))]
        if not points and has_directory(one, directory):
            unmounted.append(one)
    return {"files": files, "unmounted": unmounted}


def main() -> None:
    """Print it, or one line on standard error and end with 1."""
    try:
        print(json.dumps(kept_copies(*sys.argv[1:])))
    except OSError as err:
        sys.exit(f"{err.filename}: {err.strerror}")


if __name__ == "__main__":
    main()
