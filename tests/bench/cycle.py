"""How long a cycle takes, against the bare `gluster` command, glustercli-python, gstatus and gluster_exporter.

On node1 of a lab with a volume of each kind.  In each round every contestant has its turn, so
a machine that gets slower is slower for all of them; the medians of the rounds' ratios count.

gstatus is measured where GSTATUS in the environment names a checkout of it with `make gen-version`, below this
repository, which the hosts see (.venv/gstatus).  gluster_exporter is measured where exporters.py could build it.  What
it runs at each scrape is known from its source as well, and is a lower bound of what it takes.

Whenever `gluster` starts, it runs gsyncd, but for ours.  "bare" has ours' environment, so that ratios to it are what is
added.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from typing import Callable, Dict, Iterator, List, Mapping, Optional

from ganeti_gluster_mon.gluster import query
from ganeti_gluster_mon.gluster.child import ENVIRONMENT
from tests.bench import exporters
from tests.lab.lab import command
from tests.lab.pool import Pool
from tests.lab.waiting import wait_until

ROUNDS = 15
COPIES = ("gv0", "arb-vm", "disp", "distrep")

#: the queries of a cycle in this pool, as an administrator would type them
QUESTIONS = [
    query.VOLUME_INFO,
    query.POOL_LIST,
    query.VOLUME_STATUS_DETAIL,
    query.VOLUME_STATUS,
    *(query.heal_summary(name) for name in COPIES),
]

#: the same facts by glustercli: it asks volume info and status itself, with a process a query
GLUSTERCLI = """
from glustercli.cli import heal, peer, volume
peer.pool()
volume.status_detail()
for name in {copies!r}:
    heal.info(name)
