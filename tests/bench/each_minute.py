"""What an exporter costs a node in a minute: `python -m tests.bench.each_minute`.

Each runs alone on one node of a lab with a volume of each kind, scraped every 15 s: ours, and those that exporters.py
could build.  The node has the highest uuid, on which gluster-prometheus queries what concerns the pool.  That has its
sample configuration, and runs once more without the profile, which it turns on by itself.  Counted are the processor
time of the exporter with all `gluster` commands that it ran, and the locks that these took, by glusterd's history: a
command about all volumes takes the lock of each.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from typing import Iterator, List, Sequence

import psutil

from tests.bench import exporters
from tests.bench.daemons import HOSTS, family, line, used
from tests.lab.pool import Pool
from tests.lab.waiting import wait_until
from tests.lab_tests.daemon import serving

#: seconds of each measurement, and between two scrapes; and before the first, so that what a start costs does not count
LONG, SCRAPE, SETTLE = 60.0, 15.0, 15.0
HISTORY = "/var/log/glusterfs/cmd_history.log"
#: its lines about commands that take a lock; one for each volume
LOCKED = " : volume (status|profile) "
CONFIGURATION = "/root/gluster-exporter.toml"
#: as gluster-prometheus' sample has them, in seconds
COLLECTORS = {
    "gluster_ps": 5,
    "gluster_peer_counts": 5,
    "gluster_peer_info": 5,
    "gluster_brick": 5,
    "gluster_brick_status": 15,
    "gluster_volume_counts": 5,
    "gluster_volume_status": 5,
    "gluster_volume_heal": 5,
    "gluster_volume_profile": 5,
}
GLOBALS = """[globals]
gluster-cluster-id = ""
gluster-mgmt = "glusterd"
glusterd-dir = "/var/lib/glusterd"
gluster-binary-path = "gluster"
gd2-rest-endpoint = "http://localhost:24007"
port = 9713
metrics-path = "/metrics"
log-dir = "/var/log/gluster-exporter"
log-file = "exporter.log"
log-level = "info"
cache-ttl-in-sec = 30
cache-enabled-funcs = [ 'IsLeader', 'LocalPeerID', 'VolumeInfo' ]
"""


def configuration(profile: bool) -> str:
    sections = [
        f'[collectors.{name}]\nname = "{name}"\nsync-interval = {seconds}\ndisabled = {disabled}\n'
        for name, seconds in COLLECTORS.items()
        for disabled in ["true" if name.endswith("profile") and not profile else "false"]
    ]
    return "\n".join([GLOBALS, *sections])


@contextmanager
def exporter(pool: Pool, host: int, argv: Sequence[str], url: str) -> Iterator[List[psutil.Process]]:
    """The exporter that *argv* starts, once there is an answer at *url*."""
    running = pool.popen(host, list(argv), stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: scraped(pool, host, url), f"{argv[0]} to answer", 60)
        yield [psutil.Process(running.program())]
    finally:
        running.terminate()
        running.wait(10)


def scraped(pool: Pool, host: int, url: str) -> bool:
    argv = ["curl", "--silent", "--fail", "--max-time", "60", "--output", "/dev/null", url]
    return pool.exec(host, argv, check=False, timeout=90).returncode == 0


def highest(pool: Pool) -> int:
    """The host whose glusterd has the highest uuid."""
    return max(HOSTS, key=lambda host: pool.glusterd_state(host)["MYUUID"])


def commands(pool: Pool, host: int) -> int:
    argv = ["grep", "-c", "-E", LOCKED, HISTORY]
    return int(pool.exec(host, argv, check=False).stdout or 0)


def measure(pool: Pool, host: int, words: str, processes: List[psutil.Process], url: str) -> None:
    time.sleep(SETTLE)
    before, lines, began = used(processes), commands(pool, host), time.monotonic()
    ended = threading.Event()

    def scrape() -> None:
        while not ended.wait(SCRAPE):
            scraped(pool, host, url)

    scraping = threading.Thread(target=scrape)
    scraping.start()
    try:
        time.sleep(LONG)
    finally:
        ended.set()
        scraping.join()
    a_minute = 60 / (time.monotonic() - began)
    own, children = (now - then for now, then in zip(used(processes), before))
    line(f"{words}: processor, its own", own * a_minute, "s a minute")
    line(f"{words}: processor of gluster commands", children * a_minute, "s a minute")
    line(f"{words}: commands with a lock", (commands(pool, host) - lines) * a_minute, "a minute")


def main() -> int:
    programs, why = exporters.build()
    with Pool.first_free("ganeti-gluster-bench") as pool:
        pool.probe()
        pool.create_every_kind()
        host = highest(pool)
        # As on a node with Debian's packages: whenever `gluster` starts, it runs gsyncd.
        pool.host(host).enable_geo_replication()
        with serving(pool, host, "--listen", ":1816", "--interval", "30") as daemon:
            measure(pool, host, "this, every 30 s", family(daemon), "http://127.0.0.1:1816/metrics")
        if exporters.GLUSTER_EXPORTER in programs:
            url = "http://127.0.0.1:9189/metrics"
            with exporter(pool, host, [str(programs[exporters.GLUSTER_EXPORTER])], url) as processes:
                measure(pool, host, "gluster_exporter", processes, url)
        if exporters.GLUSTER_PROMETHEUS in programs:
            url = "http://127.0.0.1:9713/metrics"
            argv = [str(programs[exporters.GLUSTER_PROMETHEUS]), "--config", CONFIGURATION]
            for profile in (False, True):
                pool.exec(host, ["tee", CONFIGURATION], input=configuration(profile))
                with exporter(pool, host, argv, url) as processes:
                    name = "gluster-prometheus" if profile else "gluster-prometheus without profile"
                    measure(pool, host, name, processes, url)
    if why is not None:
        print(f"not measured: {why}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
