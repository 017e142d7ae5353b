"""What a brick holds: ``brick_contents PATH [--sizes]`` prints it as one JSON object.

``entries``  files, directories and others below PATH, without what Gluster keeps for itself
``digest``   of all their paths and kinds, in whatever order they were found
``allocated``, ``filesystem``, ``available``  with --sizes: bytes that the files take, bytes of the filesystem, and
bytes that are free in it

Each name is read, no file is opened.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from typing import Dict, List, Union

_INTERNAL = (".glusterfs", ".trashcan")
_ANONYMOUS = ".glusterfs-anonymous-inode-"


def contents(brick: str, sizes: bool) -> Dict[str, Union[int, str]]:
    """The object that is printed.  Raises OSError."""
    entries = digest = allocated = 0
    directories: List[str] = [""]
    os.stat(brick)
    while directories:
        below = directories.pop()
        try:
            with os.scandir(os.path.join(brick, below)) as found:
                for entry in found:
                    if not below and (entry.name in _INTERNAL or entry.name.startswith(_ANONYMOUS)):
                        continue
                    path = os.path.join(below, entry.name)
                    directory = entry.is_dir(follow_symlinks=False)
                    if directory:
                        directories.append(path)
                    entries += 1
                    kind = b"d" if directory else b"f" if entry.is_file(follow_symlinks=False) else b"o"
                    hashed = hashlib.blake2b(kind + os.fsencode(path), digest_size=16).digest()
                    digest ^= int.from_bytes(hashed, "big")
                    if sizes:
                        allocated += entry.stat(follow_symlinks=False).st_blocks * 512
        except (
            FileNotFoundError
        ):  # removed since it was listed: a guest's work, which the other copies have, too
            continue
    found_so: Dict[str, Union[int, str]] = {"entries": entries, "digest": f"{digest:032x}"}
    if sizes:
        filesystem = os.statvfs(brick)
        found_so["allocated"] = allocated
        found_so["filesystem"] = filesystem.f_blocks * filesystem.f_frsize
        found_so["available"] = filesystem.f_bavail * filesystem.f_frsize
    return found_so


def main() -> None:
    """Print the object, or one line on standard error and end with 1."""
    try:
        print(json.dumps(contents(sys.argv[1], "--sizes" in sys.argv[2:])))
    except OSError as err:
        sys.exit(f"{err.filename}: {err.strerror}")


if __name__ == "__main__":
    main()
