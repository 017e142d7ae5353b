"""Prints the copies that were kept aside on a device, where it is mounted: ``kept_copies DEVICE DIRECTORY``.

It is one JSON object: ``mounted`` (whether the device itself is mounted somewhere) and ``files``, the paths of the
files below DIRECTORY of its filesystem, at most 1000.
"""

from __future__ import annotations

import json
import os
import re
import sys
from typing import Any, Dict, List

_MOST = 1000
_MOUNTS = "/proc/self/mountinfo"


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


def kept_copies(device: str, directory: str) -> Dict[str, Any]:
    """The object that is printed.  Raises OSError."""
    points = mount_points(device)
    return {
        "mounted": bool(points),
        "files": [file for point in points[:1] for file in files_below(os.path.join(point, directory))],
    }


def main() -> None:
    """Print it, or one line on standard error and end with 1."""
    try:
        print(json.dumps(kept_copies(*sys.argv[1:])))
    except OSError as err:
        sys.exit(f"{err.filename}: {err.strerror}")


if __name__ == "__main__":
    main()
