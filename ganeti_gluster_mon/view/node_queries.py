"""Queries all nodes of the cluster at the same time, for `gnt-gluster diagnose`."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Dict, List, Sequence

from ganeti_gluster_mon.ganeti.ssconf import Cluster
from ganeti_gluster_mon.ganeti.ssh import Nodes, NodeUnavailable
from ganeti_gluster_mon.view.node_facts import NodeFacts, node_facts

#: connections at once
_MOST = 64


def node_facts_of(cluster: Cluster, names: Sequence[str], timeout: float) -> Dict[str, NodeFacts]:
    """By node that is not offline: what it reports about itself, and about *names*, within *timeout* seconds.

    A node that does not answer does not delay the others.
    """
    program = Path(__file__).with_name("node_program.py").read_text(encoding="utf-8")
    nodes = Nodes(cluster)
    queried: List[str] = [node.name for node in cluster.nodes if not node.offline]

    def query(node: str) -> NodeFacts:
        sent = time.time()
        try:
            reply = nodes.run(node, ["python3", "-I", "-", *names], timeout, program)
        except NodeUnavailable as err:
            return NodeFacts(unreachable=str(err))
        if reply.status:
            return NodeFacts(unreachable=f"python3 there failed: {reply.reason}")
        try:
            parsed = json.loads(reply.stdout)
        except (ValueError, RecursionError):
            return NodeFacts(unreachable="its answer cannot be understood")
        return node_facts(parsed, sent, time.time())

    with ThreadPoolExecutor(min(_MOST, max(1, len(queried)))) as threads:
        return dict(zip(queried, threads.map(query, queried)))
