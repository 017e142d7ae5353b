"""Prints the processes of Gluster on a node, other than glusterd: [[pid, state, what it is], …].

Arguments: the volumes.  Bricks, mounts and rebalances of other volumes are left out; self-heal daemons and the like
serve all volumes of a node.  The state is the kernel's letter: "T" is a process that a signal has stopped.
"""

from __future__ import annotations

import json
import os
import sys
from typing import List, Sequence, Tuple


def gluster_processes(volumes: Sequence[str]) -> List[Tuple[int, str, str]]:
    """Each process with its state, and the words that name it.  One that has ended and is not reaped is left out."""
    found = []
    for pid in sorted(filter(str.isdigit, os.listdir("/proc")), key=int):
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                state = file.read().rpartition(b")")[2].split()[0].decode()
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = [os.fsdecode(word) for word in file.read().split(b"\0")[:-1]]
        except OSError:
            continue  # it has just ended
        what = named(words, volumes) if words and state not in "ZX" else ""
        if what:
            found.append((int(pid), state, what))
    return found


def named(words: Sequence[str], volumes: Sequence[str]) -> str:
    """What a process with the arguments *words* is; "" where it is none that serves *volumes*."""
    if os.path.basename(words[0]) not in ("glusterfs", "glusterfsd"):
        return ""
    options = {one: other for one, other in zip(words, words[1:]) if one.startswith("--")}
    for word in words:
        name, separator, value = word.partition("=")
        if separator:
            options[name] = value
    volfile = options.get("--volfile-id", "").lstrip("/")
    kind, _, volume = volfile.rpartition("/")
    if kind in ("shd", "gluster") or options.get("--process-name") == "glustershd":
        return f"daemon {volfile}"
    if "--brick-name" in options:
        return f"brick {options['--brick-name']}" if volfile.partition(".")[0] in volumes else ""
    if volume not in volumes:
        return ""
    return f"daemon {volfile}" if kind else f"mount {words[-1]}"


if __name__ == "__main__":
    print(json.dumps(gluster_processes(sys.argv[1:])))
