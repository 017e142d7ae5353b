"""Steps that repair the mounts of bricks."""

from __future__ import annotations

import json
from typing import Any, List, Mapping, Optional

import pytest

from ganeti_gluster_mon.deploy.repair_steps import BrickMounted, RecordMountPoint
from ganeti_gluster_mon.deploy.step import DONE, PreconditionFailed, Remaining
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from tests.unit.deploy.fake_nodes import FAILED, ok

ID = "11111111-2222-3333-4444-555555555555"


UUID = "0cf1f0c5-8a5d-4e0e-9d0c-6f1d5a1e7a40"


FSTAB = f"UUID={UUID} /export/brick1 xfs defaults 0 0\n"


MOUNTED: Mapping[str, Any] = {
    "point": "/export/brick1",
    "source": "/dev/vdb",
    "type": "xfs",
    "uuid": UUID,
    "volume_id": ID.replace("-", ""),
    "error": None,
    "there": True,
    "indexed": True,
    "pid": 4711,
    "recorded": [],
}


NOT_MOUNTED = {
    **MOUNTED,
    "point": "/",
    "source": "overlay",
    "type": "overlay",
    "uuid": None,
    "volume_id": None,
    "there": False,
    "indexed": False,
    "pid": None,
}


def mounted(found: Mapping[str, Any], table: str = FSTAB) -> Remaining:
    step = BrickMounted("node1", "/export/brick1/gluster", "gv0", ID)
    return step.remaining([ok(json.dumps(found)), ok(table), FAILED])


def lines(remaining: Remaining) -> List[str]:
    assert remaining
    return [" ".join(command.argv) for command in remaining]


def test_a_brick_that_is_mounted_and_in_fstab_is_left_alone() -> None:
    assert mounted(MOUNTED) is DONE
    # whatever way fstab names its device
    assert mounted(MOUNTED, "/dev/vdb /export/brick1 xfs defaults 0 0\n") is DONE
    # on the root filesystem, or where fstab does not mount it
    assert mounted({**MOUNTED, "point": "/", "uuid": None}, "") is DONE
    assert mounted({**MOUNTED, "type": "zfs"}, "") is DONE


def test_a_line_that_was_lost_is_written_again() -> None:
    remaining = mounted(MOUNTED, "UUID=x / ext4 defaults 0 1")
    assert remaining is not None
    assert lines(remaining) == ["tee --append /etc/fstab", "sync /etc/fstab"]
    assert remaining[0].text == (
        f"\nUUID={UUID} /export/brick1 xfs defaults,noatime,inode64,nofail,x-systemd.before=glusterd.service 0 0\n"
    )
    remaining = mounted({**MOUNTED, "type": "ext4"}, "")
    assert remaining is not None and remaining[0].text is not None and "inode64" not in remaining[0].text


@pytest.mark.parametrize("path", ["/export/brick1/gluster", "/export/brick1"])
def test_a_mount_point_with_the_volume_id_on_it_is_not_taken_for_the_brick(path: str) -> None:
    """`volume start force` writes the id on the directory below a mount that is missing."""
    marked = {**NOT_MOUNTED, "volume_id": MOUNTED["volume_id"]}
    step = BrickMounted("node1", path, "gv0", ID)
    remaining = step.remaining([ok(json.dumps(marked)), ok(FSTAB), FAILED])
    assert lines(remaining) == ["mkdir --parents /export/brick1", "mount /export/brick1"]
    with pytest.raises(PreconditionFailed, match=r"its process runs on /, .* \(kill 7\)"):
        step.remaining([ok(json.dumps({**marked, "pid": 7})), ok(FSTAB), FAILED])
    recorded = {**marked, "recorded": [["/export/brick1", UUID, "/dev/vdb"]]}
    assert lines(step.remaining([ok(json.dumps(recorded)), ok(), FAILED]))[-1] == "mount /export/brick1"


@pytest.mark.parametrize("pid", [None, 7])
def test_nothing_is_mounted_over_a_directory_in_which_a_brick_has_run(pid: Optional[int]) -> None:
    """What it took there is not pending on the other bricks: guests would read old data of its own filesystem."""
    ran = {**NOT_MOUNTED, "volume_id": MOUNTED["volume_id"], "indexed": True, "there": True, "pid": pid}
    why = r"/export/brick1 is not mounted, and a brick has run on .*--wipe node1:DEVICE; if it has not: move "
    with pytest.raises(PreconditionFailed, match=why):
        mounted(ran)
    with pytest.raises(PreconditionFailed, match=why):
        mounted({**ran, "recorded": [["/export/brick1", UUID, "/dev/vdb"]]}, "")
    # mounted by a line of /etc/fstab with a symlink in it
    linked = {**ran, "real_point": "/data/1", "real": {"/export/brick1": "/data/1", "/export": "/data"}}
    assert mounted(linked) is DONE
    # a mount that /etc/fstab does not have
    assert mounted({**ran, "point": "/export/brick1/gluster", "type": "zfs"}) is DONE


def test_a_mount_that_was_lost_is_made_again() -> None:
    assert lines(mounted(NOT_MOUNTED)) == ["mkdir --parents /export/brick1", "mount /export/brick1"]
    recorded = [["/export/brick1", UUID, "/dev/vdb"]]
    assert lines(mounted({**NOT_MOUNTED, "recorded": recorded}, "")) == [
        "tee --append /etc/fstab",
        "sync /etc/fstab",
        "mkdir --parents /export/brick1",
        "mount /export/brick1",
    ]


@pytest.mark.parametrize(
    ("found", "table", "words"),
    [
        (
            NOT_MOUNTED,
            "",
            "node1:/export/brick1/gluster is not there .*no line for it.*replace-brick gv0 node1:/export",
        ),
        (
            {**NOT_MOUNTED, "recorded": [["/export/brick1", UUID, None]]},
            "",
            f"its disk, .*{UUID}, is not there",
        ),
        (
            {**MOUNTED, "volume_id": None, "error": "Input/output error"},
            FSTAB,
            "cannot be read .Input/output error",
        ),
        ({**MOUNTED, "volume_id": "ab" * 16}, FSTAB, "belongs to another volume"),
        # it is mounted, and there is no such directory in it: another filesystem, or its brick was removed
        (
            {**MOUNTED, "volume_id": None},
            FSTAB,
            "is not there ./export/brick1 is mounted, and .* has that for it",
        ),
        ({**MOUNTED, "uuid": "other"}, FSTAB, "the brick that is mounted there is on UUID=other"),
    ],
)
def test_a_brick_that_is_somewhere_else_is_not_guessed(
    found: Mapping[str, Any], table: str, words: str
) -> None:
    with pytest.raises(PreconditionFailed, match=words):
        mounted(found, table)


def test_an_answer_that_cannot_be_understood_mounts_nothing() -> None:
    with pytest.raises(PreconditionFailed, match="the mounts of the bricks are not known"):
        BrickMounted("node1", "/b", "gv0", ID).remaining([CommandResult(1, "", "killed"), ok(), FAILED])


def test_the_filesystem_is_recorded_on_the_mount_point_before_it_is_mounted() -> None:
    step = RecordMountPoint("node1", "/export/brick1", UUID)
    assert lines(step.remaining([FAILED, FAILED])) == [
        "mkdir --parents /export/brick1",
        f"setfattr -n trusted.ganeti-gluster-mon.filesystem -v {UUID} -- /export/brick1",
    ]
    assert step.remaining([FAILED, ok(UUID)]) is DONE
    assert step.remaining([ok("/export/brick1\n"), FAILED]) is DONE
