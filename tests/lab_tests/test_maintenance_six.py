"""Six nodes, rebooted one after the other under guests that write: no I/O error, whole disks, silent alerts.

The tests are one story; each may also be run by itself.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, List, Set, Tuple

import pytest
import yaml

from tests.campaign.site import VOLUME, Site
from tests.conftest import FAMILY
from tests.lab import Pool, wait_until
from tests.lab.lab import command
from tests.lab.tools import GANETI_TOOLS, missing
from tests.lab_tests.daemon import LONG
from tests.lab_tests.deploying import gnt_gluster, refused
from tests.lab_tests.maintained import WISH, Rebooter, WritingGuests, brick_processes
from tests.lab_tests.prometheus import Prometheus, prometheus
from tests.lab_tests.together import Together, on_every_host

pytestmark = [pytest.mark.lab, pytest.mark.soak, pytest.mark.timeout(900)]

NODE3 = "node3.lab.test"
PROGRAM = str(command().with_name("gnt-gluster"))
RULES = Path(__file__).parents[2] / "examples" / "prometheus" / "ganeti-gluster-mon.rules.yml"
#: files on the disperse volume: each is written, synced and its checksum noted
DISPERSE, DIRECTORY, NOTED = "disp", "/mnt/disp", "/root/written"
WRITE = (
    "i=0; while [ ! -e /root/stop ]; do head -c 300000 /dev/urandom > /tmp/new; "
    f"if cp /tmp/new {DIRECTORY}/$i && sync {DIRECTORY}/$i; "
    f'then echo "$(sha256sum < /tmp/new | cut -c1-64)  {DIRECTORY}/$i" >> {NOTED}; '
    "else echo $i >> /root/failed; fi; i=$((i + 1)); sleep 0.3; done"
)


@pytest.fixture(scope="module")
def guests() -> Iterator[WritingGuests]:
    """A volume of two sets of three bricks, a disperse volume on nodes 4 to 6, and three guests."""
    lacking = missing(GANETI_TOOLS)
    if lacking:
        pytest.skip("; ".join(lacking))
    with Pool.first_free(FAMILY, hosts=6) as pool:
        found = WritingGuests(Site(pool).up())
        bricks = pool.bricks("/export/b2/disp", [4, 5, 6])
        pool.create_volume(DISPERSE, bricks, disperse=3, redundancy=1)
        found.add("first", "gluster", 2)
        found.add("second", "ext", 4)
        found.add("third", "gluster", 6)
        found.wait_blocks()
        pool.wait_healed(VOLUME, in_use=True)
        yield found


def run_maintenance(pool: Pool, host: int, *words: str) -> None:
    """`maintenance run` on a host; its output is printed, each line with the time since its begin."""
    argv = [PROGRAM, "maintenance", "run", "--wait-for-reboot", "--timeout", "4m", *words, "--", *WISH]
    began = time.monotonic()
    running = pool.popen(host, argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert running.stderr is not None
    for line in running.stderr:
        print(f"{time.monotonic() - began:5.0f} s  {line}", end="", flush=True)
    assert running.wait(timeout=LONG) == 0


def without_waits(rules: str) -> str:
    """*rules* as they are shipped, but that those about the pool fire when it is so for 3 s.

    Those that wait for five minutes and more, for a node may boot meanwhile, or a volume heal, wait as long here.
    """
    loaded = yaml.safe_load(rules)
    for group in loaded["groups"]:
        for rule in group["rules"]:
            soon = rule.get("for") in ("30s", "1m", "2m") or rule.get("alert") in (
                "GlusterSubvolumeQuorumSoon",
                "GlusterNeedsAttention",
            )
            if soon:
                rule["for"] = "3s"
            if "keep_firing_for" in rule:
                rule["keep_firing_for"] = "2s"
    return yaml.safe_dump(loaded)


@contextmanager
def collected(watching: Prometheus) -> Iterator[Set[Tuple[str, str]]]:
    """The alerts that fire at some time during the block."""
    found: Set[Tuple[str, str]] = set()
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.5):
            found.update(watching.firing())

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()


@contextmanager
def written(pool: Pool) -> Iterator[None]:
    """A client writes files to the disperse volume during the block; then each has what was written to it."""
    pool.mount(1, DISPERSE, DIRECTORY)
    writer = pool.popen(1, ["sh", "-c", WRITE])
    try:
        wait_until(lambda: pool.exec(1, ["test", "-s", NOTED], check=False).returncode == 0, "a file", LONG)
        yield
    finally:
        pool.exec(1, ["touch", "/root/stop"])
        writer.wait(LONG)
    assert pool.exec(1, ["cat", "/root/failed"], check=False).stdout == ""
    checked = pool.exec(1, ["sha256sum", "--check", "--quiet", NOTED], check=False)
    assert (checked.returncode, checked.stdout) == (0, ""), checked
    assert len(pool.exec(1, ["cat", NOTED]).stdout.splitlines()) > 20
    pool.unmount(1, DIRECTORY)


def test_alerts_are_silent_while_nodes_are_rebooted(guests: WritingGuests) -> None:
    pool = guests.site.pool
    early: List[str] = []

    def before(node: int) -> None:
        if node == 2:  # an administrator is too early
            early.extend(refused(pool, "maintenance", "start", "node3"))
        if node in together.daemons:
            together.stop(node)

    with on_every_host(pool) as together:
        together.settle()
        with prometheus(pool, 1, without_waits(RULES.read_text(encoding="utf-8"))) as watching:
            wait_until(lambda: watching.values("sum(up)") == [3.0], "all three to be scraped", LONG)
            _fires_for_another_node(pool, watching)
            rebooter = Rebooter(
                guests,
                [2, 3, 4],
                before=before,
                on=lambda node: _start(together, node),
            )
            rebooter.start()
            with collected(watching) as fired, written(pool):
                run_maintenance(pool, 1, "node2", "node3", "node4")
            rebooter.finish()
            print("alerts:", fired)
            assert fired == set()
    assert any(f"{NODE3} must not be stopped now" in line for line in early), early
    assert guests.errors() == 0
    assert guests.faults() == []


def _fires_for_another_node(pool: Pool, watching: Prometheus) -> None:
    """Alerts are not silent by themselves: a brick that is not muted fires one."""
    (brick,) = pool.brick_processes(VOLUME, 4)
    os.kill(brick.pid, signal.SIGKILL)
    wait_until(lambda: ("GlusterBrickDown", VOLUME) in watching.firing(), "the alert", LONG)
    pool.start_brick(VOLUME, 4)
    pool.wait_healed(VOLUME, in_use=True)
    wait_until(lambda: watching.firing() == set(), "no alert", 2 * LONG)


def _start(together: Together, node: int) -> None:
    if node in (1, 2, 3):
        together.start(node)


def test_the_other_nodes_are_rebooted(guests: WritingGuests) -> None:
    rebooter = Rebooter(guests, [5, 6])
    rebooter.start()
    run_maintenance(guests.site.pool, 1, "node5", "node6")
    rebooter.finish()
    assert guests.errors() == 0
    assert guests.faults() == []


def test_the_master_node_is_rebooted_from_another_node(guests: WritingGuests) -> None:
    pool = guests.site.pool
    rebooter = Rebooter(guests, [1], control=2)
    rebooter.start()
    run_maintenance(pool, 2, "node1")
    rebooter.finish()
    assert "gluster:maintenance" not in guests.site.run("gnt-cluster", "list-tags")
    assert brick_processes(guests.site, 1) == 1
    assert guests.errors() == 0
    assert guests.faults() == []


def test_a_second_brick_dies_while_the_first_is_repaired(guests: WritingGuests) -> None:
    site, pool = guests.site, guests.site.pool
    pool.kill_brick(VOLUME, 2)
    (other,) = pool.brick_processes(VOLUME, 5)
    run = pool.popen(
        1, [PROGRAM, "repair", VOLUME], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    assert run.stderr is not None
    lines = []
    for line in run.stderr:
        lines.append(line.rstrip())
        if re.match(rf"\[\d+/\d+\] .*{VOLUME} started", line):
            os.kill(other.pid, signal.SIGKILL)
    assert run.wait(timeout=30) in (0, 1)
    print("\n".join(lines))
    if run.returncode:
        assert "not online yet: node5" in lines[-1], lines
        assert lines[-1].endswith("the same command again goes on from there")
    assert brick_processes(site, 2) == 1
    gnt_gluster(pool, "repair", VOLUME)
    assert brick_processes(site, 5) == 1
    pool.wait_healed(VOLUME, in_use=True)
    assert guests.errors() == 0
    assert guests.faults() == []
