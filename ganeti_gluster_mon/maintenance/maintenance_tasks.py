"""The tasks of `gnt-gluster maintenance`: which steps take a node out of service, and which bring it back."""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from typing import FrozenSet, List, Optional, Sequence, Tuple

from ganeti_gluster_mon import snapshot
from ganeti_gluster_mon.deploy import plan
from ganeti_gluster_mon.deploy.apply import PlanRefused, query_nodes
from ganeti_gluster_mon.deploy.brick_steps import RunGlusterd
from ganeti_gluster_mon.deploy.command_arguments import nodes_by_name
from ganeti_gluster_mon.deploy.context import Context, Proposal
from ganeti_gluster_mon.deploy.layout import DISTRIBUTE, REPLICATE, BrickAddress
from ganeti_gluster_mon.deploy.pool_steps import StartVolume, keeps_copies
from ganeti_gluster_mon.deploy.repair_steps import BrickMounted, RestartGlusterd
from ganeti_gluster_mon.deploy.step import PreconditionFailed, Step
from ganeti_gluster_mon.deploy.survey import NodeSurvey
from ganeti_gluster_mon.deploy.task_queries import pool_members, state_of_bricks
from ganeti_gluster_mon.ganeti.configuration import Reader
from ganeti_gluster_mon.ganeti.ssconf import Cluster, Node
from ganeti_gluster_mon.gluster import cycle
from ganeti_gluster_mon.gluster.facts import VolumeInfo
from ganeti_gluster_mon.gluster.model import Peer, Pool
from ganeti_gluster_mon.health import Limits
from ganeti_gluster_mon.health.stop_check import check_stop
from ganeti_gluster_mon.maintenance.brick_stop import MayStopBricks, StopBricks
from ganeti_gluster_mon.maintenance.maintenance_record import MaintenanceRecord, moment, record_of, records
from ganeti_gluster_mon.maintenance.mute_steps import MuteHosts
from ganeti_gluster_mon.maintenance.node_steps import (
    MigrateInstances,
    SetDrained,
    drained_query,
    instances_query,
    is_drained,
    primary_instances,
)
from ganeti_gluster_mon.maintenance.record_steps import ForgetMaintenance, RecordMaintenance
from ganeti_gluster_mon.maintenance.return_steps import ClientsConnected, HealedAgain, PeerConnected
from ganeti_gluster_mon.text import one_line, some

#: seconds for which a node is muted, unless --for says otherwise
MUTED = 7200.0


@dataclass(frozen=True)
class Member:
    """A node of the cluster as a member of the pool."""

    name: str
    #: of its glusterd
    uuid: str
    #: what peers and bricks call it
    hosts: FrozenSet[str]


@dataclass(frozen=True)
class StartBricks(StartVolume):
    """Bricks of a node that was in maintenance, online."""

    @property
    def description(self) -> str:
        return f"{some([brick.label for brick in self.bricks], 3)} of {self.volume} online"


def query_pool() -> Pool:
    """The pool by a query of Gluster on this node.  Raises PlanRefused where it cannot be queried."""
    found = snapshot.from_gluster(cycle.Settings(processes=False, disks=Reader().disks), Limits())
    if found.error:
        raise PlanRefused(f"{found.error}; run the command on a node whose glusterd answers")
    return found.pool


