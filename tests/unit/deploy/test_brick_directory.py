"""The directory of a brick: a former brick is never taken for a new one, an interrupted command goes on."""

from __future__ import annotations

from typing import List, Optional

import pytest

from ganeti_gluster_mon.deploy.brick_directory import MakeBrick
from ganeti_gluster_mon.deploy.brick_state import MARK, RETIRED
from ganeti_gluster_mon.deploy.step import DONE, PreconditionFailed, Remaining
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from tests.unit.deploy.fake_nodes import FAILED, ok, pool_list, volume, volume_info

NODE, SPEAKER = "node2.example.org", "node1.example.org"
PATH = "/export/brick1/gluster"
ABSENT = CommandResult(1, "", f"stat: cannot statx '{PATH}': No such file or directory")
DIRECTORY = ok("directory\n")
DATA = ok(f"{PATH}/a\n")

MADE = f"setfattr -n {MARK} -v 0x677630 -- {PATH}"
OURS = f"{MARK}=0x677630"
FOREIGN_ID = "trusted.glusterfs.volume-id=0x17171717171717171717171717171717"
KNOWN_ID = "trusted.glusterfs.volume-id=0x11111111222233334444555555555555"
GFID = "trusted.gfid=0x00000000000000000000000000000001"
GV0 = volume_info(volume("gv0", ["node1.example.org:/b", "node3.example.org:/b", "node4.example.org:/b"]))
LISTED = volume_info(volume("gv0", [f"{NODE}:{PATH}", "node3.example.org:/b", "node4.example.org:/b"]))


def commands(remaining: Remaining) -> List[str]:
    assert remaining is not None
    return [str(command) for command in remaining]


def brick(
    kind: CommandResult,
    inside: CommandResult = ok(),
    attributes: str = "",
    info: Optional[CommandResult] = None,
    *,
    above: str = "",
    glusterfs: CommandResult = FAILED,
    below: str = "/export/brick1",
    itself: CommandResult = FAILED,
    on_device: bool = True,
    wipe: bool = False,
    same_slot: bool = False,
) -> Remaining:
    """What MakeBrick has left to do; *attributes* are those of the directory, *above* those of its parent."""
    mount_point, device = ("/export/brick1", f"{NODE}:/dev/vdb") if on_device else (None, None)
    step = MakeBrick(NODE, PATH, "gv0", SPEAKER, mount_point, wipe, same_slot, device)
    parsed = f"# file: {PATH}\n{attributes}\n\n" + (f"# file: /export/brick1\n{above}\n\n" if above else "")
    found = (
        ok(parsed)
        if not kind.status
        else CommandResult(1, parsed, f"getfattr: {PATH}: No such file or directory")
    )
    answers = [
        info or volume_info(),
        ok(f"{below}\n"),
        itself,
        pool_list(NODE),
        kind,
        inside,
        glusterfs,
        found,
    ]
    return step.remaining(answers)


def test_a_directory_is_made_below_the_mount_and_only_there() -> None:
    assert commands(brick(ABSENT)) == ["mountpoint --quiet /export/brick1", f"mkdir -- {PATH}", MADE]
    assert commands(brick(DIRECTORY)) == [MADE]
    assert brick(DIRECTORY, attributes=OURS) is DONE


def test_what_an_interrupted_create_left_is_taken_away() -> None:
    for left_behind, info in ((FOREIGN_ID, volume_info()), (KNOWN_ID, GV0)):
        assert commands(brick(DIRECTORY, attributes=f"{OURS}\n{left_behind}", info=info)) == [
            f"setfattr -x trusted.glusterfs.volume-id -- {PATH}"
        ]


def test_a_brick_that_the_volume_lists_is_done() -> None:
    assert brick(DIRECTORY, DATA, f"{OURS}\n{KNOWN_ID}\n{GFID}", LISTED) is DONE
    assert brick(DIRECTORY, DATA, f"{OURS}\n{KNOWN_ID}\n{GFID}", LISTED, wipe=True) is DONE
    # glusterd may know the host by another name
    alias = volume_info(volume("gv0", [f"alias2:{PATH}", "node3.example.org:/b", "node4.example.org:/b"]))
    assert brick(DIRECTORY, DATA, f"{OURS}\n{KNOWN_ID}\n{GFID}", alias) is DONE


