"""The page of one node: what is there, and nothing of another node."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ganeti_gluster_mon.daemon.web.node_page import node_page, node_parts
from ganeti_gluster_mon.gluster import capture
from ganeti_gluster_mon.gluster.model import Brick, Daemon, Disk, Peer, Pool, Process, Subvolume
from ganeti_gluster_mon.gluster.pool_builder import build_pool
from ganeti_gluster_mon.health import Limits, evaluate
from tests.unit.daemon.web.test_page import HOSTILE, RECORDED, Reading, pool_of, volume
from tests.unit.example_pool import NOW


def read(pool: Pool, name: str, now: int = NOW) -> Reading:
    made = node_page(pool, evaluate(pool, Limits(), now), now, name)
    assert made is not None
    return Reading(made.decode())


def example() -> Pool:
    one, two, three = volume().bricks
    bricks = (one, replace(two, online=False), three)
    daemons = (Daemon("Self-heal Daemon", "n2", "u2", False), Daemon("Self-heal Daemon", "n3", "u3", True))
    made = volume(bricks=bricks, subvolumes=(Subvolume("replicate", bricks, quorum=True),), daemons=daemons)
    disks = (
        Disk("on2", "disk/0", "v", "a", bricks=bricks),
        Disk("on1", "disk/0", "v", "b", bricks=bricks[:1]),
        Disk("anywhere", "disk/0", "v", "c"),
    )
    peers = (Peer("n1", "u1", "local", True, True, True), Peer("n2", "u2", "Peer in Cluster", True, True))
    processes = (Process("glusterd", 77, 5.0, 1.0, 1024),)
    return replace(pool_of(made), peers=peers, disks=disks, processes=processes)


def test_its_bricks_daemons_problems_and_guests() -> None:
    text = read(example(), "n2").text
    assert "v: brick n2:/b is offline" in text
    assert "/b v ✖ offline" in text
    assert "✖ Self-heal Daemon of v does not run" in text
    assert "1 guest at risk: fewer copies than configured: on2" in text
    assert "anywhere" in text, "a disk may lie on any brick while that is not known"
    assert "on1" not in text.split("Problems")[0]
    assert "glusterd" not in text.split("Daemons")[1], "the processes are those of another node"


def test_another_node_has_none_of_them() -> None:
    text = read(example(), "n1").text
    assert "No problem is about this node alone." in text
    assert "offline" not in text
    assert "glusterd" in text
    assert "on1" in text


def test_there_are_only_nodes_of_the_pool() -> None:
    pool = example()
    health = evaluate(pool, Limits(), NOW)
    for name in ("n4", "", "..", "../n1", "n1:/b", "N1"):
        assert node_page(pool, health, NOW, name) is None
    nothing = Pool(taken_at=NOW)
    assert node_page(nothing, evaluate(nothing, Limits(), NOW), NOW, "n1") is None


def test_a_brick_by_another_name_of_the_host_belongs_to_its_peer() -> None:
    bricks = (Brick("v", "10.0.0.2", "/b", uuid="u2", online=True),)
    made = volume(bricks=bricks, subvolumes=(Subvolume("distribute", bricks),))
    pool = replace(pool_of(made), peers=(Peer("n2", "u2", "Peer in Cluster", True),))
    parts = node_parts(pool, "n2")
    assert parts is not None
    assert parts.hosts == ("n2", "10.0.0.2")
    assert parts.bricks == {("v", "10.0.0.2:/b")}
    assert "no peer of the pool has this name" in read(pool, "10.0.0.2").text


def test_a_node_with_a_problem_does_not_look_good() -> None:
    headers = [attributes for tag, attributes in read(example(), "n2").elements if tag == "header"]
    assert headers == [{"class": "bad"}]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_only_text(name: str) -> None:
    pool = example()
    assert pool.peers is not None
    hostile = replace(pool, node=name, peers=(Peer(name, name, name, True),))
    tags = {tag for tag, _ in read(hostile, name).elements}
    assert tags <= {tag for tag, _ in read(pool, "n2").elements}


@pytest.mark.parametrize("directory", RECORDED, ids=lambda path: path.name)
def test_each_node_of_a_capture_has_a_page(directory: Path) -> None:
    pool = build_pool(capture.read(str(directory)))
    for peer in pool.peers or ():
        reading = read(pool, peer.hostname, pool.taken_at)
        assert peer.hostname in reading.text
        for _, attributes in reading.elements:
            assert "//" not in (attributes.get("href") or "")
