"""From a look at nodes to a plan: what is in the way, where bricks are made, which node probes which."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, List, Sequence, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti_gluster_mon.deploy import plan
from ganeti_gluster_mon.deploy.brick_steps import MakeFilesystem, MountFilesystem
from ganeti_gluster_mon.deploy.fstab import OPTIONS, Entry
from ganeti_gluster_mon.deploy.ganeti_steps import AllowDirectory, EnableTemplate
from ganeti_gluster_mon.deploy.layout import BrickAddress, Layout, disperse, distribute, replica, sets
from ganeti_gluster_mon.deploy.plan import BrickPlace
from ganeti_gluster_mon.deploy.pool_steps import CreateVolume, JoinPool, SetForGuests
from ganeti_gluster_mon.deploy.step import PreconditionFailed
from ganeti_gluster_mon.deploy.survey import NodeSurvey
from ganeti_gluster_mon.gluster.facts import BrickInfo, VolumeInfo
from ganeti_gluster_mon.gluster.model import Peer
from tests.unit.deploy.fake_nodes import cluster, device, lsblk, wipefs

NODE1, NODE2, NODE3 = (f"node{n}.example.org" for n in (1, 2, 3))


# --- what is in the way -----------------------------------------------------------------------------


# --- where bricks come to be ------------------------------------------------------------------------


def node(name: str, *disks: str, **more: Any) -> NodeSurvey:
    found = {disk: device(lsblk(serial=f"{name}{disk}"), wipefs()) for disk in disks}
    return replace(NodeSurvey(name, devices=found), **more)


def made(places: Sequence[BrickPlace], *nodes: NodeSurvey) -> plan.Bricks:
    return plan.make_bricks(cluster(3), "gv0", places, {one.name: one for one in nodes}, nodes[0].name)


def test_disks_of_a_node_are_mounted_one_after_the_other() -> None:
    found = made(
        [BrickPlace(NODE1, "/dev/vdb"), BrickPlace(NODE1, "/dev/vdc"), BrickPlace(NODE1, directory="/srv/b")],
        node(NODE1, "/dev/vdb", "/dev/vdc"),
    )
    assert [brick.path for brick in found.bricks] == [
        "/export/brick1/gluster",
        "/export/brick2/gluster",
        "/srv/b",
    ]
    assert [type(step).__name__ for step in found.steps] == [
        *("MakeFilesystem", "RecordMountPoint", "MountFilesystem") * 2,
        *("MakeBrick",) * 3,
    ]


def test_a_mount_point_that_is_taken_is_passed_over_and_our_own_is_found_again() -> None:
    place = [BrickPlace(NODE1, "/dev/vdb")]
    taken = node(
        NODE1, "/dev/vdb", mount_points=("/", "/export/brick1"), fstab=(Entry("x", "/export/brick2", "", ""),)
    )
    (brick,) = made(place, taken).bricks
    assert brick.path == "/export/brick3/gluster"
    (step,) = [one for one in made(place, taken).steps if isinstance(one, MountFilesystem)]
    ours = replace(taken, fstab=(Entry(f"UUID={step.uuid}", "/export/brick1", "xfs", OPTIONS),))
    (brick,) = made(place, ours).bricks
    assert brick.path == "/export/brick1/gluster"


def test_only_the_disk_that_is_named_is_wiped() -> None:
    found = made(
        [BrickPlace(NODE1, "/dev/vdb", wipe=True, discard_kept=True), BrickPlace(NODE2, "/dev/vdb")],
        node(NODE1, "/dev/vdb"),
        node(NODE2, "/dev/vdb"),
    )
    steps = [step for step in found.steps if isinstance(step, MakeFilesystem)]
    assert [(step.node, step.wipe, step.discard_kept) for step in steps] == [
        (NODE1, True, True),
        (NODE2, False, False),
    ]


@given(st.lists(st.integers(1, 3), min_size=3, max_size=6))
def test_a_plan_never_puts_two_copies_on_one_host(disks: List[int]) -> None:
    hosts = [f"node{n}.example.org" for n in range(1, len(disks) + 1)]
    places = [BrickPlace(host, f"/dev/vd{d}") for host, count in zip(hosts, disks) for d in range(count)]
    fits = sum(disks) % 3 == 0 and max(disks) <= sum(disks) // 3
    nodes = [node(host, *(f"/dev/vd{d}" for d in range(count))) for host, count in zip(hosts, disks)]
    found = plan.make_bricks(cluster(6), "gv0", places, {one.name: one for one in nodes}, NODE1)
    if not fits:
        return
    steps = plan.create("gv0", replica(3), found, nodes[0])
    (volume,) = [step for step in steps if isinstance(step, CreateVolume)]
    for one in sets(replica(3), volume.bricks):
        assert len({brick.node for brick in one}) == 3
    joined = [step.node for step in steps if isinstance(step, JoinPool)]
    assert sorted(joined) == sorted(hosts[1:])


def test_server_quorum_only_where_it_helps() -> None:
    assert plan.guest_options(replica(3), 3, sharded=True) == ()
    assert plan.guest_options(distribute(), 9, sharded=True) == (("cluster.server-quorum-type", "none"),)
    assert ("cluster.server-quorum-type", "none") in plan.guest_options(replica(2), 2, sharded=True)
    assert plan.guest_options(replica(3), 3, sharded=False) == (("features.shard", "off"),)


def test_guests_ask_their_own_node_where_all_are_in_the_pool() -> None:
    bricks = [BrickAddress(NODE1, "/b"), BrickAddress(NODE2, "/b")]
    *allowed, parsed = plan.ganeti_side(cluster(3), "gv0", bricks, [NODE1, NODE2, NODE3], "userspace")
    assert [step.node for step in allowed if isinstance(step, AllowDirectory)] == [NODE1, NODE2, NODE3]
    assert isinstance(parsed, EnableTemplate) and parsed.host == "127.0.0.1"
    parsed = plan.ganeti_side(cluster(3), "gv0", bricks, [NODE1, NODE2], "userspace")[-1]
    assert isinstance(parsed, EnableTemplate) and parsed.host == NODE1
    assert plan.outsiders(cluster(3), [NODE1, NODE2]) == (NODE3,)


def peer(name: str, local: bool = False) -> Peer:
    return Peer(name, name, "Peer in Cluster", connected=True, local=local)


def test_the_coordinator_is_the_first_node_that_is_in_a_pool_else_the_first() -> None:
    alone, faulty = NodeSurvey(NODE1), NodeSurvey(NODE2, fault="it is off", peers=(peer("x"), peer("y")))
    member = NodeSurvey(NODE3, peers=(peer(NODE3, local=True), peer(NODE2)))
    assert plan.coordinator([alone, faulty, member]) is member
    assert plan.coordinator([faulty, alone, NodeSurvey("other")]) is alone
    with pytest.raises(PreconditionFailed, match="no node can be queried"):
        plan.coordinator([faulty])


def test_members_of_the_pool_that_are_no_nodes_of_the_cluster() -> None:
    member = NodeSurvey(
        NODE1, peers=(peer("localhost", local=True), peer(NODE2), peer("192.0.2.3"), peer("far"))
    )
    assert plan.strangers(member, cluster(3)) == ("far",)


def test_only_a_node_that_the_pool_lists_rejoins_it() -> None:
    found = NodeSurvey(NODE1, peers=(peer(NODE1, local=True), peer(NODE2)))
    steps = plan.join([NODE1, NODE2, NODE3, NODE2], found)
    assert [(type(step).__name__, step.node) for step in steps] == [
        ("RunGlusterd", NODE1),
        ("RunGlusterd", NODE2),
        ("RunGlusterd", NODE3),
        ("Rejoin", NODE2),
        ("JoinPool", NODE2),
        ("JoinPool", NODE3),
        ("KnowByName", NODE2),
    ]
    assert [type(step).__name__ for step in plan.join([NODE1], found)] == ["RunGlusterd"]


def created(layout: Layout, nodes: Sequence[str], *peers: Peer, **more: bool) -> Tuple[SetForGuests, ...]:
    bricks = plan.Bricks(tuple(BrickAddress(name, "/b") for name in nodes), ())
    steps = plan.create("gv0", layout, bricks, NodeSurvey(NODE1, peers=peers), **more)
    return tuple(step for step in steps if isinstance(step, SetForGuests))


def test_a_new_volume_is_sharded_and_has_server_quorum_by_all_members_of_the_pool() -> None:
    (options,) = created(replica(2), [NODE1, NODE2], peer(NODE1, local=True), peer(NODE3))
    assert (options.options, options.copies) == ((), True)
    # the local peer may be called otherwise, and is no further node
    (options,) = created(replica(2), [NODE1, NODE2], peer("localhost", local=True))
    assert options.options == (("cluster.server-quorum-type", "none"),)
    (options,) = created(distribute(), [NODE1, NODE2, NODE3], sharded=False)
    assert ("features.shard", "off") in options.options and options.copies is False


def test_ganeti_is_set_up_on_the_nodes_that_are_online_and_not_away() -> None:
    whole = cluster(3)
    off = replace(whole, nodes=(*whole.nodes[:2], replace(whole.nodes[2], offline=True)))
    bricks = [BrickAddress(NODE2, "/b")]
    *allowed, template = plan.ganeti_side(off, "gv0", bricks, [NODE1, NODE2], None, away=[NODE2])
    assert [step.node for step in allowed] == [NODE1]
    assert isinstance(template, EnableTemplate)
    # a node that is offline runs no instances; Gluster's port is 24007
    assert (template.host, template.port) == ("127.0.0.1", 24007)
    storage_only = replace(whole, nodes=(*whole.nodes[:2], replace(whole.nodes[2], vm_capable=False)))
    template = plan.ganeti_side(storage_only, "gv0", bricks, [NODE1, NODE2], None)[-1]
    assert isinstance(template, EnableTemplate) and template.host == "127.0.0.1"
    assert plan.outsiders(off, [NODE1]) == plan.outsiders(storage_only, [NODE1]) == (NODE2,)


def test_ganeti_has_its_mounts_where_it_says_else_in_its_default_directory() -> None:
    assert plan.storage_directory(cluster(1, gluster_storage_dir="/srv/gluster")) == "/srv/gluster"
    assert plan.storage_directory(cluster(1, gluster_storage_dir=None)) == "/var/run/ganeti/gluster"
    (step,) = plan.allow(cluster(1, gluster_storage_dir="/srv/gluster"), [NODE1])
    assert isinstance(step, AllowDirectory) and (step.node, step.directory) == (NODE1, "/srv/gluster")


def existing(kind: str, bricks: int, *counts: Any) -> VolumeInfo:
    made = tuple(BrickInfo(f"n{number}", "/b", None, False) for number in range(bricks))
    return VolumeInfo("gv0", "u", "started", kind, "tcp", made, *counts)


@pytest.mark.parametrize(
    ("volume", "layout"),
    [
        (existing("replicate", 3, 3, 0, 0, 0), replica(3)),
        (existing("distributed-replicate", 6, 3, 1, 0, 0), replica(3, arbiter=True)),
        (existing("distributed-disperse", 6, 1, 0, 3, 1), disperse(3, 1)),
        (existing("distribute", 3, 1, 0, 0, 0), distribute()),
    ],
)
def test_the_layout_of_an_existing_volume(volume: VolumeInfo, layout: Layout) -> None:
    assert plan.layout_of(volume) == layout


def test_a_volume_of_another_type_has_no_layout() -> None:
    with pytest.raises(PreconditionFailed, match="of the type stripe"):
        plan.layout_of(existing("stripe", 3, 1, 0, 0, 0))


def test_the_set_that_a_brick_is_in() -> None:
    volume = existing("distributed-replicate", 6, 3, 0, 0, 0)

    def of(node: str) -> List[str]:
        return [brick.node for brick in plan.set_of(volume, BrickAddress(node, "/b"))]

    assert of("n0") == of("n2") == ["n0", "n1", "n2"]
    assert of("n3") == of("n5") == ["n3", "n4", "n5"]
    assert of("far") == []
    plan.must_have(volume, BrickAddress("n5", "/b"))
    with pytest.raises(PreconditionFailed, match="far:/b is no brick of gv0: these are n0:/b"):
        plan.must_have(volume, BrickAddress("far", "/b"))


def test_the_place_of_a_brick_whose_disk_was_replaced() -> None:
    found = plan.make_bricks(
        cluster(3),
        "gv0",
        [BrickPlace(NODE1, "/dev/vdb"), BrickPlace(NODE1, directory="/srv/b")],
        {NODE1: node(NODE1, "/dev/vdb")},
        NODE1,
        point="/srv/old",
        same_slot=True,
    )
    assert [brick.path for brick in found.bricks] == ["/srv/old/gluster", "/srv/b"]
    assert {getattr(step, "same_slot", True) for step in found.steps} == {True}
    fresh = made(
        [BrickPlace(NODE1, "/dev/vdb"), BrickPlace(NODE1, directory="/srv/b")], node(NODE1, "/dev/vdb")
    )
    assert {getattr(step, "same_slot", False) for step in fresh.steps} == {False}
    assert {getattr(step, "wipe", False) for step in fresh.steps} == {False}


# --- nodes that bring their storage along -----------------------------------------------------------