def maintenance_start(context: Context, arguments: argparse.Namespace) -> Proposal:
    """A node whose bricks are stopped, without loss of access to data; its instances run elsewhere."""
    cluster = context.cluster
    (name,) = nodes_by_name(cluster, [arguments.node])
    target = None if arguments.target_node is None else nodes_by_name(cluster, [arguments.target_node])[0]
    coordinator, member = _member(context, name, pool_members(context))
    others = [one for one in records(cluster.tags) if one.node != name]
    away = [_peer_of(cluster, coordinator, one.node) for one in others]
    hosts = member.hosts.union(*(one.hosts for one in away if one is not None))
    pool = query_pool()
    check = check_stop(pool, hosts)
    if check.besides_healing:
        lines = [f"{name} must not be stopped now: {one_line(reason)}" for reason in check.besides_healing]
        lines += [
            f"{one.node} is in maintenance since {moment(one.since)}: gnt-gluster maintenance finish {one.node}"
            for one in others
        ]
        raise PlanRefused("\n".join(lines))
    record = _record(context, name, arguments.lasts)
    volumes = tuple(one.name for one in coordinator.volumes if one.state == "started" and keeps_copies(one))
    may_stop = MayStopBricks(name, coordinator.name, tuple(sorted(hosts)), volumes)
    # Nothing is changed before all is healed.
    steps: List[Step] = [may_stop] if check.unhealed else []
    steps.append(RecordMaintenance(name, cluster.master, record))
    if record.drained:
        steps.append(SetDrained(name, cluster.master, drained=True))
    if arguments.migrate:
        steps.append(MigrateInstances(name, cluster.master, target))
    steps += _mutes(context, name, member, record.until)
    steps += [may_stop, StopBricks(name)]
    return Proposal(
        tuple(steps),
        tuple(_notes(context, name, arguments.migrate)),
        result=f"{name} may be shut down now; when it is back: gnt-gluster maintenance finish {name}",
    )


def maintenance_finish(context: Context, arguments: argparse.Namespace) -> Proposal:
    """A node whose bricks run again and are healed, and that gets instances again."""
    cluster = context.cluster
    (name,) = nodes_by_name(cluster, [arguments.node])
    record = record_of(cluster.tags, name)
    if record is None:
        return Proposal((), result=f"{name} is not in maintenance")
    members = pool_members(context)
    coordinator, member = _member(context, name, members)
    surveyed = next(one for one in members if one.name == name)
    if surveyed.fault is not None and not surveyed.no_glusterd:
        raise PlanRefused(surveyed.fault)
    steps: List[Step] = [RunGlusterd(name)]
    if surveyed.fault is not None:
        steps.append(RestartGlusterd(name, surveyed.fault))
    steps.append(PeerConnected(name, coordinator.name, member.uuid))
    volumes = [one for one in coordinator.volumes if one.state == "started" and _bricks(one, member)]
    node = cluster.node(name)
    assert node is not None
    for volume in volumes:
        steps += _started(context, coordinator.name, volume, member)
    for volume in volumes:
        steps += _healed(coordinator.name, volume, member, node)
    if record.drained:
        steps.append(SetDrained(name, cluster.master, drained=False))
    steps += _mutes(context, name, member, 0)
    steps.append(ForgetMaintenance(name, cluster.master))
    return Proposal(tuple(steps), result=f"{name} is back: its bricks run and are healed")


def next_nodes(pool: Pool, cluster: Cluster, finished: str = "") -> str:
    """Which nodes but *finished* may be stopped now, in one line; for the end of a maintenance."""
    away = {finished, *(one.node for one in records(cluster.tags))}
    able: List[str] = []
    reasons: List[str] = []
    for peer in pool.peers or ():
        node = cluster.node_of_host(peer.hostname)
        name = peer.hostname if node is None else node.name
        hosts = {
            brick.host for volume in pool.volumes or () for brick in volume.bricks if brick.uuid == peer.uuid
        }
        if not hosts or name in away:
            continue
        found = check_stop(pool, hosts | {peer.hostname})
        if found.ok:
            able.append(name)
        else:
            reasons.append(f"{name}: {one_line(found.reasons[0], 200)}")
    if able:
        return f"the next node may follow: {some(able, 6)} may be stopped now, one at a time"
    return f"no other node may be stopped now: {'; '.join(reasons[:3]) or 'it is not known which there are'}"


def _record(context: Context, node: str, lasts: Optional[float]) -> MaintenanceRecord:
    """The record of a maintenance of *node* that begins, or goes on."""
    now, known = time.time(), record_of(context.cluster.tags, node)
    until = round(now + (MUTED if lasts is None else lasts))
    if known is not None:
        keep = lasts is None and known.until > now
        return MaintenanceRecord(node, known.since, known.until if keep else until, known.drained)
    if node == context.cluster.master:
        return MaintenanceRecord(node, round(now), until, drained=False)
    question = drained_query(context.cluster.master, node)
    already = is_drained(query_nodes(context.host, [question])[question], node)
    return MaintenanceRecord(node, round(now), until, drained=not already)


