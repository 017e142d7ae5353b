"""Prints the processes of Gluster on a node that a signal has stopped: [[pid, what it is], …].

Arguments: the volumes.  Bricks, mounts and rebalances of other volumes are left out; self-heal daemons and the like
serve all volumes of a node.  A process that a debugger holds (state "t") is left out.
"""

from __future__ import annotations

import json
import os
import sys
from typing import List, Sequence, Tuple


def stopped_processes(volumes: Sequence[str]) -> List[Tuple[int, str]]:
    """Each process with its state "T" in /proc, and the words that name it."""
    found = []
    for pid in sorted(filter(str.isdigit, os.listdir("/proc")), key=int):
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                state = file.read().rpartition(b")")[2].split()[0]
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = [os.fsdecode(word) for word in file.read().split(b"\0")[:-1]]
        except OSError:
            continue  # it has just ended
        what = named(words, volumes) if state == b"T" and words else ""
        if what:
            found.append((int(pid), what))
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
    print(json.dumps(stopped_processes(sys.argv[1:])))
