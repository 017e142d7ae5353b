"""The part of disks.py that Ganeti's own Python runs on a node: seconds of each call, as JSON."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, "/usr/share/ganeti/3.0")

from ganeti import constants
from ganeti.storage.gluster import GlusterStorage as Own

from ganeti_gluster_mon.backend.blockdev import bdev
from ganeti_gluster_mon.backend.local_bricks import local_bricks

ROUNDS = 15
PARAMS = {"host": "127.0.0.1", "port": 24007, "volume": "gv0", "access": "userspace"}
DISK: Tuple[Any, ...] = (("loop", "ganeti/bench.0"), [], 256, PARAMS, {})
#: where Ganeti's own class mounts, and stays mounted
POINT = "/var/run/ganeti/gluster"


def used(kind: Any) -> str:
    """As noded does it for a guest that starts and stops: two calls."""
    disk = kind(*DISK)
    disk.Assemble()
    disk.Open()
    uri: str = disk.GetUserspaceAccessUri(constants.HT_KVM)
    kind(*DISK).Shutdown()
    return uri


def timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def main() -> None:
    (path, children, size, params, dynamic) = DISK
    disk = bdev.GlusterStorage.Create(path, children, size, None, params, False, dynamic)
    seconds: Dict[str, List[float]] = {}

    def note(name: str, act: Callable[[], object]) -> None:
        seconds.setdefault(name, []).append(timed(act))

    assert used(bdev.GlusterStorage) == used(Own), "both have QEMU take the same way"
    for _ in range(ROUNDS):
        note("own, mounted", lambda: used(Own))
        subprocess.run(["umount", POINT], check=True)
        note("own", lambda: used(Own))
        subprocess.run(["umount", POINT], check=True)
        note("ours", lambda: used(bdev.GlusterStorage))
        vars(bdev)["local_bricks"] = lambda server, volume: []  # as on a node without bricks
        note("ours, away", lambda: used(bdev.GlusterStorage))
        vars(bdev)["local_bricks"] = local_bricks
        used(Own)
    subprocess.run(["umount", POINT], check=True)
    for _ in range(200):
        note("status", disk.GetSyncStatus)
    assert not disk.GetSyncStatus().is_degraded
    print(json.dumps(seconds))


if __name__ == "__main__":
    main()
