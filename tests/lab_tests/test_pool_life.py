"""One pool from its first disk to its last, and everything between: undisturbed, and with kills and power cuts."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator

import pytest

from tests.conftest import FAMILY
from tests.lab import Cluster, Disk, Pool
from tests.lab.ganeti import FILE_DIRECTORIES
from tests.lab_tests import life
from tests.lab_tests.backend import install_if_needed
from tests.lab_tests.life import MIB, Life
from tests.lab_tests.shell import prepare

pytestmark = pytest.mark.lab


@contextmanager
def young(hosts: int) -> Iterator[Cluster]:
    """Hosts with two blank disks each, of which three are a cluster.

    Sizes of disks are of this module alone: UUIDs of filesystems are made of them.
    """
    disks = [Disk("vdb", 468 * MIB, ""), Disk("vdc", 476 * MIB, "")]
    with Pool.first_free(FAMILY, hosts=hosts, disks=disks) as pool:
        cluster = Cluster(pool, storage_paths=FILE_DIRECTORIES).up([1, 2, 3], templates=("diskless",))
        prepare(pool, cluster.nodes)
        install_if_needed(cluster)  # `diagnose` reports access that cannot work
        yield cluster


@pytest.mark.timeout(900)
def test_the_short_life_of_a_pool() -> None:
    with young(3) as cluster:
        life.short(Life(cluster))


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_the_whole_life_of_a_pool() -> None:
    with young(6) as cluster:
        life.whole(Life(cluster))


@pytest.mark.soak
@pytest.mark.timeout(2 * 3600)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_whole_life_of_a_pool_with_kills_and_power_cuts(seed: int) -> None:
    with young(6) as cluster:
        life.whole(Life(cluster, seed))
