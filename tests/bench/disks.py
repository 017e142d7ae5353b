"""What a disk costs: `python -m tests.bench.disks`, on three hosts of a lab, one of them a node of Ganeti.

Our class and Ganeti's own, in one process and one run, as noded uses them: each call makes the object anew.  And QEMU's
way through the URI, which both classes give, against its way through the mount.
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path
from typing import Dict, List

from tests.lab import Cluster
from tests.lab.pool import Pool
from tests.lab_tests.daemon import serving

INSIDE = Path(__file__).with_name("disks_on_node.py")
#: operations at once, as a guest's disk has them, and rounds, one way after the other
DEPTH, ROUNDS = 32, 3
#: what is done: name → (options of qemu-img bench, operations, bytes of each)
LOADS = {
    "write 4 KiB": (["-w"], 3000, 4096),
    "write 64 KiB": (["-w"], 1500, 65536),
    "read 4 KiB": ([], 6000, 4096),
    "read 64 KiB": ([], 3000, 65536),
}


def main() -> int:
    with Pool.first_free("ganeti-gluster-bench") as pool:
        pool.probe()
        pool.create_volume("gv0", pool.bricks("/export/b1/gv0"), replica=3)
        cluster = Cluster(pool).up([1])
        with serving(pool, 1) as daemon:
            daemon.wait_code(0)
            argv = ["/usr/bin/python3", str(INSIDE)]
            report = json.loads(cluster.run(1, *argv, timeout=300))
        failed = _calls(report)
        print()
        _throughput(cluster, report["uri"])
    return failed


def _calls(durations: Dict[str, List[float]]) -> int:
    """The table of calls; 1 if one is worse than it may be."""
    median = {name: statistics.median(seconds) for name, seconds in durations.items() if name != "uri"}
    ours = median["ours"]
    print(f"{'a userspace disk, Assemble and Shutdown':46} median ms   ratio   at least")
    print(f"{'ours':46} {ours * 1000:9.2f}    1.00")
    print(f"{'Ganeti’s own, which mounts':46} {median['own'] * 1000:9.2f} {median['own'] / ours:7.2f}   5")
    left = median["own, mounted"]
    print(f"{'Ganeti’s own, over the mount it left behind':46} {left * 1000:9.2f} {left / ours:7.2f}")
    print(f"{'ours, where no brick of the disk is here':46} {median['ours, away'] * 1000:9.2f}")
    print()
    print(f"{'':46} median ms           at most")
    print(f"{'GetSyncStatus, with the daemon':46} {median['status'] * 1000:9.2f}           5")
    return int(median["own"] < 5 * ours or median["status"] > 0.005)


def _throughput(cluster: Cluster, uri: str) -> None:
    point = "/run/ganeti/gluster.d/bench"
    cluster.pool.mount(1, "gv0", point, server="127.0.0.1")
    try:
        ways = {"userspace": uri, "kernel": f"{point}/{uri.split('/gv0/')[1]}"}
        print(
            f"{f'qemu-img bench, {DEPTH} at once':24} {'userspace':>12} {'kernel':>12}   MiB/s, median of {ROUNDS}"
        )
        for load, (options, count, size) in LOADS.items():
            rates: Dict[str, List[float]] = {way: [] for way in ways}
            for _ in range(ROUNDS):
                for way, name in ways.items():
                    words = [
                        "-f",
                        "raw",
                        "-t",
                        "none",
                        *options,
                        "-c",
                        str(count),
                        "-s",
                        str(size),
                        "-d",
                        str(DEPTH),
                    ]
                    output = cluster.run(1, "qemu-img", "bench", *words, name)
                    seconds = float(output.rpartition("Run completed in ")[2].split()[0])
                    rates[way].append(count * size / seconds / (1 << 20))
            medians = [statistics.median(rates[way]) for way in ways]
            print(f"{load:24} {medians[0]:12.1f} {medians[1]:12.1f}")
    finally:
        cluster.pool.unmount(1, point)


if __name__ == "__main__":
    sys.exit(main())
