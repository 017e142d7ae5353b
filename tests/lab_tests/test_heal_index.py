"""The heal index of a brick of real Gluster: which disks have entries that wait, and how many."""

from __future__ import annotations

import re
import sys
from typing import Dict, Iterator, List, Sequence, Set

import pytest

from ganeti_gluster_mon.gluster import heal_index, heal_index_client
from tests.lab import Pool, process, wait_until

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

BRICK = "/export/b1/shards"
DISKS = ("ganeti/a.0", "ganeti/b.0", "ganeti/c.0")


def write(pool: Pool, disk: str, mebibyte: int) -> None:
    """Write one MiB of *disk*, at so many MiB from its beginning."""
    words = ["bs=1M", "count=1", f"seek={mebibyte}", "conv=notrunc,fsync"]
    pool.exec(1, ["dd", "if=/dev/urandom", f"of=/mnt/shards/{disk}", *words])


def waiting(pool: Pool, host: int) -> Dict[str, int]:
    done = pool.exec(host, [sys.executable, *heal_index.PROGRAM, BRICK, *DISKS])
    return heal_index.counts(done.stdout.encode())


def in_a_minute(pool: Pool, host: int) -> Dict[str, int]:
    """As `waiting` will be when no file has changed for a minute."""
    later = (
        f"import runpy, sys, time; now = time.time; time.time = lambda: now() + {heal_index_client.UNCHANGED + 1}; "
        "sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    done = pool.exec(host, [sys.executable, "-c", later, heal_index.PROGRAM[1], BRICK, *DISKS])
    return heal_index.counts(done.stdout.encode())


def indexed(pool: Pool, host: int) -> Set[str]:
    """The gfids in both lists of a brick."""
    names = pool.exec(host, ["sh", "-c", f"cd {BRICK}/.glusterfs/indices && ls xattrop dirty"]).stdout.split()
    return {name for name in names if re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", name)}


def attributes(pool: Pool) -> str:
    """The attributes of the files and shards on the first brick, for the message of a failure."""
    script = (
        f"ls {BRICK}/.glusterfs/indices/xattrop; getfattr -d -m . -e hex {BRICK}/.shard/* {BRICK}/ganeti/*"
    )
    return pool.exec(1, ["sh", "-c", script], check=False).stdout


@pytest.fixture
def shards(lab_pool: Pool) -> Iterator[Pool]:
    """A volume that is mounted on node1, with files of 13 MiB in shards of 4 MiB; nothing is healed by itself."""
    options = {"features.shard": "on", "features.shard-block-size": "4MB", "cluster.self-heal-daemon": "off"}
    lab_pool.create_volume("shards", lab_pool.bricks(BRICK), replica=3, options=options)
    try:
        lab_pool.mount(1, "shards", "/mnt/shards")
        lab_pool.exec(1, ["mkdir", "/mnt/shards/ganeti"])
        for disk in DISKS:
            for mebibyte in (0, 4, 8, 12):
                write(lab_pool, disk, mebibyte)
        yield lab_pool
    finally:
        lab_pool.exec(1, ["umount", "-l", "/mnt/shards"], check=False)
        lab_pool.delete_volume("shards")
        lab_pool.remove_former_bricks()


def all_is_listed_and_healed(pool: Pool, hosts: Sequence[int]) -> None:
    """What `heal info` lists of the bricks of *hosts* belongs to the disks, and is healed by the daemons."""

    def listed() -> List[int]:
        # not "summary": it counts what is in both lists twice
        xml = pool.gluster("volume", "heal", "shards", "info", "--xml")
        counts = [int(number) for number in re.findall(r"<numberOfEntries>(\d+)<", xml)]
        return [counts[host - 1] for host in hosts]

    def expected() -> List[int]:
        return [len(indexed(pool, host)) for host in hosts]

    try:
        wait_until(lambda: listed() == expected(), "heal info to list the same", 30.0, 0.5)
        assert [sum(in_a_minute(pool, host).values()) for host in hosts] == expected()
    finally:
        print(listed(), expected(), attributes(pool))
    pool.gluster("volume", "set", "shards", "cluster.self-heal-daemon", "on")
    pool.wait_healed("shards")
    assert in_a_minute(pool, 1) == dict.fromkeys(DISKS, 0)


def test_the_disks_and_shards_that_a_copy_lacks(shards: Pool) -> None:
    """A brick misses writes to some of them."""
    assert waiting(shards, 1) == dict.fromkeys(DISKS, 0)
    shards.kill_brick("shards", 3)
    for disk, mebibyte in ((DISKS[0], 4), (DISKS[0], 5), (DISKS[0], 12), (DISKS[1], 0)):
        write(shards, disk, mebibyte)
    # A client reports that a copy lacks a write up to a second after the write (cluster.post-op-delay-secs).
    # Of the first disk two shards wait and, as it keeps the size of all, perhaps the file itself.
    try:
        wait_until(
            lambda: waiting(shards, 1)[DISKS[0]] in (2, 3) and waiting(shards, 1)[DISKS[1]] == 1,
            "the shards that wait to be known",
            20.0,
        )
    finally:
        print(waiting(shards, 1), attributes(shards))
    found = waiting(shards, 1)
    assert found[DISKS[2]] == 0
    assert found == waiting(shards, 2)
    shards.unmount(1, "/mnt/shards")
    shards.start_brick("shards", 3)
    # The third brick has in its lists what it was writing when it was killed, too.
    all_is_listed_and_healed(shards, (1, 2))


def test_what_a_client_that_was_killed_has_not_completed(shards: Pool) -> None:
    """Each copy has all that was written, and none of them knows that."""
    (client,) = [found for found in shards.host(1).find("glusterfs") if found.argv[-1] == "/mnt/shards"]
    process.kill(client.pid)
    # as at any moment while guests write
    assert waiting(shards, 1) == dict.fromkeys(DISKS, 0)
    assert in_a_minute(shards, 1)[DISKS[2]] > 0
    all_is_listed_and_healed(shards, (1, 2, 3))
