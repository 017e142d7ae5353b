"""Whether the files of a volume are spread over all its bricks already.

A directory of each brick has its share of the names in ``trusted.glusterfs.dht`` (xlators/cluster/dht: four numbers of
32 bits in network order; the last two are the first and the last hash).  A brick that was added has no share until the
layout is fixed, and ``rebalance status`` still tells of the rebalance before.
"""

from __future__ import annotations

import re
import struct
from typing import Dict, List

from ganeti_gluster_mon.deploy import plan
from ganeti_gluster_mon.deploy.apply import ask_all
from ganeti_gluster_mon.deploy.context import Context
from ganeti_gluster_mon.deploy.gluster_cli import asked
from ganeti_gluster_mon.deploy.step import Question
from ganeti_gluster_mon.deploy.task_steps import has_moved_all, rebalance
from ganeti_gluster_mon.ganeti.ssh import Said
from ganeti_gluster_mon.gluster.facts import VolumeInfo
from ganeti_gluster_mon.gluster.query import rebalance_status

_LAYOUT = "trusted.glusterfs.dht"


def is_balanced(context: Context, speaks: str, volume: VolumeInfo) -> bool:
    """Whether the last rebalance moved all there was to move, and no brick came after it."""
    question = Question(speaks, asked(rebalance_status(volume.name)))
    said = ask_all(context.host, (question,))[question]
    state = rebalance(said)
    if state is None or state.status != "completed" or not has_moved_all(said):
        return False
    return has_layout(context, volume)


def has_layout(context: Context, volume: VolumeInfo) -> bool:
    """Whether each set of bricks has its share of new files; False also where that cannot be seen."""
    size = plan.layout_of(volume).size
    hosts: Dict[str, str] = {}
    for node in context.cluster.nodes:
        for name in (node.name, node.primary_ip, node.secondary_ip):
            hosts[name] = node.name
    questions: List[Question] = []
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
        questions.append(Question(hosts.get(brick.host, brick.host), words))
    told = ask_all(context.host, questions)
    return all(_has_share(said) for said in told.values())


def _has_share(said: Said) -> bool:
    value = re.search(rf"^{re.escape(_LAYOUT)}=0x([0-9a-f]{{32}})$", said.out, re.MULTILINE)
    if said.status or value is None:
        return False
    _, _, first, last = struct.unpack(">4I", bytes.fromhex(value[1]))
    return bool(last > first)
