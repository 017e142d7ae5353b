"""One pool from its first disk to its last, and everything between: undisturbed, and with kills and power cuts."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator

import pytest

from tests.conftest import FAMILY
from tests.lab import Cluster, Disk, Pool
from tests.lab.ganeti import FILE_DIRECTORIES
from tests.lab_tests.life import MIB, Life, grow_old
from tests.lab_tests.shell import prepare

pytestmark = pytest.mark.lab


@contextmanager
def young() -> Iterator[Cluster]:
    """Six hosts, of which three are a cluster, with two blank disks each.

    Sizes of disks are of this module alone: UUIDs of filesystems are made of them.
    """
    disks = [Disk("vdb", 468 * MIB, ""), Disk("vdc", 476 * MIB, "")]
    with Pool.first_free(FAMILY, hosts=6, disks=disks) as pool:
        cluster = Cluster(pool, storage_paths=FILE_DIRECTORIES).up([1, 2, 3], templates=("diskless",))
        prepare(pool, cluster.nodes)
        yield cluster


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_the_life_of_a_pool() -> None:
    with young() as cluster:
        life = Life(cluster)
        grow_old(life)
    print(life.took)


@pytest.mark.soak
@pytest.mark.timeout(2 * 3600)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_life_of_a_pool_with_kills_and_power_cuts(seed: int) -> None:
    with young() as cluster:
        life = Life(cluster, seed)
        grow_old(life)
    print(life.took)
