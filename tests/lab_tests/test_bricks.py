"""Bricks that are replaced and used again: no guest ever reads an old copy, on real Gluster."""

from __future__ import annotations

import re
from typing import Iterator, List, Tuple

import pytest

from ganeti_gluster_mon.command_error import CommandError
from ganeti_gluster_mon.deploy import joining, pool_tasks
from ganeti_gluster_mon.deploy.apply import apply
from ganeti_gluster_mon.deploy.context import Context
from ganeti_gluster_mon.deploy.kept_on_device import KEPT
from tests.conftest import FAMILY
from tests.lab import Disk, Pool, wait_until
from tests.lab_tests.deploying import FromOutside
from tests.lab_tests.replacing import MIB, VDB, VDC, context, done, on_bricks, run, write

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]

NODE3 = "node3.lab.test"
FIRST, SECOND = "/export/brick1/gluster", "/export/brick2/gluster"
FILES = sorted(f"d{n % 3}/file{n}" for n in range(8))


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    """Three hosts with two blank disks each, a volume gv0 on the first of each, with files in it."""
    with Pool.first_free(FAMILY, disks=[Disk("vdb", 616 * MIB, ""), Disk("vdc", 608 * MIB, "")]) as pool:
        pool.probe()
        done(pool, "create-volume", "gv0", "--device", VDB)
        write(pool, "gv0", FILES, "first", healed=True)
        yield pool


def replacing(old: str, *words: str) -> Tuple[str, ...]:
    return ("replace-brick", "gv0", f"{NODE3}:{old}", "node3", *words)


def test_a_former_brick_never_comes_back(pool: Pool, capsys: pytest.CaptureFixture[str]) -> None:
    """The disk of a brick that was replaced has old copies, with the volume id of the volume on them."""
    done(pool, *replacing(FIRST, "--device", VDC, "--force"))
    write(pool, "gv0", FILES, "second", healed=True)
    capsys.readouterr()
    assert run(pool, *replacing(SECOND, "--device", VDB)) == 1
    stderr = capsys.readouterr().err
    assert f"gnt-gluster: {NODE3}: {FIRST} is a stale brick of volume gv0" in stderr
    assert f"--wipe {NODE3}:{VDB}" in stderr and "nothing was done" in stderr
    assert f"{NODE3}:{SECOND}" in pool.gluster("volume", "info", "gv0")
    wiping = replacing(SECOND, "--device", VDB, "--wipe", f"node3:{VDB}", "--force")
    # as `repair --discard-copy` keeps a copy
    pool.exec(3, ["mkdir", "--parents", f"/export/brick1/{KEPT}/gv0"])
    pool.exec(3, ["tee", f"/export/brick1/{KEPT}/gv0/disk.17"], input="the only copy")
    for mounted in (True, False):
        if not mounted:
            pool.exec(3, ["umount", "/export/brick1"])
        assert run(pool, *wiping) == 1
        stderr = capsys.readouterr().err
        assert f"--discard-kept {NODE3}:{VDB}" in stderr and "nothing was done" in stderr, stderr
    pool.exec(3, ["mount", "/export/brick1"])
    assert pool.exec(3, ["cat", f"/export/brick1/{KEPT}/gv0/disk.17"]).stdout == "the only copy"
    done(pool, *wiping, "--discard-kept", f"node3:{VDB}")
    assert pool.exec(3, ["ls", "--almost-all", "/export/brick1"]).stdout.split() == ["gluster"]
    bricks = on_bricks(pool, [(1, FIRST), (2, FIRST), (3, FIRST)])
    assert sorted(bricks[0]) == FILES
    assert bricks[0] == bricks[1] == bricks[2]


