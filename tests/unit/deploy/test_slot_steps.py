"""Steps that put a new disk in the place of a dead one."""

from __future__ import annotations

import json
from typing import List

import pytest

from ganeti_gluster_mon.deploy import fstab
from ganeti_gluster_mon.deploy.brick_steps import MountFilesystem
from ganeti_gluster_mon.deploy.slot_steps import ResetBrick, Slot, StopBrick, UnmountDead, slot
from ganeti_gluster_mon.deploy.step import DONE, WAIT, PreconditionFailed, Remaining
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from tests.unit.deploy.fake_nodes import FAILED, ok, pool_list
from tests.unit.deploy.test_replacing import INFO, NODE1, NODE2, NODE3, OLD, PATH, status

DEAD = CommandResult(1, "", "find: '/export/brick1': Input/output error\n")


def commands(remaining: Remaining) -> List[str]:
    assert remaining is not None
    return [str(command) for command in remaining]


def findmnt(source: str, number: str) -> CommandResult:
    return ok(json.dumps({"filesystems": [{"source": source, "maj:min": number}]}))


def test_what_is_mounted_in_the_place_and_whether_it_can_be_read() -> None:
    assert slot([FAILED, ok()]) == Slot("", "", "")
    assert slot([findmnt("/dev/vdb", "253:16"), ok(f"{PATH}\n")]) == Slot("/dev/vdb", "253:16", "")
    assert slot([findmnt("/dev/vdb", "253:16"), DEAD]).fault == "find: '/export/brick1': Input/output error"
    hangs = CommandResult(124, "", "find: no answer within 20 s")
    assert slot([findmnt("/dev/vdb", "253:16"), hangs]).fault == "find: no answer within 20 s"


def test_only_a_dead_filesystem_is_unmounted() -> None:
    step = UnmountDead(NODE3, "/dev/vdc", "/export/brick1")
    number = ok("253:32\n")
    assert step.remaining([FAILED, ok(), number]) is DONE
    assert step.remaining([findmnt("/dev/vdc", "253:32"), ok(), number]) is DONE
    unmount = ["umount --lazy /export/brick1"]
    assert commands(step.remaining([findmnt("/dev/vdb", "253:16"), DEAD, number])) == unmount
    assert commands(step.remaining([findmnt("/dev/vdc", "253:32"), DEAD, number])) == unmount
    with pytest.raises(PreconditionFailed, match="/dev/vdb is mounted at /export/brick1 and can be read"):
        step.remaining([findmnt("/dev/vdb", "253:16"), ok(), number])


def test_a_brick_is_stopped_before_its_disk_is_taken_away() -> None:
    step = StopBrick(NODE1, "gv0", OLD)
    assert commands(step.remaining([INFO, status()])) == [
        f"gluster --mode=script volume reset-brick gv0 {OLD.label} start"
    ]
    assert step.remaining([INFO, status(OLD)]) is DONE
    with pytest.raises(PreconditionFailed, match="not known whether"):
        step.remaining([INFO, FAILED])


def test_a_brick_is_taken_in_again_with_its_empty_directory() -> None:
    step = ResetBrick(NODE1, "gv0", OLD)
    commit = [f"gluster --mode=script volume reset-brick gv0 {OLD.label} {OLD.label} commit force"]
    empty = [ok("directory\n"), ok(), FAILED, ok(f"# file: {PATH}\n")]
    there = [
        *empty[:3],
        ok(f"# file: {PATH}\ntrusted.glusterfs.volume-id=0x11111111222233334444555555555555\n"),
    ]
    unreadable = [
        CommandResult(1, "", f"stat: cannot statx '{PATH}': Input/output error"),
        FAILED,
        FAILED,
        FAILED,
    ]
    pool = pool_list(OLD.node)
    assert commands(step.remaining([INFO, status(OLD), *empty, pool])) == commit
    assert commands(step.remaining([INFO, status(), *unreadable, pool])) == commit
    assert commands(step.remaining([INFO, status(OLD), *there, pool])) == commit
    assert step.remaining([INFO, status(), *there, pool]) is DONE


def test_a_glusterd_that_takes_the_brick_for_a_new_one_is_restarted_and_the_others_are_waited_for() -> None:
    """GlusterFS 10.3, after a start of glusterd while the brick's directory was not there."""
    step = ResetBrick(NODE1, "gv0", OLD, (NODE1, NODE2))
    failure = (
        "volume reset-brick: failed: When destination brick is new, please use gluster volume replace-brick"
    )
    assert commands(step.cure(failure)) == ["systemctl restart glusterd.service"]
    assert step.cure("volume reset-brick: failed: Host is not connected") == ()
    answers = [INFO, status(OLD), ok("directory\n"), ok(), FAILED, ok(f"# file: {PATH}\n")]
    own = pool_list(OLD.node, NODE1, NODE2)
    one, two = pool_list(NODE1, OLD.node, NODE2), pool_list(NODE2, OLD.node, NODE1)
    lost = pool_list(NODE2, OLD.node, NODE1, connected={OLD.node: False})
    assert step.remaining([*answers, FAILED, one, two]) == WAIT
    assert step.remaining([*answers, own, one, lost]) == WAIT
    assert step.remaining([*answers, own, one, FAILED]) == WAIT
    assert commands(step.remaining([*answers, own, one, two]))


UUID, OTHER = "c9bfec32-86ad-5216-9bf9-daec6acd47fa", "11111111-86ad-5216-9bf9-daec6acd47fa"


def test_the_line_of_the_dead_disk_is_taken_out_of_fstab() -> None:
    step = MountFilesystem(NODE3, "/dev/vdc", UUID, "/export/brick1", same_slot=True)
    old = fstab.line(OTHER, "/export/brick1")
    table = ok(f"# a comment\nUUID=1 / ext4 defaults 0 1\n{old}\n")
    remaining = step.remaining([findmnt("/dev/vdb", "253:16"), ok("253:32\n"), table, DEAD, FAILED])
    assert remaining is not None
    assert [command.argv[0] for command in remaining] == ["mkdir", "sed", "tee", "sync", "mount"]
    tee = remaining[2]
    assert tee.text == f"{fstab.line(UUID, '/export/brick1')}\n"
    # the same device, whose filesystem has shut down
    remaining = step.remaining(
        [findmnt("/dev/vdc", "253:32"), ok("253:32\n"), ok(f"{tee.text}"), DEAD, FAILED]
    )
    assert commands(remaining) == ["mkdir --parents /export/brick1", "mount /export/brick1"]
    assert (
        step.remaining([findmnt("/dev/vdc", "253:32"), ok("253:32\n"), ok(f"{tee.text}"), ok(), FAILED])
        is DONE
    )
