"""What Debian 13 brings, as a part of `make test` on Debian 12: Ganeti 3.1, GlusterFS 11, QEMU 10, Python 3.13.

The hosts are laid over the root that `make lab-root DEBIAN=13` makes; `make test` does so in the background.
`make test DEBIAN=13` runs all lab tests there.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Callable, ContextManager, Iterator, List

import pytest

from tests.campaign import plan
from tests.campaign.run import Campaign
from tests.campaign.site import VOLUME, Site
from tests.conftest import FAMILY, root_of_debian_13
from tests.lab import Pool
from tests.lab.waiting import wait_until
from tests.lab_tests.backend import ganeti_release
from tests.lab_tests.looking import look
from tests.lab_tests.together import on_every_host

pytestmark = pytest.mark.lab

#: seconds that a change of Gluster's may take on a busy machine
LONG = 60.0


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """A cluster of three nodes with Debian 13, our backend and provider."""
    with Pool.first_free(FAMILY, root=root_of_debian_13()) as pool:
        yield Site(pool).up()


@pytest.fixture(scope="module")
def campaign(site: Site) -> Campaign:
    return Campaign(site)


def test_the_versions(site: Site) -> None:
    """This is Debian 13, and each node is well, by its own programs."""
    assert ganeti_release(site.cluster) == "3.1"
    assert look(site.pool).reports["glusterd"]["data"]["versions"]["gluster"].startswith("11.")
    assert "QEMU emulator version 10." in site.run("kvm", "--version")
    assert site.run("gnt-storage", "diagnose").count("status: valid") == 3


def codes(pool: Pool) -> List[str]:
    found = look(pool).reports["gluster"]["data"]["status"]["problems"]
    return sorted({problem["code"] for problem in found})


def wait_codes(pool: Pool, wanted: Callable[[List[str]], bool], what: str) -> None:
    wait_until(lambda: wanted(codes(pool)), what, LONG, 0.5)


@contextmanager
def frozen(pool: Pool) -> Iterator[None]:
    pool.freeze_brick(VOLUME, 3)
    yield
    pool.thaw_brick(VOLUME, 3)


@contextmanager
def glusterd_down(pool: Pool) -> Iterator[None]:
    pool.kill_glusterd(3)
    yield
    pool.start_glusterd(3)
    pool.wait_connected()


@contextmanager
def cut(pool: Pool) -> Iterator[None]:
    pool.cut(3)
    yield
    pool.join(3)
    pool.wait_connected()


@contextmanager
def no_self_heal(pool: Pool) -> Iterator[None]:
    pool.kill_self_heal_daemons()
    yield
    pool.start_volume(VOLUME, force=True)


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (frozen, "BRICK_HANGS"),
        (glusterd_down, "PEER_DISCONNECTED"),
        (cut, "PEER_SILENT"),
        (no_self_heal, "HEAL_DAEMON_DOWN"),
    ],
    ids=["frozen", "glusterd-down", "cut", "no-self-heal"],
)
def test_each_fault_is_reported_until_it_is_repaired(
    site: Site, fault: Callable[[Pool], ContextManager[None]], code: str
) -> None:
    pool = site.pool
    wait_codes(pool, lambda found: found == [], "no problem")
    with fault(pool):
        wait_codes(pool, lambda found: code in found, code)
    pool.wait_healed(VOLUME)
    wait_codes(pool, lambda found: found == [], "no problem again")


def test_daemons_on_each_node_have_one_leader(site: Site) -> None:
    """They run on Debian's own Python; the leader queries Gluster for the others, and another takes its place."""
    with on_every_host(site.pool) as together:
        together.settle()
        first, second, _third = together.by_uuid()
        together.stop(first)
        together.wait_leaders([second])
        together.daemons[second].wait_code(0)


def step(campaign: Campaign, line: str) -> None:
    campaign.step(plan.parse(line))


@pytest.mark.timeout(900)
def test_guests_of_each_kind_lose_no_block(campaign: Campaign) -> None:
    """Added, migrated while a brick is down, grown, failed over; each disk is compared on every brick.

    The volume is sharded: a disk that QEMU has open by its URI would get larger than Ganeti has recorded if its file
    grew by a mount before QEMU resizes it.
    """
    step(
        campaign,
        "create one gluster userspace 1 fsync & create two ext userspace 2 plain"
        " & create three ext kernelspace 3 convert",
    )
    step(campaign, "kill-brick 3")
    wait_codes(campaign.record.site.pool, lambda found: "BRICK_OFFLINE" in found, "BRICK_OFFLINE")
    step(campaign, "migrate one 2 & migrate two 1 & migrate three 1")
    step(campaign, "start-brick 3")
    step(campaign, "grow one & grow two & grow three")
    step(campaign, "check")
    step(campaign, "stop one")
    step(campaign, "access kernelspace")
    step(campaign, "start one")
    step(campaign, "migrate one 3 & failover two 3 & failover three 2")
    step(campaign, "check")
    assert campaign.figures.checks == 2
    assert campaign.figures.acknowledged > 0