@pytest.mark.soak
def test_a_former_brick_in_a_directory_never_comes_back(
    pool: Pool, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = "/export/brick1/old", "/export/brick1/new"
    done(pool, "create-volume", "dirs", "--directory", old)
    write(pool, "dirs", FILES, "first", healed=True)
    where = ("replace-brick", "dirs", f"{NODE3}:{old}", "node3")
    done(pool, *where, "--directory", new)
    write(pool, "dirs", FILES, "second", healed=True)
    back = ("replace-brick", "dirs", f"{NODE3}:{new}", "node3", "--directory", old)
    capsys.readouterr()
    assert run(pool, *back) == 1
    assert f"--wipe {NODE3}:{old}" in capsys.readouterr().err
    # Nor by any other way to a brick.
    assert run(pool, "create-volume", "other", "node3", "--distribute", "--directory", old) == 1
    assert run(pool, "expand-volume", "dirs", "node1", "node2", "node3", "--directory", old) == 1
    done(pool, *back, "--wipe", f"node3:{old}", "--force")
    bricks = on_bricks(pool, [(1, old), (2, old), (3, old)])
    assert sorted(bricks[0]) == FILES
    assert bricks[0] == bricks[1] == bricks[2]


def test_a_dead_disk_is_replaced_in_its_place(pool: Pool, capsys: pytest.CaptureFixture[str]) -> None:
    """Same node, same path: its filesystem gives I/O errors and is still mounted, with its line in fstab."""
    pool.exec(2, ["xfs_io", "-x", "-c", "shutdown", "/export/brick1"])
    table = pool.exec(2, ["cat", "/etc/fstab"]).stdout
    assert "/export/brick1" in table
    write(pool, "gv0", FILES, "while it is dead")
    words = ("replace-brick", "gv0", f"node2.lab.test:{FIRST}", "node2", "--device", VDC)
    capsys.readouterr()
    assert run(pool, *words) == 1  # it has to be confirmed
    stderr = capsys.readouterr().err
    assert f"node2.lab.test: the filesystem of {FIRST} is dead" in stderr and "Input/output error" in stderr
    assert pool.exec(2, ["cat", "/etc/fstab"]).stdout == table
    interrupted: List[str] = []

    def trap(node: int, argv: Tuple[str, ...]) -> None:
        """Ctrl-C before each kind of command, once."""
        kind = "commit" if "commit" in argv else argv[0]
        if kind not in ("gluster", *interrupted):
            interrupted.append(kind)
            raise KeyboardInterrupt

    while run(pool, *words, "--force", host=FromOutside(pool, trap)) != 0:
        assert len(interrupted) < 12, interrupted
    of_the_disk = [kind for kind in interrupted if kind in ("umount", "mkfs.xfs", "commit")]
    assert of_the_disk == ["umount", "mkfs.xfs", "commit"] and interrupted[-1] == "commit", interrupted
    bricks = on_bricks(pool, [(1, FIRST), (2, FIRST), (3, FIRST)])
    assert sorted(bricks[0]) == FILES
    assert bricks[0] == bricks[1] == bricks[2]
    after = pool.exec(2, ["cat", "/etc/fstab"]).stdout.splitlines()
    assert len([line for line in after if "/export/brick1" in line]) == 1 and after != table.splitlines()
    capsys.readouterr()
    done(pool, *words)
    stderr = capsys.readouterr().err
    assert f"nothing to do; node2.lab.test:{FIRST} was verified: " in stderr
    # The boot finds the new disk.
    pool.power_off(2)
    pool.power_on(2)
    pool.wait_connected()
    pool.wait_started("gv0", 2)
    pool.wait_healed("gv0")


@pytest.mark.soak
def test_a_brick_that_only_lacks_what_others_have_can_be_replaced(
    pool: Pool, capsys: pytest.CaptureFixture[str]
) -> None:
    """With no self-heal daemon, node3 is a sink and stays one until it is replaced; a source is not replaced."""
    where, new = "/export/brick1/sink", "/export/brick1/sink2"
    done(pool, "create-volume", "sink", "--directory", where)
    write(pool, "sink", FILES, "first", healed=True)
    (brick,) = pool.brick_processes("sink", 3)
    pool.kill_self_heal_daemons()
    pool.kill_brick("sink", 3)
    write(pool, "sink", FILES, "while it was away")
    pool.exec(3, brick.argv)  # by its own command: `volume start force` would start the daemons, too

    def pending() -> List[str]:
        summary = pool.gluster("volume", "heal", "sink", "info", "summary")
        return re.findall(r"^Number of entries in heal pending: (.*)$", summary, re.MULTILINE)

    wait_until(lambda: pending() == ["8", "8", "0"], "8 entries pending on the new brick", 90)
    words = ("replace-brick", "sink", f"node1.lab.test:{where}", "node1", "--directory", new)

    def refused_for_its_entries() -> bool:
        """It is refused in any case; glusterd may still call the brick of node3 offline."""
        capsys.readouterr()
        assert run(pool, *words) == 1
        return "8 entries of sink are to be healed, and node1" in capsys.readouterr().err

    wait_until(refused_for_its_entries, "a refusal that names the pending entries", 90)
    done(pool, "replace-brick", "sink", f"{NODE3}:{where}", "node3", "--directory", new)
    bricks = on_bricks(pool, [(1, where), (2, where), (3, new)])
    assert sorted(bricks[0]) == FILES
    assert bricks[0] == bricks[1] == bricks[2]
    pool.delete_volume("sink")
    pool.start_volume("gv0", force=True)


def test_a_brick_with_less_room_than_the_data_of_its_set_is_refused(
    pool: Pool, capsys: pytest.CaptureFixture[str]
) -> None:
    pool.exec(3, ["mkdir", "-p", "/small"])
    pool.exec(3, ["mount", "-t", "tmpfs", "-o", "size=1M", "none", "/small"])
    try:
        capsys.readouterr()
        assert run(pool, *replacing(FIRST, "--directory", "/small/gluster")) == 1
        stderr = capsys.readouterr().err
        too_small = rf"{NODE3}:/small/gluster is too small: the bricks of its set have \d+\.\dM of data"
        assert re.search(too_small, stderr), stderr
        pool.exec(3, ["mount", "-o", "remount,size=64M", "/small"])
        assert run(pool, *replacing(FIRST, "--directory", "/small/gluster")) == 1
        stderr = capsys.readouterr().err
        assert "less than the other bricks of its set" in stderr and "nothing was done" in stderr
    finally:
        pool.exec(3, ["umount", "/small"])


def test_a_disk_with_raw_data_is_refused_unless_it_is_named(
    pool: Pool, capsys: pytest.CaptureFixture[str]
) -> None:
    """No signature, and not blank: a database or a guest may use the disk as it is."""
    done(pool, "release-disk", f"node3:{VDC}", "--force")
    pool.exec(3, ["blkdiscard", "--zeroout", VDC])
    raw = ["dd", "if=/dev/urandom", f"of={VDC}", "bs=1M", "seek=100", "count=60", "conv=fsync", "status=none"]
    pool.exec(3, raw)
    was = pool.exec(3, ["sha256sum", VDC]).stdout
    words = ("create-volume", "raw", "node3", "--distribute", "--device", VDC)
    capsys.readouterr()
    assert run(pool, *words) == 1
    stderr = capsys.readouterr().err
    assert f"{NODE3}: {VDC} holds data without a known signature" in stderr
    assert f"--wipe {NODE3}:{VDC}" in stderr
    assert pool.exec(3, ["sha256sum", VDC]).stdout == was
    done(pool, *words, "--wipe", f"node3:{VDC}", "--force")
    capsys.readouterr()
    assert run(pool, "release-disk", f"node3:{VDC}", "--force") == 1
    assert "of volume raw: it is in use" in capsys.readouterr().err
    pool.delete_volume("raw")


def test_a_disk_of_a_former_volume_is_released_by_one_command(
    pool: Pool, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "/export/brick2" in pool.host(3).mounts()
    assert run(pool, "release-disk", f"node3:{VDC}") == 1  # it has to be confirmed
    assert "/export/brick2" in pool.host(3).mounts()
    done(pool, "release-disk", f"node3:{VDC}", "--force")
    assert "/export/brick2" not in pool.host(3).mounts()
    assert "/export/brick2" not in pool.exec(3, ["cat", "/etc/fstab"]).stdout
    assert pool.exec(3, ["wipefs", "--no-act", VDC]).stdout == ""
    capsys.readouterr()
    done(pool, "release-disk", f"node3:{VDC}", "--force")
    assert "nothing to do" in capsys.readouterr().err


def join(there: Context, node: str) -> joining.Growth:
    """What the hook of gnt-node add does."""
    described = joining.described(there.cluster.tags, "")
    assert described is not None
    steps, grown = pool_tasks.join_node(there, node, described)
    apply(there.host, steps, lambda line: None)
    return grown


def test_a_former_brick_is_not_taken_for_one_that_waits(
    pool: Pool, capsys: pytest.CaptureFixture[str]
) -> None:
    """The hook of gnt-node add adds what waits for a volume; a brick that was replaced does not."""
    where = "/export/brick1/joins"
    done(pool, "create-volume", "joins", "--directory", where)
    write(pool, "joins", FILES, "first", healed=True)
    new = "/export/brick1/joined"
    words = ("replace-brick", "joins", f"node2.lab.test:{where}", "node2", "--directory", new)
    done(pool, *words, "--force")  # its disk is a bit smaller since it was replaced
    write(pool, "joins", FILES, "second", healed=True)
    there = context(pool, tags=[f"gluster:join:joins:{where}2"])
    for node in ("node1.lab.test", "node2.lab.test"):
        assert not join(there, node).joins
    # of node3 the tag names the former brick of another place
    pool.exec(3, ["cp", "-a", "--preserve=all", where, f"{where}2"])
    with pytest.raises(CommandError, match=rf"{where}2 is a stale brick of volume joins"):
        join(there, NODE3)
    assert f"{where}2" not in pool.gluster("volume", "info", "joins")
    pool.exec(3, ["rm", "-r", f"{where}2"])
    # and one that has waited is looked at again before it is added
    pool.exec(2, ["touch", f"{where}2/appeared"])
    with pytest.raises(CommandError, match=rf"node2.lab.test: {where}2 is a stale brick of volume joins"):
        join(there, NODE3)
    assert f"{where}2" not in pool.gluster("volume", "info", "joins")
    pool.delete_volume("joins")


@pytest.mark.soak
@pytest.mark.parametrize("layout", [("--replica", "3", "--arbiter"), ("--disperse", "3")])
def test_a_brick_of_other_layouts_is_replaced_and_verified(
    pool: Pool, layout: Tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    name = "arb" if "--arbiter" in layout else "disp"
    old, new = f"/export/brick1/{name}", f"/export/brick1/{name}-new"
    done(pool, "create-volume", name, "--directory", old, *layout)
    write(pool, name, FILES, "first", healed=True)
    for node in (1, 2, 3):
        # so a client leaves the root that is unmounted within a second
        pool.exec(node, ["setfattr", "--remove=trusted.ec.version", old], check=False)
    for node in (3, 1):
        words = ("replace-brick", name, f"node{node}.lab.test:{old}", f"node{node}", "--directory", new)
        capsys.readouterr()
        done(pool, *words)
        assert "not verified" not in capsys.readouterr().err.splitlines()[-1]
    bricks = on_bricks(pool, [(1, new), (2, old), (3, new)])
    assert sorted(bricks[0]) == sorted(bricks[1]) == sorted(bricks[2]) == FILES
    if name == "arb":
        assert bricks[0] == bricks[1]
    pool.delete_volume(name)
