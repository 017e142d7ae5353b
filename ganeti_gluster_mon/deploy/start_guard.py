"""Looks at bricks just before a command that starts a volume: each has to be on its own filesystem.

``gluster volume start VOLUME force`` writes the volume id on an existing directory, such as an empty mount point whose
filesystem is not mounted.  Where that directory has ``.glusterfs`` as well, the brick starts there, on the root
filesystem, and writes and the self-heal daemons fill it (measured with 10.3 and 11.1, docs/gluster.md).  Every step
may run the command, so the host that all steps run their commands on looks first.
"""

from __future__ import annotations

from typing import Dict, Optional, Sequence, Tuple

from ganeti_gluster_mon.deploy import fstab, gluster_cli
from ganeti_gluster_mon.deploy.apply import Host, query_nodes
from ganeti_gluster_mon.deploy.brick_status import offline, status_queries
from ganeti_gluster_mon.deploy.layout import BrickAddress
from ganeti_gluster_mon.deploy.repair_steps import Found, brick_query, ran_below, understand, unmounted
from ganeti_gluster_mon.deploy.step import NodeQuery, PreconditionFailed
from ganeti_gluster_mon.ganeti.ssconf import Cluster, Node
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from ganeti_gluster_mon.gluster.facts import BrickInfo, VolumeInfo
from ganeti_gluster_mon.text import one_line

_START = (*gluster_cli.GLUSTER, "volume", "start")


class GuardedHost:
    """Runs commands on a host, and a command that starts bricks only where they are on their own filesystems."""

    def __init__(self, host: Host, cluster: Cluster) -> None:
        self._host, self._cluster = host, cluster

    def run(
        self, node: str, argv: Sequence[str], timeout: float = 60.0, text: Optional[str] = None
    ) -> CommandResult:
        """As the host does.  Raises PreconditionFailed where the command was not run for that reason."""
        if tuple(argv[: len(_START)]) == _START and len(argv) > len(_START):
            must_be_in_place(self._cluster, self._host, node, argv[len(_START)])
        return self._host.run(node, argv, timeout, text)

    def query(
        self, node: str, queries: Sequence[Sequence[str]], timeout: float = 20.0
    ) -> Tuple[CommandResult, ...]:
        """As the host does."""
        return self._host.query(node, queries, timeout)


def must_be_in_place(cluster: Cluster, host: Host, node: str, volume: str) -> None:
    """Raise PreconditionFailed where a start of *volume*, by glusterd of *node*, may start a brick elsewhere.

    The command leaves alone a brick that is online.  Where a brick cannot be looked at, it has to be known that
    glusterd of its host is not connected, and so does not take part.
    """
    info, status = status_queries(node, volume)
    pool = NodeQuery(node, gluster_cli.POOL_LIST)
    answers = query_nodes(host, (info, status, pool))
    found = gluster_cli.volume(answers[info], volume)
    if found is None:
        return  # gluster refuses the command
    missing = offline(found, answers[status])
    away = {peer.uuid for peer in gluster_cli.peers(answers[pool]) if peer.connected is False}
    queried: Dict[BrickInfo, Tuple[NodeQuery, NodeQuery]] = {}
    for brick in found.bricks:
        if missing is not None and _label(brick) not in missing:
            continue
        known = cluster.node_of_host(brick.host)
        if known is not None and not known.offline:
            table = NodeQuery(known.name, ("cat", fstab.PATH))
            queried[brick] = (brick_query(known.name, brick.path), table)
        elif brick.uuid not in away:
            raise PreconditionFailed(_not_looked_at(cluster, known, volume, brick))
    replies = query_nodes(host, [each for both in queried.values() for each in both])
    for brick, (probe, table) in queried.items():
        if replies[probe].status == 255:
            if brick.uuid in away:
                continue
            raise PreconditionFailed(
                f"{_label(brick)} is not online, and it is not known whether its filesystem is mounted: "
                f"{one_line(replies[probe].reason, 200)}"
            )
        place = understand(probe.node, replies[probe])
        reason = misplaced(place, replies[table], found, brick, probe.node)
        if reason:
            raise PreconditionFailed(
                f"{reason}; {volume} was not started, for that would start the brick there"
            )


def misplaced(found: Found, table: CommandResult, volume: VolumeInfo, brick: BrickInfo, node: str) -> str:
    """Why *brick*, should it be started, is not on its own filesystem, and what to do; "" where it is.  Pure."""
    label = _label(brick)
    if found.error is not None or not found.there:
        return ""  # nothing starts there
    missing = unmounted(found, table, brick.path)
    if missing is not None:
        if found.indexed:
            return ran_below(BrickAddress(brick.host, brick.path), node, volume.name, missing, found.point)
        point = one_line(missing, 100)
        return (
            f"{label}: {point} is not mounted: mount it on {node} (mount {point}), then gnt-gluster repair "
            f"{volume.name}"
        )
    if found.volume_id is None:
        return (
            f"{label} has no volume id: its filesystem may not be mounted: mount it on {node}, then gnt-gluster repair "
            f"{volume.name}; if it is gone: gnt-gluster replace-brick {volume.name} {label} {node} --device DEVICE"
        )
    if found.volume_id != volume.uuid.replace("-", ""):
        return f"{label} has the id of another volume: mount the filesystem of the brick on {node}"
    if not found.indexed:
        return f"{label} has no .glusterfs: its filesystem may not be mounted: mount it on {node}"
    return ""


def _not_looked_at(cluster: Cluster, node: Optional[Node], volume: str, brick: BrickInfo) -> str:
    """Why *brick* cannot be looked at, and what to do."""
    why = (
        f"{brick.host} is no node of {cluster.name}"
        if node is None
        else f"{node.name} is marked offline in Ganeti"
    )
    return (
        f"{_label(brick)} is not online, and {why}, so it is not known whether its filesystem is mounted: look there "
        f"(findmnt --target {one_line(brick.path, 100)}), then gluster volume start {volume} force"
    )


def _label(brick: BrickInfo) -> str:
    return f"{brick.host}:{brick.path}"
