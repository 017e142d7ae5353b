"""Whether the files of a volume are spread over all its bricks already.

A directory of each brick has its share of the names in ``trusted.glusterfs.dht`` (xlators/cluster/dht: four numbers of
32 bits in network order; the last two are the first and the last hash).  A brick that was added has no share until the
layout is fixed, and ``rebalance status`` still shows the rebalance before.
"""

from __future__ import annotations

import re
import struct
from typing import Dict, List

from ganeti_gluster_mon.deploy import plan
from ganeti_gluster_mon.deploy.apply import query_nodes
from ganeti_gluster_mon.deploy.context import Context
from ganeti_gluster_mon.deploy.previous_rebalance import rebalance_reply
from ganeti_gluster_mon.deploy.step import NodeQuery
from ganeti_gluster_mon.deploy.task_steps import has_moved_all, rebalance
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from ganeti_gluster_mon.gluster.facts import VolumeInfo

_LAYOUT = "trusted.glusterfs.dht"


def is_balanced(context: Context, coordinator: str, volume: VolumeInfo) -> bool:
    """Whether the last rebalance moved all there was to move, and no brick came after it."""
    reply = rebalance_reply(context, coordinator, volume.name)
    state = rebalance(reply)
    if state is None or state.status != "completed" or not has_moved_all(reply):
        return False
    return has_layout(context, volume)


def has_layout(context: Context, volume: VolumeInfo) -> bool:
    """Whether each set of bricks has its share of new files; False also where that is not known."""
    size = plan.layout_of(volume).size
    hosts: Dict[str, str] = {}
    for node in context.cluster.nodes:
        for name in (node.name, node.primary_ip, node.secondary_ip):
            hosts[name] = node.name
    queries: List[NodeQuery] = []
    for brick in volume.bricks[::size]:
        words = (
            "getfattr",
            "--absolute-names",
            "-e",
            "hex",
            "-n",
            _LAYOUT,
            "--",
            brick.path,
        )
        queries.append(NodeQuery(hosts.get(brick.host, brick.host), words))
    parsed = query_nodes(context.host, queries)
    return all(_has_share(reply) for reply in parsed.values())


def _has_share(reply: CommandResult) -> bool:
    value = re.search(rf"^{re.escape(_LAYOUT)}=0x([0-9a-f]{{32}})$", reply.stdout, re.MULTILINE)
    if reply.status or value is None:
        return False
    _, _, first, last = struct.unpack(">4I", bytes.fromhex(value[1]))
    return bool(last > first)
