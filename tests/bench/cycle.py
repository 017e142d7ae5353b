"""How long a cycle takes, against the bare `gluster` command, glustercli-python, gstatus and gluster_exporter.

On node1 of a lab with a volume of each kind.  In each round every contestant has its turn, so
a machine that gets slower is slower for all of them; the medians of the rounds' ratios count.

gstatus is measured where GSTATUS in the environment names a checkout of it with `make gen-version`, below this
repository, which the hosts see (.venv/gstatus).  gluster_exporter is not built here; what it runs at each scrape is
known from its source, and is a lower bound of what it takes.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from typing import Callable, Dict, List

from ganeti_gluster_mon.gluster import query
from tests.lab.lab import command
from tests.lab.pool import Pool

ROUNDS = 25
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


def bare() -> None:
    """All queries given to one `gluster` on its standard input."""
    lines = "".join(" ".join(query) + "\n" for query in QUESTIONS)
    subprocess.run(
        ["gluster", "--mode=script", "--xml"], input=lines, check=True, capture_output=True, text=True
    )


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


CONTESTANTS: Dict[str, Callable[[], None]] = {
    "bare": bare,
    "cycle": cycle_in_process,
    "glustercli in process": glustercli_in_process,
    "collect": collect,
    "glustercli": glustercli,
    "metrics": metrics,
    "exporter's commands": exporter_commands,
}
if GSTATUS:
    CONTESTANTS["gstatus"] = gstatus


def inside() -> None:
    """On the host: the seconds of each contestant in each round, as JSON."""
    for contestant in CONTESTANTS.values():
        contestant()  # once for nothing: caches
    seconds: Dict[str, List[float]] = {name: [] for name in CONTESTANTS}
    for _ in range(ROUNDS):
        for name, contestant in CONTESTANTS.items():
            began = time.perf_counter()
            contestant()
            seconds[name].append(time.perf_counter() - began)
    print(json.dumps(seconds))


def main() -> int:
    with Pool.first_free("ganeti-gluster-bench") as pool:
        pool.probe()
        pool.create_every_kind()
        words = [sys.executable, "-m", "tests.bench.cycle", "inside"]
        repository = str(command().parents[2])
        environment = {
            "PYTHONPATH": repository,
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "GSTATUS": GSTATUS,
        }
        seconds = json.loads(pool.exec(1, words, timeout=300, env=environment).stdout)
    print(f"{'':42} median ms   ratio   at most")
    for words_for_it, name, against, most in (
        (f"bare gluster, {len(QUESTIONS)} queries on standard input", "bare", "bare", ""),
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
    ):
        if name not in seconds or against not in seconds:
            print(f"{words_for_it:<42} not measured: GSTATUS is not set")
            continue
        ratio = statistics.median(a / b for a, b in zip(seconds[name], seconds[against]))
        print(f"{words_for_it:<42} {statistics.median(seconds[name]) * 1000:9.1f} {ratio:7.2f}   {most}")
    return 0


if __name__ == "__main__":
    if sys.argv[1:] == ["inside"]:
        inside()
    else:
        sys.exit(main())
