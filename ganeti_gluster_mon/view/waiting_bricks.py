"""Bricks of nodes that joined, which wait until there are enough for a whole set of the volume.

Only the nodes themselves record this (deploy/joining.py), so they are queried, if the cluster has a tag for it.
"""

from __future__ import annotations

from typing import Dict, Mapping, Optional, Tuple

from ganeti_gluster_mon.ganeti.ssconf import Cluster
from ganeti_gluster_mon.gluster.model import Pool
from ganeti_gluster_mon.view.fields import Special, Value

#: status of a node that could not be queried, see query_nodes
_NOT_QUERIED = 255


class Waiting:
    """The bricks that wait, on each node of *cluster*; the nodes are queried at the first use."""

    def __init__(self, cluster: Optional[Cluster], pool: Pool) -> None:
        self._cluster = cluster
        self._pool = pool
        self._queried = False
        self._found: Optional[Mapping[str, Optional[Tuple[str, ...]]]] = None

    def of(self, node: str) -> Value:
        """How many wait on *node*; None where it is not known.  Raises CommandError for an invalid description."""
        if self._cluster is None:
            return Special.UNAVAILABLE
        if not self._queried:
            self._queried, self._found = True, _query_nodes(self._cluster, self._pool)
        if self._found is None:
            return Special.UNAVAILABLE
        bricks = self._found.get(node)
        return None if bricks is None else len(bricks)


def _query_nodes(cluster: Cluster, pool: Pool) -> Optional[Mapping[str, Optional[Tuple[str, ...]]]]:
    """By node: the directories that wait, None where they are not known; None without bricks to join."""
    from ganeti_gluster_mon import etc_default
    from ganeti_gluster_mon.deploy import fstab
    from ganeti_gluster_mon.deploy.apply import query_nodes
    from ganeti_gluster_mon.deploy.brick_state import is_waiting, waiting_query
    from ganeti_gluster_mon.deploy.joining import candidates, described
    from ganeti_gluster_mon.deploy.step import NodeQuery
    from ganeti_gluster_mon.ganeti.ssh import Nodes

    parsed = described(cluster.tags, etc_default.text())
    if parsed is None:
        return None
    nodes = Nodes(cluster)
    names = [node.name for node in cluster.nodes if not node.offline]
    tables = {name: NodeQuery(name, ("cat", fstab.PATH)) for name in names}
    reply = query_nodes(nodes, tables.values())
    found: Dict[str, Optional[Tuple[str, ...]]] = {}
    marks: Dict[Tuple[str, str], NodeQuery] = {}
    for name in names:
        answer = reply[tables[name]]
        if answer.status == 0:
            for path in candidates(fstab.entries(answer.stdout), parsed):
                marks[(name, path)] = NodeQuery(name, waiting_query(path))
            found[name] = ()
    answers = query_nodes(nodes, marks.values()) if marks else {}
    has = {(brick.host, brick.path) for volume in pool.volumes or () for brick in volume.bricks}
    for (name, path), query in marks.items():
        waits = found[name]
        if answers[query].status == _NOT_QUERIED:
            found[name] = None
        elif (
            waits is not None and is_waiting(path, answers[query], parsed.volume) and (name, path) not in has
        ):
            found[name] = (*waits, path)
    return found
