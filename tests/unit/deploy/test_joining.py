"""The bricks that a node brings along when it is added."""

from __future__ import annotations

from typing import Dict, List, Optional, Tuple

import pytest

from ganeti_gluster_mon.deploy import plan
from ganeti_gluster_mon.deploy.fstab import OPTIONS, Entry
from ganeti_gluster_mon.deploy.joining import (
    Described,
    InvalidJoinTag,
    candidates,
    described,
    growth,
    waiting,
)
from ganeti_gluster_mon.deploy.layout import BrickAddress
from ganeti_gluster_mon.etc_default import WrongSetting
from ganeti_gluster_mon.gluster.facts import BrickInfo, VolumeInfo


@pytest.mark.parametrize(
    ("tags", "text", "wanted"),
    [
        (["gluster:join:gv0:/dev/vdb"], "", Described("gv0", ("/dev/vdb",))),
        (
            ["other", "gluster:join:gv0:/dev/vdc", "gluster:join:gv0:/dev/vdb"],
            "",
            Described("gv0", ("/dev/vdb", "/dev/vdc")),
        ),
        (["gluster:join:gv0:/srv/brick"], "", Described("gv0", (), ("/srv/brick",))),
        (
            [],
            "GLUSTER_JOIN_VOLUME=gv0\nGLUSTER_JOIN_DEVICE='/dev/vdb /dev/vdc' # two\n",
            Described("gv0", ("/dev/vdb", "/dev/vdc")),
        ),
        ([], '# GLUSTER_JOIN_VOLUME=gv0\nARGS="--listen :1816"\n', None),
        (
            ["gluster:join:tag:/dev/a"],
            "GLUSTER_JOIN_VOLUME=file\nGLUSTER_JOIN_DEVICE=/dev/b\n",
            Described("tag", ("/dev/a",)),
        ),
        ([], "", None),
    ],
)
def test_what_nodes_bring_along_is_described_once(
    tags: List[str], text: str, wanted: Optional[Described]
) -> None:
    assert described(tags, text) == wanted


@pytest.mark.parametrize(
    ("tags", "text"),
    [
        (["gluster:join:gv0"], ""),
        (["gluster:join:gv0:vdb"], ""),
        (["gluster:join:-x:/dev/vdb"], ""),
        (["gluster:join:a:/dev/b", "gluster:join:c:/dev/d"], ""),
        (["gluster:join:gv0:/dev/../etc"], ""),
        ([], "GLUSTER_JOIN_DEVICE=/dev/vdb\n"),
        ([], "GLUSTER_JOIN_VOLUME=gv0\n"),
    ],
)
def test_a_description_that_cannot_be_understood_is_not_guessed(tags: List[str], text: str) -> None:
    with pytest.raises(InvalidJoinTag):
        described(tags, text)


def test_a_setting_that_no_shell_would_read_is_not_guessed_either() -> None:
    with pytest.raises(
        WrongSetting, match="/etc/default/ganeti-gluster-mon: GLUSTER_JOIN_VOLUME: No closing"
    ):
        described([], "GLUSTER_JOIN_VOLUME='gv0\n")


def test_bricks_that_wait_are_found_by_the_marks_and_the_volume() -> None:
    table = (Entry("UUID=1", "/export/brick1", "xfs", OPTIONS), Entry("UUID=2", "/srv", "ext4", "defaults"))
    assert candidates(table, Described("gv0", (), ("/srv/b",))) == ("/export/brick1/gluster", "/srv/b")
    bricks = tuple(BrickInfo(f"n{n}", "/b", None, False) for n in (1, 2, 3))
    volume = VolumeInfo("gv0", "u", "started", "replicate", "tcp", bricks, 3, 0, 0, 0)
    marked: Dict[str, Tuple[str, ...]] = {"n1": ("/b",), "n4": ("/b",), "n5": ("/b", "/c")}
    waits = waiting(volume, marked)
    assert [brick.label for brick in waits] == ["n4:/b", "n5:/b", "n5:/c"]
    some = growth(plan.layout_of(volume), waits)
    assert (some.joins, len(some.waits), some.wanted) == ((), 3, 1)
    more = growth(plan.layout_of(volume), (*waits, BrickAddress("n6", "/b")))
    assert [brick.node for brick in more.joins] == ["n4", "n5", "n6"]
    assert ([brick.label for brick in more.waits], more.wanted) == (["n5:/c"], 2)
