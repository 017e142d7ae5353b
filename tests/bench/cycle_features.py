"""A cycle with all features on, against bare `gluster` with the same queries: `python -m tests.bench.cycle_features`.

On node1 of a lab with a volume of each kind: profiling on all volumes, quota, bitrot, a rebalance that has ended, disks
of instances, and geo-replication to node4, a pool of its own.  Snapshots, which need LVM, are not on.

Some queries are sent every few minutes only.  The first pair of rows is a cycle in which all of them are due, the
second one a cycle in which none is.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from functools import partial
from typing import Callable, Dict, List, Optional, Sequence

from ganeti_gluster_mon.gluster import cycle
from ganeti_gluster_mon.gluster.capture import Capture
from ganeti_gluster_mon.gluster.child import ENVIRONMENT
from ganeti_gluster_mon.gluster.model import DiskFile
from ganeti_gluster_mon.gluster.own_process import WITH_GSYNCD
from ganeti_gluster_mon.gluster.query import VOLUME_STATUS_CLIENTS, Query
from tests.bench.cycle import rounds
from tests.lab.geo_session import GeoSession, install
from tests.lab.lab import command
from tests.lab.pool import Pool
from tests.lab.waiting import wait_until

VOLUMES = ("gv0", "arb-vm", "dist2", "disp", "distrep")
QUOTA, BITROT, REBALANCED, REPLICATED = "dist2", "distrep", "distrep", "gv0"
#: its host, which is no peer of the others
SECONDARY_HOST = 4
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


#: what needs a process of its own
SCRUB_STATUS = ("gluster", "--mode=script", "volume", "bitrot", BITROT, "scrub", "status")
GEO_STATUS = ("gluster", "--mode=script", "--xml", "volume", "geo-replication", "status", "detail")
SETTINGS = cycle.Settings(disks=disks)


def prepare(pool: Pool) -> None:
    """Turn everything on."""
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
    wait_until(
        lambda: "in progress" not in pool.gluster("volume", "rebalance", REBALANCED, "status"),
        "the rebalance to end",
        120,
    )
    session = GeoSession(pool, REPLICATED, SECONDARY_HOST)
    session.create()
    session.wait_begun()


def sent(capture: Capture) -> List[Query]:
    """The queries that Gluster answered in the cycle of *capture*, without those whose answers were kept."""
    return [each.query for each in capture.answers if each.failure is None and each.taken_at is None]


def bare(queries: Sequence[Query]) -> None:
    """*queries* given to one `gluster` on its standard input."""
    lines = "".join(" ".join(query) + "\n" for query in queries)
    argv = ["gluster", "--mode=script", "--xml"]
    subprocess.run(argv, input=lines, check=True, capture_output=True, text=True, env=ENVIRONMENT)


def bare_all(queries: Sequence[Query]) -> None:
    """*queries*, and those that need a process each; that of geo-replication runs at the same time as the others."""
    sessions = subprocess.Popen(GEO_STATUS, stdout=subprocess.PIPE, env=WITH_GSYNCD)
    bare(queries)
    subprocess.run(SCRUB_STATUS, check=True, capture_output=True, env=ENVIRONMENT)
    output, _ = sessions.communicate()
    if sessions.returncode or b"<status>Active</status>" not in output:
        raise AssertionError(f"{' '.join(GEO_STATUS)} ended with {sessions.returncode}: {output.decode()}")


def is_complete(capture: Capture) -> bool:
    """Whether everything was queried and answered in the cycle of *capture*."""
    return bool(
        VOLUME_STATUS_CLIENTS in sent(capture)  # not while a client connects
        and capture.scrubs
        and any(each.workers and not each.failure for each in capture.geo_replications)
        and any(disk.bricks is not None for disk in capture.disks or ())
        and not capture.disks_unknown
    )


def complete_cycle() -> Optional[Capture]:
    """A cycle in which everything is on and due; None where something did not answer in time."""
    found = cycle.query_gluster(SETTINGS)
    return found if is_complete(found) else None


def inside() -> None:
    """On the host: the seconds of each contestant in each round, and how many queries there are, as JSON."""
    latest = wait_until(complete_cycle, "everything to be on, and to answer", 120)
    incomplete = 0
    # a cycle in which nothing is due that is sent every few minutes, as most are
    every, most = sent(latest), sent(cycle.query_gluster(SETTINGS, latest))

    def everything_due() -> None:
        nonlocal latest, incomplete
        found = complete_cycle()
        incomplete += found is None
        latest = found or latest

    def nothing_due() -> None:
        # by the cycle of this round: after some minutes the first one would make everything due again
        cycle.query_gluster(SETTINGS, latest)

    contestants: Dict[str, Callable[[], None]] = {
        "bare all": partial(bare_all, every),
        "cycle all": everything_due,
        "bare": partial(bare, most),
        "cycle": nothing_due,
    }
    seconds = rounds(contestants)
    queries = [len(every) + 2, len(most)]
    print(json.dumps({"queries": queries, "seconds": seconds, "incomplete": incomplete}))


def main() -> int:
    with Pool.first_free("ganeti-gluster-bench", hosts=SECONDARY_HOST) as pool:
        install(pool)
        pool.probe([1, 2, 3])
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
    if found["incomplete"]:
        print(f"{found['incomplete']} cycles, of all due, in which something did not answer in time")
    return 0


if __name__ == "__main__":
    if sys.argv[1:] == ["inside"]:
        inside()
    else:
        sys.exit(main())