"""


#: what gluster_exporter (fdb453f) runs at each scrape, a process each; the last one fails, since nothing heals in it
EXPORTER_COMMANDS = (
    ("volume", "info"),
    ("peer", "status"),
    ("volume", "status", "all", "detail"),
    ("volume", "list"),
    *(("volume", "heal", name, "info") for name in (*COPIES, "dist2")),
)
#: a checkout of gstatus
GSTATUS = os.environ.get("GSTATUS", "")
#: the program gluster_exporter, and where it listens
EXPORTER = os.environ.get("GLUSTER_EXPORTER", "")
EXPORTER_ADDRESS = "127.0.0.1:9189"


def bare(environment: Optional[Mapping[str, str]] = None) -> None:
    """All queries given to one `gluster` on its standard input."""
    lines = "".join(" ".join(query) + "\n" for query in QUESTIONS)
    argv = ["gluster", "--mode=script", "--xml"]
    subprocess.run(argv, input=lines, check=True, capture_output=True, text=True, env=environment)


def bare_without_gsyncd() -> None:
    """The same in the environment that ours has, in which `gluster` does not run gsyncd at its start."""
    bare(ENVIRONMENT)


def cycle_in_process() -> None:
    from ganeti_gluster_mon.gluster import cycle

    cycle.query_gluster(cycle.Settings())


def collect() -> None:
    subprocess.run([str(command()), "collect"], check=True, capture_output=True)


def glustercli_in_process() -> None:
    exec(GLUSTERCLI.format(copies=COPIES), {})


def glustercli() -> None:
    subprocess.run([sys.executable, "-c", GLUSTERCLI.format(copies=COPIES)], check=True, capture_output=True)


def metrics() -> None:
    subprocess.run([str(command()), "metrics"], check=True, capture_output=True)


def gstatus() -> None:
    argv = [sys.executable, "-m", "gstatus", "-a", "-o", "json"]
    subprocess.run(argv, check=True, capture_output=True, cwd=GSTATUS)


def exporter_commands() -> None:
    for words in EXPORTER_COMMANDS:
        subprocess.run(["gluster", *words, "--xml"], check=False, capture_output=True)


def scrape_exporter() -> None:
    with urllib.request.urlopen(f"http://{EXPORTER_ADDRESS}/metrics", timeout=60) as answer:
        if b"gluster_up 1" not in answer.read():
            raise AssertionError("gluster_exporter does not find Gluster")


@contextmanager
def exporter_running() -> Iterator[None]:
    """gluster_exporter, where there is one, until it answers."""
    if not EXPORTER:
        yield
        return
    argv = [EXPORTER, f"--web.listen-address={EXPORTER_ADDRESS}"]
    with subprocess.Popen(argv, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(_exporter_listens, "gluster_exporter to listen", 30)
            yield
        finally:
            process.terminate()


def _exporter_listens() -> bool:
    host, _, port = EXPORTER_ADDRESS.partition(":")
    with socket.socket() as client:
        return client.connect_ex((host, int(port))) == 0


CONTESTANTS: Dict[str, Callable[[], None]] = {
    "bare": bare_without_gsyncd,
    "bare with gsyncd": bare,
    "cycle": cycle_in_process,
    "glustercli in process": glustercli_in_process,
    "collect": collect,
    "glustercli": glustercli,
    "metrics": metrics,
    "exporter's commands": exporter_commands,
}
if GSTATUS:
    CONTESTANTS["gstatus"] = gstatus
if EXPORTER:
    CONTESTANTS["exporter"] = scrape_exporter


def inside() -> None:
    """On the host: the seconds of each contestant in each round, as JSON."""
    with exporter_running():
        print(json.dumps(rounds(CONTESTANTS)))


def rounds(contestants: Mapping[str, Callable[[], None]]) -> Dict[str, List[float]]:
    """The seconds that each of *contestants* takes, by name; each has its turn in each round."""
    for contestant in contestants.values():
        contestant()  # once for nothing: caches
    seconds: Dict[str, List[float]] = {name: [] for name in contestants}
    for _ in range(ROUNDS):
        for name, contestant in contestants.items():
            began = time.perf_counter()
            contestant()
            seconds[name].append(time.perf_counter() - began)
    return seconds


def main() -> int:
    programs, why = exporters.build()
    with Pool.first_free("ganeti-gluster-bench") as pool:
        pool.probe()
        pool.create_every_kind()
        # As on a node with Debian's packages: whenever `gluster` starts, it runs gsyncd.
        pool.host(1).enable_geo_replication()
        words = [sys.executable, "-m", "tests.bench.cycle", "inside"]
        repository = str(command().parents[2])
        environment = {
            "PYTHONPATH": repository,
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "GSTATUS": GSTATUS,
            "GLUSTER_EXPORTER": str(programs.get(exporters.GLUSTER_EXPORTER, "")),
        }
        seconds = json.loads(pool.exec(1, words, timeout=600, env=environment).stdout)
    print(f"{'':42} median ms   ratio   at most")
    for words_for_it, name, against, most in (
        (f"bare gluster, {len(QUESTIONS)} queries on standard input", "bare", "bare", ""),
        ("the same with gsyncd, as an administrator", "bare with gsyncd", "bare", ""),
        ("one cycle in process", "cycle", "bare", "1.10"),
        ("collect from a cold start", "collect", "bare", "2.0"),
        ("glustercli-python in process", "glustercli in process", "bare", ""),
        ("glustercli-python from a cold start", "glustercli", "bare", ""),
        ("one cycle against it, both in process", "cycle", "glustercli in process", "0.50"),
        ("collect against it, both cold", "collect", "glustercli", ""),
        ("metrics from a cold start", "metrics", "bare", ""),
        ("the commands of gluster_exporter's scrape", "exporter's commands", "bare", ""),
        ("metrics against them", "metrics", "exporter's commands", ""),
        ("gstatus -a from a cold start", "gstatus", "bare", ""),
        ("collect against it, both cold", "collect", "gstatus", ""),
        ("a scrape of gluster_exporter", "exporter", "bare", ""),
        ("one cycle against it", "cycle", "exporter", ""),
    ):
        if name not in seconds or against not in seconds:
            missing = why if "exporter" in (name, against) else "GSTATUS is not set"
            print(f"{words_for_it:<42} not measured: {missing}")
            continue
        ratio = statistics.median(a / b for a, b in zip(seconds[name], seconds[against]))
        print(f"{words_for_it:<42} {statistics.median(seconds[name]) * 1000:9.1f} {ratio:7.2f}   {most}")
    return 0


if __name__ == "__main__":
    if sys.argv[1:] == ["inside"]:
        inside()
    else:
        sys.exit(main())
