"""What the daemons of a pool cost: `python -m tests.bench.daemons`, on three hosts of a lab.

At rest: memory and processor of both processes.  Under way: an administrator's commands in a loop, alone, with
our daemons, and with collectors that run `gluster volume status` on each host at each scrape.
"""

from __future__ import annotations

import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Callable, Iterator, List

import psutil

from tests.lab.pool import Pool
from tests.lab.waiting import wait_until
from tests.lab_tests.daemon import Daemon, serving

#: seconds of each measurement
LONG = 60.0
#: seconds in which questions are counted
QUESTIONS = 30.0
#: seconds between two scrapes of the collectors: to see a brick die as soon as our daemons do; and as most have it
SCRAPES = (1.0, 15.0)
#: seconds between two cycles of our daemons, unless something happens
INTERVALS = (30.0, 5.0)
SECRET = "/root/secret"
HOSTS = (1, 2, 3)
#: what Gluster says when another command holds the lock
BUSY = ("Another transaction", "Locking failed")


@dataclass
class Tally:
    """How an administrator's commands went."""

    commands: int = 0
    locked_out: int = 0


@contextmanager
def daemons(pool: Pool, interval: float) -> Iterator[List[Daemon]]:
    """One on each host, which know each other."""
    for host in HOSTS:
        pool.exec(host, ["tee", SECRET], input="what all nodes of the cluster know\n")
        pool.exec(host, ["chmod", "600", SECRET])
    with ExitStack() as stack:
        words = ["--listen", ":1816", "--secret-file", SECRET, "--interval", str(interval)]
        started = [stack.enter_context(serving(pool, host, *words)) for host in HOSTS]
        wait_until(
            lambda: sorted(daemon.metric("gluster_leader") or 0 for daemon in started) == [0, 0, 1],
            "one to lead",
            60,
        )
        yield started


@contextmanager
def collectors(pool: Pool, scrape: float) -> Iterator[None]:
    """On each host one that asks Gluster itself whenever it is scraped."""
    ended = threading.Event()

    def scraped(host: int) -> None:
        while not ended.is_set():
            for words in (["volume", "status", "all", "detail"], ["volume", "status", "all"]):
                pool.exec(host, ["gluster", "--mode=script", "--xml", *words], check=False)
            ended.wait(scrape)

    threads = [threading.Thread(target=scraped, args=(host,)) for host in HOSTS]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def administer(pool: Pool, tally: Tally) -> None:
    """Change a volume again and again, on node 1."""
    until = time.monotonic() + LONG
    while time.monotonic() < until:
        value = ("on", "off")[tally.commands % 2]
        argv = ["gluster", "--mode=script", "volume", "set", "gv0", "performance.stat-prefetch", value]
        done = pool.exec(1, argv, check=False)
        tally.commands += 1
        if done.returncode and any(words in done.stdout + done.stderr for words in BUSY):
            tally.locked_out += 1
        elif done.returncode:
            raise AssertionError(done.stdout + done.stderr)


def family(daemon: Daemon) -> List[psutil.Process]:
    """The processes of a daemon."""
    processes = [psutil.Process(daemon.child(name).pid) for name in ("poller", "web")]
    return [*processes, psutil.Process(processes[0].ppid())]


def used(processes: List[psutil.Process]) -> List[float]:
    """Seconds of processor: their own, and those of `gluster` and other children that have ended."""
    times = [process.cpu_times() for process in processes]
    return [sum(sum(each[:2]) for each in times), sum(sum(each[2:4]) for each in times)]


def line(words: str, figure: float, unit: str, most: str = "") -> None:
    print(f"{words:<66} {figure:8.2f} {unit:<10} {most}")


def at_rest(pool: Pool) -> None:
    with daemons(pool, 30) as started:
        for daemon in started:
            family(daemon)
        time.sleep(5)
        began, before = time.monotonic(), [used(family(daemon)) for daemon in started]
        time.sleep(LONG)
        passed = time.monotonic() - began
        for daemon, at_first in zip(started, before):
            leads = daemon.metric("gluster_leader") == 1
            role = "the leader" if leads else "a follower"
            every = family(daemon)
            memory = [process.memory_full_info().pss / 2**20 for process in every]
            line(f"{role}: memory of both processes (PSS)", sum(memory[:2]), "MiB", "64")
            line(f"{role}: and of the one that watches over them", memory[2], "MiB")
            own, children = (100 * (now - then) / passed for now, then in zip(used(every), at_first))
            line(f"{role}: processor at rest", own, "%", "0.5")
            line(f"{role}: and of the gluster commands it ran", children, "%")


def locks(pool: Pool) -> None:
    def measured(words: str, tally: Tally) -> None:
        administer(pool, tally)
        line(f"{words}: {tally.commands} commands, locked out", tally.locked_out, "commands")

    measured("an administrator alone", Tally())
    for interval in INTERVALS:
        with daemons(pool, interval):
            measured(f"with our daemons on three hosts, every {interval:g} s", Tally())
    for scrape in SCRAPES:
        with collectors(pool, scrape):
            measured(f"with three collectors scraped every {scrape:g} s", Tally())


def status_commands(pool: Pool) -> int:
    """Status commands that any glusterd has run, by its own history."""
    argv = ["cat", "/var/log/glusterfs/cmd_history.log"]
    texts = [pool.exec(host, argv, check=False).stdout for host in HOSTS]
    return sum(text.count(" : volume status ") for text in texts)


def questions(pool: Pool) -> None:
    """What takes a lock, a minute: with more nodes, without scrapes and with them."""

    def measured(words: str) -> None:
        began, before = time.monotonic(), status_commands(pool)
        time.sleep(QUESTIONS)
        line(words, (status_commands(pool) - before) * 60 / (time.monotonic() - began), "a minute")

    interval = INTERVALS[-1]
    with serving(pool, HOSTS[0], "--listen", ":1816", "--interval", str(interval)):
        measured(f"questions with a lock: one daemon, every {interval:g} s")
    with daemons(pool, interval) as started:
        measured(f"questions with a lock: three daemons, every {interval:g} s")
        with scrapes(started):
            measured("questions with a lock: and each scraped 10 times a second")


def hung(pool: Pool) -> None:
    """A scrape while glusterd of the node hangs, and every question with it."""
    with serving(pool, HOSTS[0]) as daemon:
        pool.freeze_glusterd(HOSTS[0])
        try:
            daemon.wait_code(2, "it hangs")
            took = sorted(daemon.get("/metrics")[1] for _ in range(200))
        finally:
            pool.thaw_glusterd(HOSTS[0])
    line("/metrics while glusterd hangs, p99 of 200", took[197] * 1e3, "ms", "10")


@contextmanager
def scrapes(started: List[Daemon]) -> Iterator[None]:
    """A client that scrapes each daemon ten times a second."""
    with ExitStack() as stack:
        for daemon in started:
            argv = ["curl", "--silent", "--output", "/dev/null", "--rate", "10/s"]
            urls = [f"http://127.0.0.1:1816/metrics?[1-{int(QUESTIONS * 20)}]"]
            scraping = daemon.pool.popen(daemon.host, [*argv, *urls])
            stack.callback(scraping.wait, 10)
            stack.callback(scraping.terminate)
        yield


def main() -> int:
    with Pool.first_free("ganeti-gluster-bench") as pool:
        pool.probe()
        pool.create_every_kind()
        every: List[Callable[[Pool], None]] = [at_rest, questions, hung, locks]
        for measure in every:
            measure(pool)
    return 0


if __name__ == "__main__":
    sys.exit(main())
