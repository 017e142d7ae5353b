"""How a disk is, as noded sees it: ``look.py PATH [PARAMETER=VALUE …]``; JSON on standard output."""

from __future__ import annotations

import json
import sys
import time

sys.path.insert(0, "/usr/share/ganeti/default")

from ganeti.storage.gluster import GlusterStorage


def main(path: str, *parameters: str) -> None:
    given = dict(word.split("=", 1) for word in parameters)
    params = {"host": "127.0.0.1", "port": 24007, "volume": "gv0", "access": "userspace", **given}
    disk = GlusterStorage(("loop", path), [], 4, params, {})
    status = disk.GetSyncStatus()
    started = time.perf_counter()
    for _ in range(100):
        disk.GetSyncStatus()
    seconds = (time.perf_counter() - started) / 100
    print(json.dumps({"degraded": status.is_degraded, "percent": status.sync_percent, "seconds": seconds}))


if __name__ == "__main__":
    main(*sys.argv[1:])
