"""The daemon after what a machine may do to it: out of memory, another clock, a host that stands still for a minute."""

from __future__ import annotations

import os
import signal
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Iterator, List

import pytest

from ganeti_gluster_mon.daemon.supervisor import SUSPENDED_AFTER
from tests.lab.pool import Pool
from tests.lab.waiting import wait_until
from tests.lab_tests.daemon import LONG, Daemon, answers, serving
from tests.lab_tests.together import SECRET, on_every_host

pytestmark = pytest.mark.lab

#: memory controller of cgroups: version 1
MEMORY = Path("/sys/fs/cgroup/memory")
#: bytes that a process may still take; a cycle or a rendering takes more
LITTLE = 256 << 10
URL = "http://127.0.0.1:1816"
YEAR = 365 * 86400
#: seconds for which a host stands still
STILL = 60.0
#: seconds in which the daemon ends: its processes have 1.5 s before they are killed
ENDS = 5.0


@contextmanager
def little_memory(pid: int) -> Iterator[Path]:
    """A memory cgroup with the process *pid* in it, where it finds almost no memory left."""
    own = next(
        line.split(":", 2)[2]
        for line in Path("/proc/self/cgroup").read_text().splitlines()
        if ":memory:" in line
    )
    group = MEMORY / own.lstrip("/") / f"ganeti-gluster-test-{pid}"
    group.mkdir()
    try:
        (group / "memory.limit_in_bytes").write_text(str(LITTLE))
        (group / "cgroup.procs").write_text(str(pid))
        yield group
    finally:

        def removed() -> bool:
            with suppress(OSError):  # the killed process is not quite gone yet
                group.rmdir()
            return not group.exists()

        wait_until(removed, "the memory cgroup to be empty")


def oom_kills(group: Path) -> int:
    """How many processes of the cgroup the kernel has killed."""
    for line in (group / "memory.oom_control").read_text().splitlines():
        if line.startswith("oom_kill "):
            return int(line.split()[1])
    return 0


@pytest.mark.parametrize("role", ["poller", "web"])
def test_a_process_that_the_kernel_kills_for_memory_is_started_again(lab_pool: Pool, role: str) -> None:
    if not (MEMORY / "memory.limit_in_bytes").exists():
        pytest.skip("this machine has no memory controller of cgroups version 1")
    with serving(lab_pool, 1) as daemon:
        daemon.wait_code(0)
        before = daemon.child(role).pid
        with little_memory(before) as group:

            def killed() -> int:
                """What it has is not counted in the cgroup; pages that it needs for work are."""
                large = [
                    "curl",
                    "--silent",
                    "--max-time",
                    "5",
                    "--header",
                    f"X: {'x' * 8000}",
                    f"{URL}/?{'x' * 4000}",
                ]
                for argv in (large, ["curl", "--silent", "--max-time", "5", f"{URL}/metrics"]):
                    lab_pool.exec(1, argv, check=False)
                lab_pool.exec(1, ["touch", "/var/lib/glusterd/options"])  # the poller queries Gluster again
                return oom_kills(group)

            wait_until(killed, "the kernel to kill it", LONG)
        wait_until(lambda: daemon.child(role).pid != before, "another process", LONG)
        wait_until(lambda: answers(daemon, "/-/ready"), "it to answer", LONG)
        daemon.wait_code(0)


def test_a_node_whose_uptime_is_another_by_a_year_follows_and_is_followed(lab_pool: Pool) -> None:
    """A time namespace: ages are sent between nodes, never moments, so that no clocks need to agree."""
    with on_every_host(lab_pool) as together:
        first, _, third = together.by_uuid()
        together.stop(third)
        shifted = ["unshare", "--time", f"--boottime={YEAR}", f"--monotonic={YEAR}"]
        with serving(lab_pool, third, "--listen", ":1816", "--secret-file", SECRET, prefix=shifted) as daemon:
            together.daemons[third] = daemon
            together.settle()
            assert daemon.data()["age"] < LONG
            # And it is believed when it leads.
            for host in (first, together.by_uuid()[1]):
                together.stop(host)
            wait_until(lambda: daemon.metric("gluster_leader") == 1.0, "it to lead", LONG)
            together.start(first)
            together.wait_leaders([first])
            del together.daemons[third]


@contextmanager
def standing_still(pool: Pool, host: int, daemon: Daemon) -> Iterator[None]:
    """All processes of a host are stopped, as when its hypervisor suspends it, until the end of the block."""
    stopped = [process.pid for process in pool.host(host).processes()]
    for pid in stopped:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in stopped:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        # nsenter(1), outside of the host, stops itself when its program is stopped.
        os.kill(daemon.process.pid, signal.SIGCONT)


def of_the_daemon(pool: Pool, host: int) -> List[str]:
    """The processes of the daemon on a host."""
    return [str(each) for each in pool.host(host).processes() if "serve" in each.argv and each.state != "Z"]


def test_a_daemon_that_is_stopped_while_its_host_stands_still_ends(lab_pool: Pool) -> None:
    with serving(lab_pool, 1) as daemon:
        daemon.wait_code(0)
        assert len(of_the_daemon(lab_pool, 1)) == 3
        with standing_still(lab_pool, 1, daemon):
            daemon.process.terminate()
            began = time.monotonic()
            wait_until(lambda: time.monotonic() - began > 3 * SUSPENDED_AFTER, "some time")
        assert daemon.process.wait(ENDS) == 0
        assert of_the_daemon(lab_pool, 1) == []


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_a_host_that_stands_still_for_a_minute_says_nothing_false_afterwards(lab_pool: Pool) -> None:
    """As when its hypervisor suspends it: all its processes at once, and all of them go on."""
    with on_every_host(lab_pool) as together:
        together.settle()
        still, _, watching = together.by_uuid()
        daemon = together.daemons[still]
        with standing_still(lab_pool, still, daemon):
            began = time.monotonic()
            together.daemons[watching].wait_code(4, "node")
            wait_until(lambda: time.monotonic() - began > STILL, "a minute", 2 * STILL)
        # What it knew is a minute old: it never calls that young and healthy.
        data = daemon.data()
        assert data["status"]["code"] != 0 or data["age"] < LONG / 4
        lab_pool.wait_connected()
        together.settle()
