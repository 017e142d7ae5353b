"""gnt-gluster repair alone, from a fresh shell, against each fault of bricks and self-heal daemons that it repairs."""

from __future__ import annotations

from typing import Callable, Iterator, List

import pytest

from tests.conftest import FAMILY
from tests.lab import Cluster, Disk, Pool, wait_until
from tests.lab.ganeti import FILE_DIRECTORIES
from tests.lab_tests.deploying import BRICK, DISK, gnt_gluster
from tests.lab_tests.remedying import LONG, problems, wait_problem
from tests.lab_tests.replacing import write
from tests.lab_tests.shell import prepare, type_in

pytestmark = [pytest.mark.lab, pytest.mark.soak, pytest.mark.timeout(900)]

MIB = 1024**2
POINT = "/export/brick1"
CHECK = "ganeti-gluster-mon check --query"


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    """Three nodes with gv0, which was deployed."""
    disks = [Disk("b1"), Disk("vdb", 456 * MIB, "")]
    with Pool.first_free(FAMILY, hosts=3, disks=disks) as pool:
        Cluster(pool, storage_paths=FILE_DIRECTORIES).up(templates=("diskless",))
        prepare(pool)
        gnt_gluster(pool, "deploy", "--device", DISK)
        write(pool, "gv0", ["content"], "before", healed=True)
        yield pool


@pytest.fixture(autouse=True)
def same_afterwards(pool: Pool) -> Iterator[None]:
    """All copies are the same, and the check ends well."""
    yield
    wait_well(pool)
    found = {pool.exec(host, ["sha256sum", f"{BRICK}/content"]).stdout for host in (1, 2, 3)}
    assert len(found) == 1


def wait_well(pool: Pool) -> None:
    """Wait until the check ends with 0; unlike a person, without doing what it names."""
    outputs: List[str] = []

    def ends_well() -> bool:
        done = type_in(pool, CHECK, check=False)
        outputs.append(done.stdout)
        return done.returncode == 0

    wait_until(ends_well, CHECK, LONG, 0.5)
    print(outputs[-1])


def lose_the_mount(pool: Pool, host: int) -> None:
    """The process of the brick is gone, and so is its mount."""
    pool.kill_brick("gv0", host)
    pool.exec(host, ["umount", POINT])


def kill_bricks(pool: Pool) -> None:
    for host in (2, 3):
        pool.kill_brick("gv0", host)


def freeze_bricks(pool: Pool) -> None:
    for host in (2, 3):
        pool.freeze_brick("gv0", host)


#: the code that the fault is reported by, and the fault
FAULTS = {
    "mount-missing": ("BRICK_OFFLINE", lambda pool: lose_the_mount(pool, 2)),
    "brick-hangs": ("BRICK_HANGS", lambda pool: pool.freeze_brick("gv0", 3)),
    "quorum": ("SUBVOLUME_QUORUM_LOST", kill_bricks),
    "quorum-hangs": ("SUBVOLUME_QUORUM_LOST", freeze_bricks),
    "self-heal-daemon": ("HEAL_DAEMON_DOWN", lambda pool: pool.kill_self_heal_daemons([2])),
}


@pytest.mark.parametrize("name", FAULTS)
def test_one_command_repairs_it(pool: Pool, name: str) -> None:
    code, fault = FAULTS[name]
    make: Callable[[Pool], object] = fault
    make(pool)
    wait_problem(pool, code, "gv0")
    done = type_in(pool, "gnt-gluster repair")
    print(done.stderr)
    assert "a decision is needed" not in done.stderr
    wait_until(lambda: code not in {one.code for one in problems(pool)}, f"{code} to be gone", LONG, 0.5)
