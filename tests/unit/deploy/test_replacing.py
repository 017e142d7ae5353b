"""replace-brick: what may be replaced, and a dead disk in its own place."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

import pytest

from ganeti_gluster_mon.deploy import fstab, replacing
from ganeti_gluster_mon.deploy.brick_steps import MountFilesystem
from ganeti_gluster_mon.deploy.context import Context
from ganeti_gluster_mon.deploy.gluster_cli import volumes
from ganeti_gluster_mon.deploy.layout import BrickAddress
from ganeti_gluster_mon.deploy.slot_steps import ResetBrick, Slot, StopBrick, UnmountDead, slot
from ganeti_gluster_mon.deploy.step import DONE, WAIT, PreconditionFailed, Remaining
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from tests.unit.deploy.fake_nodes import FAILED, cluster, ok, pool_list, volume, volume_info
from tests.unit.deploy.test_heal_steps import summary

PATH = "/export/brick1/gluster"
NODE1, NODE2, NODE3 = (f"node{n}.example.org" for n in (1, 2, 3))
A, B, OLD = (BrickAddress(node, PATH) for node in (NODE1, NODE2, NODE3))
INFO = volume_info(volume("gv0", [A.label, B.label, OLD.label]))
DEAD = CommandResult(1, "", "find: '/export/brick1': Input/output error\n")


def commands(remaining: Remaining) -> List[str]:
    assert remaining is not None
    return [str(command) for command in remaining]


def status(*offline: BrickAddress) -> CommandResult:
    """`volume status gv0` in XML."""
    nodes = "".join(
        f"<node><hostname>{brick.node}</hostname><path>{brick.path}</path><peerid>x</peerid>"
        f"<status>{0 if brick in offline else 1}</status><port>49152</port><ports><tcp>49152</tcp>"
        f"<rdma>N/A</rdma></ports><pid>1</pid></node>"
        for brick in (A, B, OLD)
    )
    return ok(
        "<cliOutput><opRet>0</opRet><opErrno>0</opErrno><opErrstr/><volStatus><volumes><volume>"
        f"<volName>gv0</volName><nodeCount>3</nodeCount>{nodes}<tasks/></volume></volumes></volStatus></cliOutput>"
    )


# --- what may be replaced ---------------------------------------------------------------------------


class Answers:
    """Nodes that give the same answers whatever they are asked: the state of the bricks, and what is to be healed."""

    def __init__(self, state: CommandResult, healing: CommandResult) -> None:
        self.state, self.healing = state, healing

    def run(
        self, node: str, argv: Sequence[str], timeout: float = 0, text: Optional[str] = None
    ) -> CommandResult:
        raise AssertionError(argv)

    def start(self, node: str, argv: Sequence[str]) -> subprocess.Popen[bytes]:
        raise AssertionError(argv)

    def query(
        self, node: str, queries: Sequence[Sequence[str]], timeout: float = 0
    ) -> Tuple[CommandResult, ...]:
        return tuple(self.healing if "heal" in argv else self.state for argv in queries)


def risk(
    state: CommandResult, pending: Dict[BrickAddress, Optional[int]], dead: bool = False, split: int = 0
) -> Tuple[str, ...]:
    (found,) = volumes(INFO)
    context = Context(cluster(3), Answers(state, summary(pending, split)), NODE1)
    return replacing.replacement_risk(context, NODE1, found, OLD, (A, B), dead)


def test_a_brick_that_lacks_what_others_have_can_be_replaced() -> None:
    """The others list what it lacks; it lists nothing that they lack."""
    assert risk(status(), {A: 0, B: 0, OLD: 0}) == ()
    assert risk(status(), {A: 7, B: 7, OLD: 0}) == ()


def test_a_brick_that_has_what_others_lack_is_not_replaced() -> None:
    with pytest.raises(
        PreconditionFailed,
        match=r"3 entries of gv0 are to be healed, and node3.* may have the only good copy",
    ):
        risk(status(), {A: 7, B: 0, OLD: 3})
    with pytest.raises(PreconditionFailed, match="not known whether gv0 is healed"):
        risk(status(), {A: 0, B: 0, OLD: None})
    with pytest.raises(PreconditionFailed, match="not known whether gv0 is healed"):
        risk(status(), {A: 0, OLD: 0})
    with pytest.raises(PreconditionFailed, match="in split-brain: choose a copy"):
        risk(status(), {A: 0, B: 0, OLD: 0}, split=1)
    with pytest.raises(
        PreconditionFailed, match=rf"{B.label} is offline, and {OLD.label} may have what only it has"
    ):
        risk(status(B), {A: 0, B: None, OLD: 0})
    with pytest.raises(PreconditionFailed, match="not known which bricks of gv0 are online"):
        risk(FAILED, {A: 0, B: 0, OLD: 0})


def test_a_brick_that_is_offline_or_dead_is_replaced_when_that_is_confirmed() -> None:
    assert risk(status(OLD), {A: 5, B: 5, OLD: None}) == (
        f"{OLD.label} is offline; what only it has is lost.",
    )
    # its process is there and its filesystem is not
    assert risk(status(), {A: 5, B: 5, OLD: None}, dead=True) == (
        f"{OLD.label} is dead; what only it has is lost.",
    )


def test_a_brick_of_the_volume_does_not_replace_another() -> None:
    (found,) = volumes(INFO)
    replacing._must_be_gone(found, OLD, OLD)
    replacing._must_be_gone(found, BrickAddress(NODE3, "/gone"), OLD)
    with pytest.raises(PreconditionFailed, match=f"{B.label} is a brick of gv0 already, as is {OLD.label}"):
        replacing._must_be_gone(found, OLD, B)


def test_without_self_heal_no_brick_is_replaced() -> None:
    (found,) = volumes(INFO)
    replacing._can_be_replaced(found, OLD, BrickAddress(NODE3, "/new"), (A, B))
    off = replace(found, options={"cluster.self-heal-daemon": "off"})
    with pytest.raises(
        PreconditionFailed, match=r"a new brick would stay empty: .*set gv0 cluster.self-heal-daemon on"
    ):
        replacing._can_be_replaced(off, OLD, BrickAddress(NODE3, "/new"), (A, B))


# --- a dead disk in its own place -------------------------------------------------------------------


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
    seen = [INFO, status(OLD), ok("directory\n"), ok(), FAILED, ok(f"# file: {PATH}\n")]
    own = pool_list(OLD.node, NODE1, NODE2)
    one, two = pool_list(NODE1, OLD.node, NODE2), pool_list(NODE2, OLD.node, NODE1)
    lost = pool_list(NODE2, OLD.node, NODE1, connected={OLD.node: False})
    assert step.remaining([*seen, FAILED, one, two]) == WAIT
    assert step.remaining([*seen, own, one, lost]) == WAIT
    assert step.remaining([*seen, own, one, FAILED]) == WAIT
    assert commands(step.remaining([*seen, own, one, two]))


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


def test_just_that_line_is_taken_out(tmp_path: Path) -> None:
    lines = [
        "# a comment",
        fstab.line(OTHER, "/export/brick1"),
        fstab.line(OTHER, "/export/brick11"),
        "/dev/sd[ab].* /x\\040y$ ext4 defaults,a/b 0 0",
        "/dev/sdaXX /x\\040y$ ext4 defaults,a/b 0 0",
    ]
    table = tmp_path / "fstab"
    for gone in (lines[1], lines[3]):
        table.write_text("".join(f"{line}\n" for line in lines))
        argv = [*fstab.remove(gone)[:-1], str(table)]
        subprocess.run(argv, check=True, timeout=60)
        assert table.read_text().splitlines() == [line for line in lines if line != gone]
    assert fstab.lines("\n".join(lines), "/export/brick1") == (lines[1],)
    assert fstab.lines("\n".join(lines), "/x y$") == tuple(lines[3:])
