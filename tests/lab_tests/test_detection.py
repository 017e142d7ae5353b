"""What no file and no process reports, a freeze or a cut, is reported by every node within seconds, and its end too.

The interval is the default, 30 s: it is the probes that find it.  The times are printed (pytest -s); a quiet machine
takes 2 to 4.5 s.  The bound here is half an interval: a busy machine keeps it, and a node that waited for the next
cycle would not.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import Callable, Dict, Iterator, Mapping, Tuple

import pytest

from tests.lab.pool import Pool
from tests.lab.waiting import LabError, wait_until
from tests.lab_tests.daemon import Daemon, serving
from tests.lab_tests.together import Together, on_every_host

pytestmark = pytest.mark.lab

#: seconds; the aim is 5
AT_MOST = 15.0
LONG = 60.0

Fault = Callable[[Pool, int], None]


#: While HOLD is there, `volume status` waits before it is sent: HELD is there then, and is to be removed.
GLUSTER, HOLD, HELD = "/run/gluster-that-waits", "/run/hold-volume-status", "/run/volume-status-is-held"
# The process is gluster itself: where that ends by itself, its parent has to notice it.
SCRIPT = f"""#!/bin/bash
[ "$1" = --version ] && exec gluster "$@"
exec 3<&0
exec gluster "$@" < <(
    while IFS= read -r line <&3; do
        case $line in
        "volume status all"*)
            if mv {HOLD} {HELD} 2>/dev/null; then while [ -e {HELD} ]; do sleep 0.02; done; fi
        esac
        printf '%s\\n' "$line"
    done
) 3<&-
"""


@pytest.fixture(scope="module")
def together(lab_pool: Pool) -> Iterator[Together]:
    for host in (1, 2, 3):
        lab_pool.exec(host, ["tee", GLUSTER], input=SCRIPT)
        lab_pool.exec(host, ["chmod", "+x", GLUSTER])
    with on_every_host(lab_pool, "--interval", "30", "--gluster", GLUSTER) as running:
        running.settle()
        yield running


def status(daemon: Daemon) -> Tuple[int, str]:
    try:
        return daemon.status()
    except LabError as err:
        return -1, str(err)


def measured(together: Together, what: str, found: Callable[[int, str], bool]) -> Mapping[int, float]:
    """The seconds until each node reports a status that *found* takes."""
    began = time.monotonic()
    took: Dict[int, float] = {}

    def all_found() -> bool:
        for host, daemon in together.daemons.items():
            if host not in took and found(*status(daemon)):
                took[host] = time.monotonic() - began
        return len(took) == len(together.daemons)

    try:
        wait_until(all_found, what, LONG, 0.1)
    finally:
        print(
            f"{what}: " + ", ".join(f"node{host} {seconds:.1f} s" for host, seconds in sorted(took.items()))
        )
    return took


def host_of(together: Together, role: str) -> int:
    first, second, third = together.by_uuid()
    return {"leader": first, "next": second, "last": third}[role]


@contextmanager
def fault(together: Together, what: str, host: int, begin: Fault, end: Fault, words: str) -> Iterator[None]:
    """Provoke it, wait until each node reports it, end it, and wait until each node reports that all is well."""
    begin(together.pool, host)
    try:
        took = measured(together, f"{what} of node{host}", lambda code, text: code == 4 and words in text)
        yield
    finally:
        end(together.pool, host)
    ended = measured(together, f"end of {what} of node{host}", lambda code, _text: code == 0)
    assert max(took.values()) < AT_MOST
    assert max(ended.values()) < AT_MOST


# First: the daemons of the other tests stand until the end of this file, on the same port.
def test_a_slow_heal_count_makes_nothing_else_old(lab_pool: Pool) -> None:
    """While a brick hangs, a count takes 10 s a volume, which is longer than three of these intervals are."""
    with serving(lab_pool, 1, "--interval", "3") as daemon:
        daemon.wait_code(0)
        lab_pool.freeze_brick("gv0", 2)
        try:
            daemon.wait_code(4, "hangs")
            first, ages, counted = daemon.cycle(), [], []
            ends = time.monotonic() + 25
            while time.monotonic() < ends:
                data = daemon.data()
                ages.append(data["age"])
                (volume,) = [each for each in data["volumes"] if each["name"] == "gv0"]
                counted.append(None if volume["heal"] is None else volume["heal"]["age"])
                assert data["status"]["code"] == 4, data["status"]["message"]
                assert "no answers for" not in data["status"]["message"]
                first = daemon.next_cycle(first)
            print(f"oldest status {max(ages):.1f} s, heal counts {counted}")
            assert max(ages) < 9
        finally:
            lab_pool.thaw_brick("gv0", 2)
        daemon.wait_code(0)


@pytest.mark.parametrize("role", ["leader", "next", "last"])
def test_a_brick_that_is_frozen(together: Together, role: str) -> None:
    together.settle()
    host = host_of(together, role)
    label = f"node{host}.lab.test:/export/b1/gv0"

    def freeze(pool: Pool, host: int) -> None:
        pool.freeze_brick("gv0", host)

    def thaw(pool: Pool, host: int) -> None:
        pool.thaw_brick("gv0", host)

    with fault(together, f"frozen brick ({role})", host, freeze, thaw, label):
        pass


@pytest.mark.parametrize("role", ["leader", "next", "last"])
def test_a_glusterd_that_is_frozen(together: Together, role: str) -> None:
    together.settle()
    host = host_of(together, role)
    with fault(
        together,
        f"frozen glusterd ({role})",
        host,
        Pool.freeze_glusterd,
        Pool.thaw_glusterd,
        f"node{host}.lab.test",
    ):
        pass


@pytest.mark.parametrize("role", ["leader", "next", "last"])
def test_a_node_whose_cable_is_pulled(together: Together, role: str) -> None:
    """It reports the others, and the others report it."""
    together.settle()
    host = host_of(together, role)

    def join(pool: Pool, host: int) -> None:
        pool.join(host)

    with fault(together, f"cut ({role})", host, Pool.cut, join, "peer "):
        for other, daemon in together.daemons.items():
            if other != host:
                assert f"node{host}.lab.test" in daemon.status()[1]


@pytest.mark.parametrize("role", ["leader", "next"])
def test_a_glusterd_that_dies(together: Together, role: str) -> None:
    together.settle()
    host = host_of(together, role)
    with fault(
        together,
        f"dead glusterd ({role})",
        host,
        Pool.kill_glusterd,
        Pool.start_glusterd,
        f"node{host}.lab.test",
    ):
        pass


@pytest.mark.parametrize("begin", [Pool.cut, Pool.freeze_glusterd])
def test_a_peer_that_vanishes_while_volume_status_is_queried(together: Together, begin: Fault) -> None:
    """glusterd waits for it then, for minutes; what the probes between two cycles find ends the query."""
    together.settle()
    leader, last = host_of(together, "leader"), host_of(together, "last")

    def vanish(pool: Pool, host: int) -> None:
        pool.exec(leader, ["touch", HOLD])
        pool.exec(leader, ["touch", "/var/lib/glusterd/vols/gv0/info"])  # a change begins a cycle
        held = ["test", "-e", HELD]
        wait_until(lambda: pool.exec(leader, held, check=False).returncode == 0, "the query to be sent", LONG)
        begin(pool, host)
        pool.exec(leader, ["rm", HELD])

    def return_(pool: Pool, host: int) -> None:
        (Pool.join if begin is Pool.cut else Pool.thaw_glusterd)(pool, host)

    what = f"a peer that vanishes during volume status ({begin.__name__})"
    with fault(
        together, what, last, vanish, return_, f"node{last}.lab.test" if begin is not Pool.cut else "peer "
    ):
        pass
