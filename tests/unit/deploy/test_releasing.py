"""release-disk: a former disk of a brick is given up by name, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import List

import pytest

from ganeti_gluster_mon import gnt_gluster
from ganeti_gluster_mon.deploy import fstab
from ganeti_gluster_mon.deploy.releasing import ReleaseDisk
from ganeti_gluster_mon.deploy.step import DONE, PreconditionFailed, Remaining
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from tests.unit.deploy.fake_nodes import (
    FAILED,
    child,
    lsblk,
    ok,
    pool_list,
    targets,
    volume,
    volume_info,
    wipefs,
)

NODE = "node2.example.org"
UUID, OLD = "c9bfec32-86ad-5216-9bf9-daec6acd47fa", "22222222-86ad-5216-9bf9-daec6acd47fa"
STEP = ReleaseDisk(NODE, "/dev/vdb", UUID, "gluster", "node1.example.org")
LINE = fstab.line(UUID, "/export/brick1")
NOTHING_KEPT = ok('{"files": [], "unmounted": []}')
MOUNTED = lsblk(mountpoints=["/export/brick1"])


def remaining(
    listed: CommandResult,
    wiped: CommandResult,
    table: str = "",
    inside: CommandResult = FAILED,
    info: CommandResult = volume_info(),
    systemd: CommandResult = FAILED,
    mounts: str = "/export/brick9",
    kept: CommandResult = NOTHING_KEPT,
    step: ReleaseDisk = STEP,
) -> Remaining:
    return step.remaining(
        [
            *(info, pool_list(NODE), listed, wiped, ok(table), inside, systemd, targets("/", mounts)),
            kept,
        ]
    )


def commands(found: Remaining) -> List[str]:
    assert found is not None
    return [str(command) for command in found]


def test_a_filesystem_of_ours_is_unmounted_taken_out_of_fstab_and_erased() -> None:
    parsed = commands(
        remaining(MOUNTED, wipefs("xfs", uuid=UUID), f"UUID=1 / ext4 defaults 0 1\n{LINE}\n", systemd=ok())
    )
    assert parsed[0] == "umount -- /export/brick1"
    assert parsed[1].startswith("sed --in-place") and UUID in parsed[1]
    assert parsed[2:] == ["sync /etc/fstab", "systemctl daemon-reload", "wipefs --all -- /dev/vdb"]
    assert commands(remaining(lsblk(), wipefs("xfs", uuid=UUID))) == ["wipefs --all -- /dev/vdb"]


def test_what_an_interrupted_release_left_is_finished() -> None:
    assert commands(remaining(lsblk(), wipefs(), f"{LINE}\n"))[1:] == ["sync /etc/fstab"]
    assert remaining(lsblk(), wipefs()) is DONE


def test_a_filesystem_of_a_former_cluster_is_known_by_its_line_or_its_brick() -> None:
    line = fstab.line(OLD, "/export/brick1")
    assert (
        commands(remaining(MOUNTED, wipefs("xfs", uuid=OLD), f"{line}\n"))[-1] == "wipefs --all -- /dev/vdb"
    )
    assert commands(remaining(lsblk(), wipefs("xfs", uuid=OLD), inside=ok())) == ["wipefs --all -- /dev/vdb"]


@pytest.mark.parametrize("table", [f"{LINE}\n", ""])
def test_a_disk_with_a_brick_of_a_volume_is_not_released(table: str) -> None:
    used = volume_info(volume("gv0", ["alias2:/export/brick1/gluster", "n3:/b", "n4:/b"]))
    with pytest.raises(
        PreconditionFailed, match="has the brick /export/brick1/gluster of volume gv0: it is in use"
    ):
        remaining(MOUNTED if not table else lsblk(), wipefs("xfs", uuid=UUID), table, info=used)


def test_a_disk_that_may_have_a_brick_whose_mount_is_missing_is_not_released() -> None:
    used = volume_info(volume("gv0", [f"{NODE}:/export/brick4/gluster", "n3:/b", "n4:/b"]))
    with pytest.raises(
        PreconditionFailed,
        match="may have the brick /export/brick4/gluster of volume gv0, where nothing is mounted",
    ):
        remaining(lsblk(), wipefs("xfs", uuid=UUID), info=used)
    assert remaining(lsblk(), wipefs("xfs", uuid=UUID), info=used, mounts="/export/brick4")


@pytest.mark.parametrize(
    ("listed", "wiped", "words"),
    [
        (lsblk(), wipefs("ext4", uuid=OLD), "has ext4 .* is not from gnt-gluster"),
        (lsblk(), wipefs("xfs", uuid=OLD), "has xfs .* is not from gnt-gluster"),
        (lsblk(), wipefs("xfs", "gpt", uuid=UUID), "is not from gnt-gluster"),
        (
            lsblk(children=[child("/dev/sdb1", "part")]),
            wipefs("gpt"),
            "has a partition table .gpt. on it: it is not a disk of a brick",
        ),
        (lsblk(children=[child("/dev/mapper/x", "lvm")]), wipefs("LVM2_member"), "carries /dev/mapper/x"),
        (lsblk(mountpoints=["/srv"]), wipefs(), "is mounted at /srv, and it is not from gnt-gluster"),
    ],
)
def test_nothing_else_is_released(listed: CommandResult, wiped: CommandResult, words: str) -> None:
    with pytest.raises(PreconditionFailed, match=words):
        remaining(listed, wiped)


def test_copies_that_were_kept_aside_are_not_lost_unless_the_disk_is_named() -> None:
    wiped = wipefs("xfs", uuid=UUID)
    kept = ok('{"files": [], "unmounted": ["/dev/vdb"]}')
    with pytest.raises(PreconditionFailed, match=f"--discard-kept {NODE}:/dev/vdb"):
        remaining(lsblk(), wiped, kept=kept)
    assert remaining(lsblk(), wiped, kept=kept, step=replace(STEP, discard_kept=True)) is not None
    # the filesystem is erased already
    assert remaining(lsblk(), wipefs(), kept=FAILED) is DONE


def test_the_disk_of_discard_kept_is_one_that_is_released() -> None:
    words = ["release-disk", "node1:/dev/vdb", "--discard-kept", "node1:/dev/vdc"]
    arguments = gnt_gluster.parser().parse_args(words)
    assert arguments.discard_kept == [("node1", "/dev/vdc")]
