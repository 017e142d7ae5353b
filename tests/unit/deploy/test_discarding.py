"""Bricks that are given up, bricks by short names, and what is balanced already."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Dict, List, Optional

import pytest

from ganeti_gluster_mon import gnt_gluster
from ganeti_gluster_mon.deploy import gluster_cli
from ganeti_gluster_mon.deploy.command_arguments import brick_by_name
from ganeti_gluster_mon.deploy.discard_steps import losses, presence
from ganeti_gluster_mon.deploy.layout import BrickAddress
from ganeti_gluster_mon.deploy.pool_steps import LeavePool, has_bricks
from ganeti_gluster_mon.deploy.step import PreconditionFailed
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from ganeti_gluster_mon.gluster.facts import VolumeInfo
from ganeti_gluster_mon.gluster.model import DiskFile
from tests.unit.deploy.fake_nodes import cluster, ok, pool_list, volume, volume_info

BRICKS = ["node1.example.org:/b", "node2.example.org:/b", "node3.example.org:/b"]


def spread(options: Optional[Dict[str, str]] = None) -> VolumeInfo:
    """A volume without copies on three nodes."""
    found = gluster_cli.volume(volume_info(volume("gv0", BRICKS, kind="Distribute", replica=1)), "gv0")
    assert found is not None
    return replace(found, options=options or {})


def disk(instance: str, path: str) -> DiskFile:
    return DiskFile(instance=instance, name="disk/0", volume="gv0", path=path)


GONE = BrickAddress("node3.example.org", "/b")
NODES = {name.partition(":")[0]: name.partition(":")[0] for name in BRICKS}


def test_disks_that_no_other_brick_has_are_lost() -> None:
    disks = [disk("web", "ganeti/1"), disk("db", "ganeti/2")]
    queried = presence(spread(), [GONE], disks, NODES)
    assert [question.node for question in queried] == ["node1.example.org", "node2.example.org"]
    answers = [ok(json.dumps([["/b", ["ganeti/1"]]])), ok(json.dumps([["/b", []]]))]
    assert losses(spread(), disks, answers).notes == ("lost: disk/0 of db",)
    sharded = losses(spread({"features.shard": "on"}), disks, answers)
    assert sharded.notes[1].startswith("may have lost parts") and sharded.damaged == ("disk/0 of web",)
    assert losses(spread(), [], ()).notes == ("no disk of an instance is on it",)
    with pytest.raises(
        PreconditionFailed, match="it is not known which disks of gv0 would be lost: ssh: away"
    ):
        losses(spread(), disks, [CommandResult(255, "", "ssh: away")])


def test_a_refusal_names_a_command_that_works() -> None:
    held = [("gv0", GONE)]
    alone = has_bricks("node3", held, [spread()])
    assert "gluster volume remove-brick gv0 node3.example.org:/b start moves it" in alone
    assert alone.endswith("gnt-gluster remove-node node3 --discard-data")
    copied = gluster_cli.volumes(volume_info(volume("gv0", BRICKS)))
    assert "gnt-gluster replace-brick gv0 node3.example.org:/b NODE" in has_bricks("node3", held, copied)
    info = volume_info(volume("gv0", BRICKS, kind="Distribute", replica=1))
    pool = pool_list("node1.example.org", "node2.example.org", "node3.example.org")
    with pytest.raises(PreconditionFailed, match="--discard-data"):
        LeavePool("node3.example.org", "node1.example.org").remaining([pool, info])
    leaves = LeavePool("node3.example.org", "node1.example.org", (GONE,)).remaining([pool, info])
    assert leaves and str(leaves[0]).endswith("peer detach node3.example.org")


@pytest.mark.parametrize("host", ["node3", "node3.example.org", "192.0.2.3"])
def test_a_brick_may_be_named_by_a_short_name(host: str) -> None:
    assert brick_by_name(cluster(3), spread(), BrickAddress(host, "/b")) == GONE
    for other in (BrickAddress(host, "/c"), BrickAddress("node", "/b"), BrickAddress("node9", "/b")):
        assert brick_by_name(cluster(3), spread(), other) == other


# --- balance --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words", [["remove-node", "node3"], ["replace-brick", "gv0", "node3:/b", "node3", "--device", "/dev/vdc"]]
)
def test_data_is_discarded_only_where_an_argument_says_so(words: List[str]) -> None:
    assert gnt_gluster.parser().parse_args([*words, "--discard-data"]).discard_data is True
    assert gnt_gluster.parser().parse_args(words).discard_data is False
