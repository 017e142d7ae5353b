"""Whether the nodes have the storage backend, which ``deploy`` recommends."""

from __future__ import annotations

from typing import List, Tuple

from ganeti_gluster_mon.deploy.apply import query_nodes
from ganeti_gluster_mon.deploy.context import Context
from ganeti_gluster_mon.deploy.step import NodeQuery
from ganeti_gluster_mon.text import some

#: what the package diverts Ganeti's own module to
_FIND = ("find", "/usr/share/ganeti", "-path", "*/storage/gluster.py.distrib", "-print", "-quit")


def advice(context: Context) -> Tuple[str, ...]:
    """A line that recommends the package, where nodes are without it."""
    queries = [NodeQuery(node.name, _FIND) for node in context.cluster.nodes if not node.offline]
    parsed = query_nodes(context.host, queries)
    lacking: List[str] = [
        one.node for one, reply in parsed.items() if reply.status == 0 and not reply.stdout.strip()
    ]
    if not lacking:
        return ()
    return (
        f"recommended: apt-get install ganeti-gluster-backend on {some(lacking, 6)}: with Ganeti's own module gnt-node "
        f"list-storage fails on a node that never mounted the volume, and a mount stays on each node that did",
    )
