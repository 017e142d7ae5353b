"""Whether the nodes have the storage backend, which ``deploy`` recommends, or says that Ganeti 3.1 needs."""

from __future__ import annotations

from typing import List, Tuple

from ganeti_gluster_mon.backend.blockdev import kvm_blockdev
from ganeti_gluster_mon.deploy.apply import query_nodes
from ganeti_gluster_mon.deploy.context import Context
from ganeti_gluster_mon.deploy.step import NodeQuery
from ganeti_gluster_mon.text import some

#: what the package diverts Ganeti's own module to
_FIND = ("find", "/usr/share/ganeti", "-path", "*/storage/gluster.py.distrib", "-print", "-quit")


def advice(context: Context) -> Tuple[str, ...]:
    """A line that recommends the package where nodes are without it, or says what does not work until then.

    All nodes of a cluster use one series of Ganeti, so this node's says what theirs writes.
    """
    queries = [NodeQuery(node.name, _FIND) for node in context.cluster.nodes if not node.offline]
    parsed = query_nodes(context.host, queries)
    lacking: List[str] = [
        one.node for one, reply in parsed.items() if reply.status == 0 and not reply.stdout.strip()
    ]
    if not lacking:
        return ()
    if kvm_blockdev.is_defective():
        return (
            f"needed for userspace access: apt-get install ganeti-gluster-backend on {some(lacking, 6)}: without it "
            f"QEMU refuses what this version of Ganeti writes for gluster:// disks, and instances do not start",
        )
    return (
        f"recommended: apt-get install ganeti-gluster-backend on {some(lacking, 6)}: with Ganeti's own module gnt-node "
        f"list-storage fails on a node that never mounted the volume, and a mount stays on each node that did",
    )
