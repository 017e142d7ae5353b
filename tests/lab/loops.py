"""Loop devices made in a host. They are the machine's, and would outlive the host whose file they stand on.

So whoever ends a host lets go of them. Where nobody is left to do so, the creator of the lab having been killed by
SIGKILL, they stay until an administrator does: nothing tells any more whose they were.
"""

from __future__ import annotations

import json
import subprocess
from typing import List, Set

from tests.lab.process import PROC
from tests.lab.tools import PATH


def standing_in(pid: int) -> List[str]:
    """The loop devices on files of file systems that only the mount namespace of *pid* has."""
    try:
        own = _devices(str(pid)) - _devices("self")
    except (FileNotFoundError, ProcessLookupError):
        return []  # it ended meanwhile, and its mounts with it
    if not own:
        return []  # a switch, or a host that was ended before it had any
    argv = ["losetup", "--list", "--json", "--output", "NAME,BACK-MAJ:MIN"]
    listed = subprocess.run(argv, env={"PATH": PATH}, check=True, capture_output=True, text=True, timeout=10)
    loops = json.loads(listed.stdout)["loopdevices"] if listed.stdout else []
    # null for one that is let go just now
    return [loop["name"] for loop in loops if (loop["back-maj:min"] or "").strip() in own]


def _devices(pid: str) -> Set[str]:
    """The devices of the file systems that a process sees, as MAJOR:MINOR: proc(5)."""
    return {line.split()[2] for line in (PROC / pid / "mountinfo").read_text().splitlines()}


def release(devices: List[str]) -> None:
    """Let go of them, or as soon as nobody has them open any more."""
    for device in devices:
        subprocess.run(["losetup", "--detach", device], env={"PATH": PATH}, check=False, timeout=10)
