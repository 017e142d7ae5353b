"""What a disk costs: `python -m tests.bench.disks`, on three hosts of a lab, one of them a node of Ganeti.

Our class and Ganeti's own, in one process and one run, as noded uses them: each call makes the object anew.
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


def main() -> int:
    with Pool.first_free("ganeti-gluster-bench") as pool:
        pool.probe()
        pool.create_volume("gv0", pool.bricks("/export/b1/gv0"), replica=3)
        cluster = Cluster(pool).up([1])
        with serving(pool, 1) as daemon:
            daemon.wait_code(0)
            argv = ["/usr/bin/python3", str(INSIDE)]
            report = json.loads(cluster.run(1, *argv, timeout=300))
        return _calls(report)


def _calls(durations: Dict[str, List[float]]) -> int:
    """The table of calls; 1 if one is worse than it may be."""
    median = {name: statistics.median(seconds) for name, seconds in durations.items()}
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


if __name__ == "__main__":
    sys.exit(main())
