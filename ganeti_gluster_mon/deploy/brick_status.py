"""Which bricks of a volume are online: the queries of the steps that need it, and what their answers show."""

from __future__ import annotations

from typing import Optional, Tuple

from ganeti_gluster_mon.deploy import gluster_cli
from ganeti_gluster_mon.deploy.step import NodeQuery, PreconditionFailed
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from ganeti_gluster_mon.gluster.facts import VolumeInfo
from ganeti_gluster_mon.gluster.model import SELF_HEAL_DAEMON


def status_queries(node: str, volume: str) -> Tuple[NodeQuery, NodeQuery]:
    """The queries for the bricks of *volume*, and for their state, by glusterd of *node*."""
    return (
        NodeQuery(node, gluster_cli.VOLUME_INFO),
        NodeQuery(node, gluster_cli.volume_status(volume)),
    )


def offline_bricks(name: str, info: CommandResult, status: CommandResult) -> Optional[Tuple[str, ...]]:
    """What `offline` returns for the volume *name*, by the answers to `status_queries`.

    None also where there is no such volume.  Raises PreconditionFailed where the volumes are not known.
    """
    volume = gluster_cli.volume(info, name)
    return None if volume is None else offline(volume, status)


def offline(volume: VolumeInfo, status: CommandResult) -> Optional[Tuple[str, ...]]:
    """The bricks of *volume* that are not online, and its self-heal daemons ("…: self-heal daemon").

    None where it is not known.
    """
    parsed = gluster_cli.status(status, volume.name)
    if parsed is None:
        return None
    online = {(node.hostname, node.path): node.online for node in parsed.nodes}
    bricks = [f"{b.host}:{b.path}" for b in volume.bricks if online.get((b.host, b.path)) is not True]
    hosts = {brick.uuid for brick in volume.bricks}
    daemons = [
        f"{node.path}: self-heal daemon"
        for node in parsed.nodes
        if node.hostname == SELF_HEAL_DAEMON and not node.online and (None in hosts or node.uuid in hosts)
    ]
    return (*bricks, *daemons)


def must_be_known(volume: VolumeInfo, status: CommandResult) -> Tuple[str, ...]:
    """What `offline` returns.  Raises PreconditionFailed where it is not known."""
    missing = offline(volume, status)
    if missing is None:
        raise PreconditionFailed(
            f"it is not known which bricks of {volume.name} are online: gluster volume status {volume.name}"
        )
    return missing
