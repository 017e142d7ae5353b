"""deploy for a volume that exists: compared with the request, and its mounts repaired."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any, List, Mapping, Optional, Sequence

import pytest

from ganeti_gluster_mon import gnt_gluster
from ganeti_gluster_mon.deploy import gluster_cli
from ganeti_gluster_mon.deploy.ganeti_steps import EnableTemplate
from ganeti_gluster_mon.deploy.redeploy import _nodes_of, _options, _without_brick, differences
from ganeti_gluster_mon.deploy.repair_steps import BrickMounted, RecordMountPoint
from ganeti_gluster_mon.deploy.step import DONE, PreconditionFailed, Remaining
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from ganeti_gluster_mon.gluster.facts import VolumeInfo
from tests.unit.deploy.fake_nodes import FAILED, cluster, ok, volume, volume_info
from tests.unit.deploy.test_brick_steps import configuration

NODES = [f"node{n}.example.org" for n in range(1, 7)]
ID = "11111111-2222-3333-4444-555555555555"
UUID = "0cf1f0c5-8a5d-4e0e-9d0c-6f1d5a1e7a40"


def info(options: Optional[Mapping[str, str]] = None, **more: Any) -> VolumeInfo:
    found = gluster_cli.volume(volume_info(volume("gv0", [f"{node}:/b" for node in NODES[:3]])), "gv0")
    assert found is not None
    return replace(found, options={"features.shard": "on"} if options is None else options, **more)


def queried(*words: str, there: Optional[VolumeInfo] = None, nodes: int = 6) -> List[str]:
    arguments = gnt_gluster.parser().parse_args(["deploy", "--device", "/dev/vdb", *words])
    named = [f"{name}.example.org" for name in arguments.nodes]
    return differences(arguments, info() if there is None else there, named, cluster(nodes))


@pytest.mark.parametrize(
    "words",
    [(), ("--replica", "3"), ("node1", "node2"), ("--access", "kernelspace"), ("node1", "node2", "node3")],
)
def test_what_is_so_or_was_not_asked_for_is_no_difference(words: Sequence[str]) -> None:
    assert queried(*words) == []


@pytest.mark.parametrize(
    ("words", "parsed"),
    [
        (
            ("--disperse", "3"),
            "not disperse 3 redundancy 1: .*create-volume NAME --disperse 3 --redundancy 1; or",
        ),
        (("--arbiter",), "not replica 3 arbiter 1: .*create-volume NAME --replica 3 --arbiter; or delete"),
        (("--distribute",), "not distribute: .*create-volume NAME --distribute; .*destroy-volume gv0"),
        (("--replica", "2"), "gv0 is replica 3 on 3 bricks, not replica 2: "),
        (("--no-shard",), "keeps files in shards .*never changed .*create-volume NAME --no-shard"),
        (
            ("node1", "node4"),
            r"node4.example.org has no brick of gv0, which is on node1.*2 more nodes are needed: "
            r"gnt-gluster expand-volume gv0 node4.example.org NODE NODE --device DEVICE",
        ),
        (
            ("node4", "node5", "node6"),
            "have no brick of gv0, .*; to add some: gnt-gluster expand-volume gv0 node4",
        ),
    ],
)
def test_a_difference_is_refused_and_says_what_would_do(words: Sequence[str], parsed: str) -> None:
    (line,) = queried(*words)
    assert re.search(parsed, line), line


def test_a_volume_without_shards_is_what_no_shard_asks_for() -> None:
    assert queried("--no-shard", there=info({"features.shard": "off"})) == []
    assert queried("--no-shard", there=info({})) == []
    # one that no guest has used yet is set up to its end
    assert queried("--no-shard", there=info({"features.shard": "on"}, state="created")) == []


def test_options_that_differ_are_named_and_kept() -> None:
    group = {"features.shard": "on", "network.remote-dio": "disable", "cluster.shd-max-threads": "8"}
    same = info({**group, "cluster.server-quorum-type": "server"})
    assert _options(same, group, ()) == []
    (line,) = _options(info({**group, "network.remote-dio": "enable"}), group, ())
    assert "network.remote-dio is enable, not disable" in line
    assert line.endswith("gluster volume set gv0 network.remote-dio disable")
    (line,) = _options(info({**group, "features.shard": "off", "network.remote-dio": "x"}), group, ())
    assert "features.shard" not in line  # which must never be set later


def test_nodes_without_a_brick_are_told_what_is_missing() -> None:
    there = info()
    hosts = _nodes_of(there, cluster(4))
    first, second = _without_brick(cluster(4), there, hosts, NODES[:3], False)
    assert first.startswith(
        "node4.example.org has no brick of gv0: bricks are added in sets of 3 nodes, so 2 more"
    )
    assert second.startswith("node4.example.org may run instances and is not in the pool: ")
    assert second.endswith("gnt-gluster add-node node4.example.org")
    assert _without_brick(cluster(3), there, _nodes_of(there, cluster(3)), NODES[:3], False) == []


# --- mounts ---------------------------------------------------------------------------------------------

FSTAB = f"UUID={UUID} /export/brick1 xfs defaults 0 0\n"
MOUNTED: Mapping[str, Any] = {
    "point": "/export/brick1",
    "source": "/dev/vdb",
    "type": "xfs",
    "uuid": UUID,
    "volume_id": ID.replace("-", ""),
    "error": None,
    "recorded": [],
}
NOT_MOUNTED = {
    **MOUNTED,
    "point": "/",
    "source": "overlay",
    "type": "overlay",
    "uuid": None,
    "volume_id": None,
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


# --- Ganeti ---------------------------------------------------------------------------------------------


def test_the_host_of_disks_in_use_is_never_changed() -> None:
    there = configuration(["plain", "gluster"], users=1)
    assert EnableTemplate("node1", "node7", 24007, "gv0", None).remaining([there]) is DONE
    with pytest.raises(
        PreconditionFailed,
        match=r"have access userspace, not kernelspace: gnt-cluster modify .*access=kernelspace",
    ):
        EnableTemplate("node1", "127.0.0.1", 24007, "gv0", "kernelspace").remaining([there])
    # without disks nothing is lost
    (command,) = (
        EnableTemplate("node1", "node7", 24007, "gv0", None).remaining([configuration(["plain", "gluster"])])
        or ()
    )
    assert "host=node7,port=24007,volume=gv0,access=userspace" in str(command)