def _notes(context: Context, node: str, migrate: bool) -> List[str]:
    """What the administrator has to know before: of the master, and of instances that stay."""
    master, found = context.cluster.master, []
    if node == master:
        found.append(
            f"{node} is the master and is not drained, for Ganeti drains no master; while it is down there are no "
            "changes to the cluster (gnt-cluster master-failover, on another node, moves the master)"
        )
    question = instances_query(master, node)
    instances = primary_instances(query_nodes(context.host, [question])[question], node)
    staying = [one.name for one in instances if one.running and not migrate]
    down = [one.name for one in instances if not one.running]
    if staying:
        found.append(
            f"{len(staying)} instances keep running on {node}, and end when it is shut down: "
            f"{one_line(some(staying, 6))}"
        )
    if down:
        found.append(
            f"{len(down)} instances of {node} do not run, and cannot be started until it is back: "
            f"{one_line(some(down, 6))} (gnt-instance failover moves one)"
        )
    return found


def _mutes(context: Context, node: str, member: Member, until: int) -> List[Step]:
    """Mutes are written on this node and the master, and the daemons pass them on; one of them stays up."""
    where = [context.own, context.cluster.master]
    if set(where) == {node}:
        where += [one.name for one in context.cluster.nodes if one.name != node and not one.offline][:1]
    return [MuteHosts(one, tuple(sorted(member.hosts)), until) for one in dict.fromkeys(where)]


def _member(context: Context, node: str, members: Sequence[NodeSurvey]) -> Tuple[NodeSurvey, Member]:
    """Another node of the pool that *node* is in, and *node* as it knows it.  Raises PreconditionFailed."""
    for one in members:
        if one.name == node or one.fault is not None:
            continue
        found = _peer_of(context.cluster, one, node)
        if found is not None:
            return one, found
    faults = [one.fault for one in members if one.fault is not None and one.name != node]
    raise PreconditionFailed(
        f"no other node of the cluster knows {node} as a peer: gnt-gluster list-nodes shows the pool"
        + (f" (not known: {faults[0]})" if faults else "")
    )


def _peer_of(cluster: Cluster, member: NodeSurvey, node: str) -> Optional[Member]:
    """*node* as *member* knows it; None where it is no peer."""

    def is_node(host: str) -> bool:
        known: Optional[Node] = cluster.node_of_host(host)
        return known is not None and known.name == node

    peers: List[Peer] = [peer for peer in member.peers if not peer.local and is_node(peer.hostname)]
    if not peers:
        return None
    bricks = {
        brick.host
        for volume in member.volumes
        for brick in volume.bricks
        if brick.uuid == peers[0].uuid or is_node(brick.host)
    }
    return Member(node, peers[0].uuid, frozenset({peers[0].hostname, *bricks}))


def _bricks(volume: VolumeInfo, member: Member) -> Tuple[BrickAddress, ...]:
    return tuple(BrickAddress(one.host, one.path) for one in volume.bricks if one.host in member.hosts)


def _started(context: Context, coordinator: str, volume: VolumeInfo, member: Member) -> List[Step]:
    """The bricks of *member* mounted and online."""
    bricks = _bricks(volume, member)
    missing, _ = state_of_bricks(context, coordinator, volume)
    steps: List[Step] = [
        BrickMounted(member.name, brick.path, volume.name, volume.uuid)
        for brick in bricks
        if brick.label in missing
    ]
    return [*steps, StartBricks(coordinator, volume.name, bricks)]


def _healed(coordinator: str, volume: VolumeInfo, member: Member, node: Node) -> List[Step]:
    """The sets that have a brick of *member* healed, and with all their clients."""
    layout = plan.layout_of(volume)
    if layout.kind == DISTRIBUTE:
        return []
    bricks = _bricks(volume, member)
    sets = list(dict.fromkeys(plan.set_of(volume, brick) for brick in bricks))
    pairs = tuple(
        (brick, tuple(one for one in each if one not in bricks))
        for each in sets
        for brick in each
        if brick in bricks
    )
    return [
        *(HealedAgain(coordinator, volume.name, each, layout.kind == REPLICATE) for each in sets),
        ClientsConnected(
            member.name, coordinator, volume.name, pairs, tuple(sorted({node.primary_ip, node.secondary_ip}))
        ),
    ]
