"""Prints the brick processes of a node, whichever volume they serve: [[pid, state, path of a brick], …].

The state is the kernel's letter.  A process that has ended and is not reaped yet is left out.
"""

from __future__ import annotations

import json
import os
from typing import List, Tuple


def brick_processes() -> List[Tuple[int, str, str]]:
    """Each glusterfsd with a brick; of one that serves several bricks the first is named."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
            with open(f"/proc/{pid}/stat", "rb") as file:
                state = file.read().rpartition(b")")[2].split()[0].decode()
        except OSError:
            continue  # it has just ended
        if os.path.basename(words[0]) != b"glusterfsd" or b"--brick-name" not in words[:-1] or state in "ZX":
            continue
        path = words[words.index(b"--brick-name") + 1]
        found.append((int(pid), state, path.decode("utf-8", "replace")))
    return sorted(found)


if __name__ == "__main__":
    print(json.dumps(brick_processes()))
