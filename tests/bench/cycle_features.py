"""A cycle with all features on, against bare `gluster` with the same queries: `python -m tests.bench.cycle_features`.

On node1 of a lab with a volume of each kind: profiling on all volumes, quota, bitrot, a rebalance that has ended, and
disks of instances.  Geo-replication, which needs a second pool, and snapshots, which need LVM, are not on.

Some queries are sent every few minutes only.  The first pair of rows is a cycle in which all of them are due, the
second one a cycle in which none is.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from functools import partial
from typing import Callable, Dict, List, Sequence

from ganeti_gluster_mon.gluster import cycle
from ganeti_gluster_mon.gluster.capture import Capture
from ganeti_gluster_mon.gluster.child import ENVIRONMENT
from ganeti_gluster_mon.gluster.model import DiskFile
from ganeti_gluster_mon.gluster.query import Query
from tests.bench.cycle import rounds
from tests.lab.lab import command
from tests.lab.pool import Pool
from tests.lab.waiting import wait_until

VOLUMES = ("gv0", "arb-vm", "dist2", "disp", "distrep")
QUOTA, BITROT, REBALANCED = "dist2", "distrep", "distrep"
#: by volume: instances that have a disk on it.  Of one on this node's brick stat(2) is enough; a client looks at others
GUESTS = {"gv0": 5, "dist2": 5}
MIB = 1 << 20


def disks() -> List[DiskFile]:
    """As Ganeti's configuration would list them."""
    return [
        DiskFile(f"{volume}-guest{number}", "disk/0", volume, f"disk{number}", 4 * MIB)
        for volume, count in GUESTS.items()
        for number in range(count)
    ]


SETTINGS = cycle.Settings(disks=disks)


def prepare(pool: Pool) -> None:
    """Turn everything on."""
    pool.host(1).enable_geo_replication()
    for volume in VOLUMES:
        pool.gluster("volume", "profile", volume, "start")
    pool.gluster("volume", "quota", QUOTA, "enable")
    pool.gluster("volume", "quota", QUOTA, "limit-usage", "/", "1GB")
    pool.gluster("volume", "bitrot", BITROT, "enable")
    for volume in GUESTS:
        pool.mount(1, volume, f"/mnt/{volume}")
    for disk in disks():
        pool.exec(1, ["dd", "if=/dev/zero", f"of=/mnt/{disk.volume}/{disk.path}", "bs=1M", "count=4"])
    for volume in GUESTS:
        pool.unmount(1, f"/mnt/{volume}")
    pool.gluster("volume", "rebalance", REBALANCED, "start")
    status = ("volume", "rebalance", REBALANCED, "status")
    wait_until(lambda: "in progress" not in pool.gluster(*status), "the rebalance to end", 120)


def sent(capture: Capture) -> List[Query]:
    """The queries that Gluster answered in the cycle of *capture*, without those whose answers were kept."""
    return [each.query for each in capture.answers if each.failure is None and each.taken_at is None]


def bare(queries: Sequence[Query], scrubs: Sequence[str]) -> None:
    """*queries* given to one `gluster` on its standard input; the scrubbers of *scrubs*, which need one each."""
    lines = "".join(" ".join(query) + "\n" for query in queries)
    argv = ["gluster", "--mode=script", "--xml"]
    subprocess.run(argv, input=lines, check=True, capture_output=True, text=True, env=ENVIRONMENT)
    for volume in scrubs:
        argv = ["gluster", "--mode=script", "volume", "bitrot", volume, "scrub", "status"]
        subprocess.run(argv, check=True, capture_output=True, env=ENVIRONMENT)


def inside() -> None:
    """On the host: the seconds of each contestant in each round, and how many queries there are, as JSON."""
    first = cycle.query_gluster(SETTINGS)
    # a cycle in which nothing is due that is sent every few minutes, as most are
    later = cycle.query_gluster(SETTINGS, first)
    by_client = [disk for disk in first.disks or () if disk.bricks is not None]
    if not first.scrubs or not by_client or first.disks_unknown:
        raise AssertionError(f"not everything is on: {first.scrubs} {first.disks} {first.disks_unknown}")
    every, most = sent(first), sent(later)
    contestants: Dict[str, Callable[[], None]] = {
        "bare all": partial(bare, every, [BITROT]),
        "cycle all": lambda: (cycle.query_gluster(SETTINGS), None)[1],
        "bare": partial(bare, most, []),
        "cycle": lambda: (cycle.query_gluster(SETTINGS, first), None)[1],
    }
    seconds = rounds(contestants)
    print(json.dumps({"queries": [len(every) + 1, len(most)], "seconds": seconds}))


def main() -> int:
    with Pool.first_free("ganeti-gluster-bench") as pool:
        pool.probe()
        pool.create_every_kind()
        prepare(pool)
        words = [sys.executable, "-m", "tests.bench.cycle_features", "inside"]
        environment = {"PYTHONPATH": str(command().parents[2]), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        found = json.loads(pool.exec(1, words, timeout=600, env=environment).stdout)
    seconds, (every, most) = found["seconds"], found["queries"]
    print(f"{'':50} median ms   ratio   at most")
    for words_for_it, name, against, limit in (
        (f"bare gluster, {every} queries", "bare all", "bare all", ""),
        ("one cycle with everything on and due", "cycle all", "bare all", "1.25"),
        (f"bare gluster, {most} queries", "bare", "bare", ""),
        ("one cycle with everything on", "cycle", "bare", "1.25"),
    ):
        ratio = statistics.median(a / b for a, b in zip(seconds[name], seconds[against]))
        print(f"{words_for_it:<50} {statistics.median(seconds[name]) * 1000:9.1f} {ratio:7.2f}   {limit}")
    return 0


if __name__ == "__main__":
    if sys.argv[1:] == ["inside"]:
        inside()
    else:
        sys.exit(main())
