"""Whether a directory is or was a brick, by its attributes."""

from __future__ import annotations

from ganeti_gluster_mon.deploy.brick_directory import RetireBrick
from ganeti_gluster_mon.deploy.brick_state import RETIRED, is_waiting
from ganeti_gluster_mon.deploy.step import DONE, Remaining
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from tests.unit.deploy.fake_nodes import FAILED, ok, pool_list, volume, volume_info
from tests.unit.deploy.test_brick_directory import (
    ABSENT,
    DATA,
    DIRECTORY,
    FOREIGN_ID,
    GFID,
    GV0,
    KNOWN_ID,
    MADE,
    NODE,
    OURS,
    PATH,
    SPEAKER,
    brick,
    commands,
)


def test_the_attributes_of_other_filesystems_are_not_glusters() -> None:
    assert commands(
        brick(
            DIRECTORY,
            attributes="trusted.overlay.opaque=0x79\ntrusted.SGI_ACL_FILE=0x00\ntrusted.ganeti-gluster-mon.filesystem=0x00",
        )
    ) == [MADE]


def test_a_brick_waits_only_until_it_was_one() -> None:
    def parsed(*attributes: str) -> CommandResult:
        return ok(f"# file: {PATH}\n" + "\n".join(attributes) + "\n\n")

    assert is_waiting(PATH, parsed(OURS), "gv0")
    assert is_waiting(PATH, parsed(OURS, FOREIGN_ID), "gv0")  # of an add-brick that failed
    assert not is_waiting(PATH, parsed(OURS), "other")
    assert not is_waiting(PATH, parsed(OURS, KNOWN_ID, GFID), "gv0")
    assert not is_waiting(PATH, parsed(OURS, f"{RETIRED}=0x677630"), "gv0")
    assert not is_waiting(PATH, parsed(GFID), "gv0")
    assert not is_waiting(PATH, FAILED, "gv0")


def test_a_brick_that_was_replaced_is_marked_so() -> None:
    step = RetireBrick(NODE, PATH, "gv0", SPEAKER)

    def remaining(
        attributes: str,
        info: CommandResult = GV0,
        kind: CommandResult = DIRECTORY,
        options: str = "rw,noatime",
    ) -> Remaining:
        return step.remaining(
            [
                info,
                ok(f"{options}\n"),
                pool_list(NODE),
                kind,
                DATA,
                ok(),
                ok(f"# file: {PATH}\n{attributes}\n"),
            ]
        )

    assert commands(remaining(f"{OURS}\n{KNOWN_ID}\n{GFID}")) == [
        f"setfattr -n {RETIRED} -v 0x677630 -- {PATH}"
    ]
    assert remaining(f"{OURS}\n{RETIRED}=0x677630") is DONE
    assert remaining(OURS, kind=ABSENT) is DONE
    # a filesystem that became read-only at an error
    assert remaining(f"{OURS}\n{KNOWN_ID}\n{GFID}", options="ro,relatime") is DONE
    assert remaining(f"{OURS}\n{KNOWN_ID}\n{GFID}", options="rw,errors=remount-ro") is not DONE
    assert remaining(OURS) is DONE  # it waits, and was never a brick
    assert remaining(f"{OURS}\n{FOREIGN_ID}\n{GFID}") is DONE
    dead = CommandResult(1, "", f"stat: cannot statx '{PATH}': Input/output error")
    assert remaining(OURS, kind=dead) is DONE
    other = volume_info(volume("other", [f"{NODE}:{PATH}", "n3:/b", "n4:/b"]))
    assert remaining(f"{OURS}\n{KNOWN_ID}", info=other) is DONE