STALE = [
    # the volume id is that of the volume, and the volume does not list it: the case that lost data
    (f"{OURS}\n{KNOWN_ID}\n{GFID}", DATA, "is a stale brick of volume gv0"),
    (f"{OURS}\n{GFID}", ok(), "is a stale brick of volume gv0"),
    (OURS, DATA, "is a stale brick of volume gv0"),
    (f"{OURS}\n{RETIRED}=0x677630", ok(), "is a stale brick of volume gv0"),
    (FOREIGN_ID, ok(), "is a stale brick of a volume with the id 1717"),
    (GFID, ok(), "is a stale brick of a volume that is not known"),
    ("trusted.afr.gv0-client-2=0x000000000000000000000000", ok(), "it has trusted.afr.gv0-client-2"),
    ("trusted.ec.version=0x0000000000000001", ok(), "it has trusted.ec.version"),
    ("trusted.glusterfs.dht=0x000000000000000000000000ffffffff", ok(), "it has trusted.glusterfs.dht"),
]


@pytest.mark.parametrize(("attributes", "inside", "words"), STALE)
@pytest.mark.parametrize("on_device", [True, False])
def test_a_stale_brick_is_refused_with_the_option_that_wipes_it(
    attributes: str, inside: CommandResult, words: str, on_device: bool
) -> None:
    named = f"{NODE}:/dev/vdb" if on_device else f"{NODE}:{PATH}"
    with pytest.raises(
        PreconditionFailed, match=f"^{NODE}: {PATH} .*{words}.*nothing was changed.*--wipe {named}$"
    ):
        brick(DIRECTORY, inside, attributes, GV0, on_device=on_device)


def test_glusterfs_directory_without_attributes_is_stale() -> None:
    with pytest.raises(
        PreconditionFailed, match=r"stale brick of a volume that is not known \(it has \.glusterfs"
    ):
        brick(DIRECTORY, ok(f"{PATH}/.glusterfs\n"), glusterfs=ok())


@pytest.mark.parametrize(("attributes", "inside", "words"), STALE)
def test_a_stale_brick_that_is_named_is_wiped(attributes: str, inside: CommandResult, words: str) -> None:
    assert commands(brick(DIRECTORY, inside, attributes, GV0, on_device=False, wipe=True)) == [
        f"rm --recursive --force --one-file-system --preserve-root=all -- {PATH}",
        f"mkdir -- {PATH}",
        MADE,
    ]
    # On a device the filesystem is made anew; if it is not, mkdir fails and nothing is lost.
    assert commands(brick(DIRECTORY, inside, attributes, GV0, wipe=True)) == [
        "mountpoint --quiet /export/brick1",
        f"mkdir -- {PATH}",
        MADE,
    ]


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        (
            {
                "kind": DIRECTORY,
                "attributes": KNOWN_ID,
                "info": volume_info(volume("old", [f"{NODE}:{PATH}", "n2:/b", "n3:/b"])),
            },
            "is a brick of volume old",
        ),
        ({"kind": DIRECTORY, "inside": DATA}, "is not empty, it holds .*/gluster/a"),
        ({"kind": DIRECTORY, "inside": DATA, "wipe": True}, "is not empty, it holds .*/gluster/a"),
        ({"kind": DIRECTORY, "inside": CommandResult(1, "", "find: Permission denied")}, "cannot be read"),
        (
            {"kind": CommandResult(1, "", f"stat: cannot statx '{PATH}': Input/output error")},
            "Input/output error: its filesystem is dead",
        ),
        ({"kind": DIRECTORY, "attributes": f"{MARK}=0x78"}, "is prepared for volume x; .*rmdir"),
        ({"kind": ok("regular file\n")}, "is a regular file, and no directory"),
        ({"kind": ok("symbolic link\n"), "wipe": True}, "is a symbolic link, and no directory"),
        ({"kind": ABSENT, "below": "/", "on_device": False}, "is on the root filesystem"),
        ({"kind": DIRECTORY, "itself": ok("x\n"), "on_device": False}, "is a mount point itself"),
        ({"kind": ABSENT, "above": KNOWN_ID}, "lies in /export/brick1, which is or was a brick"),
        ({"kind": ABSENT, "info": LISTED}, f"has not its volume id.*replace-brick gv0 {NODE}:{PATH}"),
        ({"kind": DIRECTORY, "attributes": OURS, "info": LISTED}, "has not its volume id"),
        (
            {"kind": ABSENT, "info": CommandResult(1, "", "Connection failed")},
            "gluster does not answer: Connection",
        ),
    ],
)
def test_a_directory_that_cannot_be_a_new_brick_is_refused(answers: dict[str, object], words: str) -> None:
    with pytest.raises(PreconditionFailed, match=words):
        brick(**answers)  # type: ignore[arg-type]


def test_the_slot_of_a_replaced_disk_gets_its_directory_again() -> None:
    assert commands(brick(ABSENT, info=LISTED, same_slot=True))[1:] == [f"mkdir -- {PATH}", MADE]
    assert brick(DIRECTORY, attributes=f"{OURS}\n{KNOWN_ID}", info=LISTED, same_slot=True) is DONE
