"""Nodes and bricks that an administrator names, as hosts and bricks of the pool."""

from __future__ import annotations

from typing import Optional, Sequence, Set, Tuple

from ganeti_gluster_mon.command_error import CommandError
from ganeti_gluster_mon.ganeti.ssconf import Cluster
from ganeti_gluster_mon.gluster.model import Pool
from ganeti_gluster_mon.text import one_line


def targets(pool: Pool, cluster: Optional[Cluster], names: Sequence[str]) -> Tuple[Set[str], Set[str]]:
    """The hosts and the bricks ("host:path") that *names* are; a host may be named in short, or by its address.

    Raises CommandError.
    """
    every = [brick for volume in pool.volumes or () for brick in volume.bricks]
    hostnames = {peer.uuid: peer.hostname for peer in pool.peers or ()}
    hosts: Set[str] = set()
    bricks: Set[str] = set()
    for name in names:
        host, is_brick, path = name.partition(":/")
        known = {*hostnames.values(), *(brick.host for brick in every)}
        found = _hosts_called(host, known, cluster)
        if is_brick:
            labels = {brick.label for brick in every if brick.host in found and brick.path == f"/{path}"}
            bricks |= labels
        else:
            # a brick may be named by another name of its host than the peer
            uuids = {uuid for uuid, hostname in hostnames.items() if hostname in found}
            hosts |= found | {brick.host for brick in every if brick.uuid in uuids}
        if not found or (is_brick and not labels):
            raise CommandError(
                f"{one_line(name, 80)} is no node of the pool and no brick: gnt-gluster list-nodes and "
                "gnt-gluster list-bricks show them"
            )
    return hosts, bricks


def _hosts_called(name: str, known: Set[str], cluster: Optional[Cluster]) -> Set[str]:
    """The hosts among *known* that *name* means."""
    node = None if cluster is None else cluster.node_of_host(name)
    if node is not None:
        return known & {node.name, node.primary_ip, node.secondary_ip}
    # as in the lists: a host may be cut at a dot
    return {host for host in known if host == name or host.startswith(f"{name}.")}
